import type { Rounding } from "../../execute/integer/fixed-point.js";
import { GraphBuilder } from "../../graph/builder.js";
import type { DType, Graph, Operator, Quantization, TensorData } from "../../graph/graph.js";
import { allocate, elementCount } from "../../graph/size.js";

/** Small random graphs of one operator each, the same for every run: what two implementations are held against. */
export interface LitertCase {
  readonly name: string;
  /** How LiteRT rounds in this operator, where it is not twice. */
  readonly rounding?: Rounding;
  readonly graph: Graph;
  /** Codes for each of the graph's inputs, in order. */
  readonly inputs: readonly TensorData[];
  /** Inputs of the runs after the first, for operators that keep a state. */
  readonly further?: readonly (readonly TensorData[])[];
}

/** Mulberry32: small, seeded, good enough to pick shapes and codes. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number in [low, high]. */
  int(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(0, values.length - 1)]!;
  }

  /** Log-uniform in [low, high), as float32. */
  scale(low: number, high: number): number {
    return Math.fround(low * (high / low) ** this.unit());
  }
}

const RANGE: Partial<Record<DType, readonly [number, number]>> = {
  int8: [-128, 127],
  int16: [-32768, 32767],
};

/** What a case says of its operator; inputs and outputs are named by `CaseMaker`. */
export type OperatorOfCase = Operator extends infer O
  ? O extends Operator
    ? Pick<O, "kind" | "attributes">
    : never
  : never;

/** Grows one case: activations in the case's dtype, constants with codes over their whole range. */
export class CaseMaker {
  readonly builder: GraphBuilder;
  readonly inputs: TensorData[] = [];

  constructor(
    readonly name: string,
    readonly dtype: "int8" | "int16",
    readonly dice: Dice,
  ) {
    this.builder = new GraphBuilder(name);
  }

  /** A scale that an activation may have; 16-bit ones are finer for the same range. */
  activationScale(low = 0.004, high = 0.1): number {
    return this.dice.scale(low, high) / (this.dtype === "int16" ? 256 : 1);
  }

  quantization(
    scale = this.activationScale(),
    zeroPoint = this.dtype === "int8" ? this.dice.int(-128, 127) : 0,
  ): Quantization {
    return { scale: new Float32Array([scale]), zeroPoint: new Int32Array([zeroPoint]), axis: null };
  }

  codes(dtype: DType, count: number): TensorData {
    const [low, high] = RANGE[dtype] ?? [0, 0];
    const data = allocate(dtype, count);
    for (let i = 0; i < count; i++) {
      // The ends of the range are where arithmetic saturates, so they come often.
      const code = this.dice.unit() < 0.1 ? this.dice.pick([low, high]) : this.dice.int(low, high);
      data[i] = code;
    }
    return data;
  }

  /** `allowed` keeps codes out at which the operator is not defined. */
  input(
    shape: readonly number[],
    quantization = this.quantization(),
    allowed: (code: number) => boolean = () => true,
  ): string {
    const name = `x${this.inputs.length}`;
    const codes = this.codes(this.dtype, elementCount(shape));
    for (let i = 0; i < codes.length; i++) {
      while (!allowed(Number(codes[i]))) codes[i] = this.codes(this.dtype, 1)[0]!;
    }
    this.inputs.push(codes);
    return this.builder.input({ name, shape, dtype: this.dtype, quantization });
  }

  /** Codes in [-127, 127], zero point 0, one scale or one per index of `axis`. */
  weights(shape: readonly number[], axis: number | null): string {
    const count = axis === null ? 1 : shape[axis]!;
    const scale = Float32Array.from({ length: count }, () => this.dice.scale(0.002, 0.02));
    const data = Int8Array.from({ length: elementCount(shape) }, () => this.dice.int(-127, 127));
    const quantization = { scale, zeroPoint: new Int32Array(count), axis: count === 1 ? null : axis };
    return this.builder.tensor({
      name: this.builder.freshName("w"),
      shape,
      dtype: "int8",
      data,
      quantization,
    });
  }

  /** At scale s_in * s_w; 64 bits under 16-bit activations, as TensorFlow Lite has it. */
  bias(x: string, weights: string, length: number): string {
    const w = this.builder.get(weights).quantization!;
    const sx = this.builder.get(x).quantization!.scale[0]!;
    const quantization = {
      scale: w.scale.map((value) => value * sx),
      zeroPoint: new Int32Array(w.scale.length),
      axis: w.scale.length === 1 ? null : 0,
    };
    const values = Array.from(
      { length },
      () => this.dice.int(-4000, 4000) * (this.dtype === "int16" ? 256 : 1),
    );
    const data = this.dtype === "int16" ? BigInt64Array.from(values, BigInt) : Int32Array.from(values);
    const dtype = this.dtype === "int16" ? "int64" : "int32";
    return this.builder.tensor({
      name: this.builder.freshName("b"),
      shape: [length],
      dtype,
      data,
      quantization,
    });
  }

  /** Adds the operator under test, its outputs being the graph's. */
  finish(
    operator: OperatorOfCase,
    inputs: readonly string[],
    output: { dtype?: DType; quantization?: Quantization } = { quantization: this.quantization() },
    outputs = 1,
  ): LitertCase {
    const names = Array.from({ length: outputs }, (_, i) => `y${i}`);
    this.builder.operator({ ...operator, name: this.name, inputs, outputs: names } as Operator, output);
    this.builder.outputs.push(...names);
    return { name: this.name, graph: this.builder.build(), inputs: this.inputs };
  }

  /** The quantization of a tensor: what operators that only move codes keep. */
  like(name: string): { quantization: Quantization } {
    return { quantization: this.builder.get(name).quantization! };
  }
}
