import { utf8 } from "@mote/protocol";
import { UnsupportedError } from "../../errors.js";
import type { Graph, Operator, Tensor, TensorData } from "../../graph/graph.js";
import { permute } from "../../graph/size.js";
import {
  type Attribute,
  dataTypeOf,
  type Initializer,
  type Model,
  makeInitializer,
  type Node,
} from "./proto.js";
import { CHANNELS_LAST, identityOrder, type Order } from "./reader/layout.js";

/** Opset 13 is the first with per-axis QuantizeLinear, and every runtime of the last years reads it. */
export const WRITTEN_OPSET = 13;
/** LayerNormalization came with 17, Gelu with 20; a model that has them needs a runtime that does. */
const OPSET_OF: Readonly<Record<string, number>> = { LayerNormalization: 17, Gelu: 20, HardSwish: 14 };
/** 16-bit codes came to QuantizeLinear with 21, and with it the next version of the file itself. */
const INT16_OPSET = 21;
const IR_VERSION = 8;
const INT16_IR_VERSION = 10;

/** Which axis of the graph's [N, H, W, C] stands at each place of the file's [N, C, H, W]. */
const TO_CHANNELS_FIRST: Order = [0, 3, 1, 2];
const RANK = 4;

/**
 * What stands of the file while the operators are written one by one. Inside the file, values of rank 4 are
 * channels-first; each can also be had in the graph's own order, for operators whose axes would not survive.
 */
export class OnnxWriter {
  readonly #nodes: Node[] = [];
  readonly #initializers: Initializer[] = [];
  readonly #constants = new Map<string, string>();
  /** Names under which later nodes read a tensor as a float: channels-first, and in the graph's order. */
  readonly #floats = new Map<string, string>();
  readonly #plain = new Map<string, string>();
  readonly #opened = new Map<string, string>();
  readonly #names = new Set<string>();
  readonly #nodeNames = new Set<string>();
  /** Whether codes of 16 bits were written, which need a newer opset. */
  #hasInt16 = false;

  constructor(readonly graph: Graph) {
    for (const { name, data } of graph.tensors.values()) if (data === undefined) this.#names.add(name);
  }

  model(emit: (operator: Operator, writer: OnnxWriter) => void): Model {
    const { graph } = this;
    for (const name of graph.inputs) this.#openInput(this.tensor(name));
    for (const operator of graph.operators) emit(operator, this);
    for (const name of graph.outputs) this.#closeOutput(this.tensor(name));
    const hasInt16 = this.#hasInt16;
    const opset = Math.max(
      hasInt16 ? INT16_OPSET : WRITTEN_OPSET,
      ...this.#nodes.map(({ opType }) => OPSET_OF[opType ?? ""] ?? 0),
    );
    return {
      irVersion: hasInt16 ? INT16_IR_VERSION : IR_VERSION,
      producerName: "mote",
      opsetImport: [{ domain: "", version: opset }],
      graph: {
        name: graph.name,
        node: this.#nodes,
        initializer: this.#initializers,
        input: graph.inputs.map((name) => this.#valueInfo(this.tensor(name))),
        output: graph.outputs.map((name) => this.#valueInfo(this.tensor(name))),
      },
    };
  }

  tensor(name: string): Tensor {
    return this.graph.tensors.get(name)!;
  }

  rank(name: string): number {
    return this.tensor(name).shape.length;
  }

  /** The file's name of a value; of rank 4 it is channels-first. */
  read(name: string): string {
    const known = this.#floats.get(name);
    if (known !== undefined) return known;
    const tensor = this.tensor(name);
    if (tensor.data !== undefined) {
      return this.constant(tensor, tensor.shape.length === RANK ? TO_CHANNELS_FIRST : undefined);
    }
    const made = this.#transposed(this.#plain.get(name)!, TO_CHANNELS_FIRST, `${name}/first`);
    this.#floats.set(name, made);
    return made;
  }

  /** The file's name of a value in the graph's own order. */
  readPlain(name: string): string {
    const tensor = this.tensor(name);
    if (tensor.shape.length !== RANK) return this.read(name);
    if (tensor.data !== undefined) return this.constant(tensor, undefined);
    const known = this.#plain.get(name);
    if (known !== undefined) return known;
    const made = this.#transposed(this.read(name), CHANNELS_LAST, `${name}/last`);
    this.#plain.set(name, made);
    return made;
  }

  /** Weights, whose axes are theirs alone: constant nearly always, transposed in the file where not. */
  readWeights(name: string, permutation: Order): string {
    const tensor = this.tensor(name);
    if (tensor.data !== undefined) return this.constant(tensor, permutation);
    return this.#transposed(this.readPlain(name), permutation, `${name}/weights`);
  }

  /** Adds a constant once, its axes permuted; an integer one with quantization is read through DequantizeLinear. */
  constant(tensor: Tensor, permutation: Order | undefined): string {
    const key = `${tensor.name}|${permutation?.join()}|${tensor.shape.join()}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const file = inFile(permutation === undefined ? tensor : permuteTensor(tensor, permutation));
    const name = this.fresh(tensor.name);
    const { quantization } = file;
    let out = name;
    if (quantization === undefined) {
      this.#initializers.push(makeInitializer(name, file.shape, file.dtype, file.data!));
    } else {
      this.#initializers.push(makeInitializer(`${name}/q`, file.shape, file.dtype, file.data!));
      out = `${name}/dq`;
      const inputs = [`${name}/q`, ...this.#scales(name, file)];
      this.node(
        "DequantizeLinear",
        inputs,
        [out],
        quantization.axis === null ? {} : { axis: quantization.axis },
      );
    }
    this.#constants.set(key, out);
    return out;
  }

  /** A constant of the writer's own, such as a shape. */
  literal(name: string, shape: readonly number[], data: TensorData): string {
    const made = this.fresh(name);
    const dtype = data instanceof Float32Array ? "float32" : "int64";
    this.#initializers.push(makeInitializer(made, shape, dtype, data));
    return made;
  }

  integers(name: string, values: readonly number[]): string {
    return this.literal(name, [values.length], BigInt64Array.from(values, BigInt));
  }

  node(
    opType: string,
    input: readonly string[],
    output: readonly string[],
    attributes: Attributes = {},
  ): void {
    this.#nodes.push({
      opType,
      name: this.#nodeName(output[0] ?? opType),
      input: [...input],
      output: [...output],
      attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    });
  }

  /** Where an operator puts its float result; follow with `close` when its node stands. */
  open(name: string): string {
    const known = this.#opened.get(name);
    if (known !== undefined) return known;
    const tensor = this.tensor(name);
    let result = name;
    if (tensor.quantization !== undefined) result = this.fresh(`${name}/f`);
    else if (this.#needsMove(tensor) && this.graph.outputs.includes(name))
      result = this.fresh(`${name}/inside`);
    this.#opened.set(name, result);
    return result;
  }

  /** The result stands; it is quantized and dequantized where the graph holds it as codes. */
  close(name: string, form: "channels-first" | "plain" = "channels-first"): void {
    const tensor = this.tensor(name);
    const known = form === "plain" && tensor.shape.length === RANK ? this.#plain : this.#floats;
    const opened = this.open(name);
    known.set(name, tensor.quantization === undefined ? opened : this.#quantizePair(opened, tensor));
  }

  fresh(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.#names.has(name); n++) name = `${wanted}/${n}`;
    this.#names.add(name);
    return name;
  }

  #nodeName(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.#nodeNames.has(name); n++) name = `${wanted}/${n}`;
    this.#nodeNames.add(name);
    return name;
  }

  #openInput(tensor: Tensor): void {
    let value = tensor.name;
    if (this.#needsMove(tensor)) {
      const order = this.#fileOrder(tensor);
      const bare = order.filter((axis) => axis >= 0);
      value = this.#transposed(value, bare, `${tensor.name}/ordered`);
      if (bare.length !== order.length) value = this.#reshaped(value, tensor.shape, `${tensor.name}/shaped`);
      if (order.length === RANK) value = this.#transposed(value, TO_CHANNELS_FIRST, `${tensor.name}/first`);
    }
    this.#floats.set(
      tensor.name,
      tensor.quantization === undefined ? value : this.#quantizePair(value, tensor),
    );
  }

  #closeOutput(tensor: Tensor): void {
    const { name } = tensor;
    if (this.#needsMove(tensor)) {
      const order = this.#fileOrder(tensor);
      const bare = order.filter((axis) => axis >= 0);
      let value = this.readPlain(name);
      if (bare.length !== order.length) {
        const shape = tensor.shape.filter((_, i) => order[i]! >= 0);
        value = this.#reshaped(value, shape, `${name}/squeezed`);
      }
      this.node("Transpose", [value], [name], { perm: bare.map((_, axis) => bare.indexOf(axis)) });
    } else if (this.read(name) !== name) {
      this.node("Identity", [this.read(name)], [name]);
    }
  }

  #fileOrder({ name, shape }: Tensor): Order {
    return this.graph.fileOrder?.get(name) ?? defaultOrder(shape.length);
  }

  #needsMove(tensor: Tensor): boolean {
    const wanted = defaultOrder(tensor.shape.length);
    return this.#fileOrder(tensor).some((axis, i) => axis !== wanted[i]);
  }

  #transposed(value: string, perm: Order, name: string): string {
    if (perm.every((axis, i) => axis === i)) return value;
    const out = this.fresh(name);
    this.node("Transpose", [value], [out], { perm });
    return out;
  }

  #reshaped(value: string, shape: readonly number[], name: string): string {
    const out = this.fresh(name);
    this.node("Reshape", [value, this.integers(`${name}/shape`, shape)], [out]);
    return out;
  }

  #quantizePair(from: string, tensor: Tensor): string {
    const { name } = tensor;
    const isOutput = this.graph.outputs.includes(name) && !this.#needsMove(tensor);
    const to = isOutput && !this.graph.inputs.includes(name) ? name : `${name}/dq`;
    const scales = this.#scales(name, tensor);
    this.node("QuantizeLinear", [from, ...scales], [`${name}/q`]);
    this.node("DequantizeLinear", [`${name}/q`, ...scales], [to]);
    return to;
  }

  #scales(name: string, { quantization, dtype }: Tensor): [string, string] {
    this.#hasInt16 ||= dtype === "int16";
    const { scale, zeroPoint, axis } = quantization!;
    const shape = axis === null ? [] : [scale.length];
    this.#initializers.push(
      makeInitializer(`${name}/scale`, shape, "float32", scale),
      makeInitializer(`${name}/zero`, shape, dtype, codes(zeroPoint, dtype)),
    );
    return [`${name}/scale`, `${name}/zero`];
  }

  #valueInfo(tensor: Tensor): object {
    const order = this.#fileOrder(tensor);
    const shape = new Array<number>(order.filter((axis) => axis >= 0).length);
    order.forEach((axis, i) => {
      if (axis >= 0) shape[axis] = tensor.shape[i]!;
    });
    const elemType = tensor.quantization === undefined ? dataTypeOf(tensor.dtype) : 1;
    return {
      name: tensor.name,
      type: { tensorType: { elemType, shape: { dim: shape.map((length) => ({ dimValue: length })) } } },
    };
  }
}

export type Attributes = Record<
  string,
  number | string | readonly number[] | { readonly float: number } | { readonly strings: readonly string[] }
>;

/** Whole numbers are written as INT, so a float that may be whole says so: { float: 1 }. */
function attribute(name: string, value: Attributes[string]): Attribute {
  if (typeof value === "string") return { name, type: 3, s: utf8(value) };
  if (typeof value === "number") return { name, type: 2, i: value };
  if ("float" in value) return { name, type: 1, f: value.float };
  if ("strings" in value) return { name, type: 8, strings: value.strings.map((text) => utf8(text)) };
  return { name, type: 7, ints: [...value] };
}

function defaultOrder(rank: number): Order {
  return rank === RANK ? CHANNELS_LAST : identityOrder(rank);
}

function codes(zeroPoint: Int32Array, dtype: Tensor["dtype"]): TensorData {
  switch (dtype) {
    case "int32":
      return zeroPoint;
    case "int16":
      return Int16Array.from(zeroPoint);
    case "uint8":
      return Uint8Array.from(zeroPoint);
    default:
      return Int8Array.from(zeroPoint);
  }
}

/** ONNX has no 64-bit codes: the biases beside int16 activations are written with 32, which hold them. */
function inFile(tensor: Tensor): Tensor {
  const { data, quantization } = tensor;
  if (!(data instanceof BigInt64Array) || quantization === undefined) return tensor;
  const codes = Int32Array.from(data, Number);
  if (codes.some((code, i) => BigInt(code) !== data[i])) {
    throw new UnsupportedError({
      expected: `codes of "${tensor.name}" that fit 32 bits`,
      got: "wider ones",
      todo: "Write the model as .tflite, which has 64-bit biases.",
    });
  }
  return { ...tensor, dtype: "int32", data: codes };
}

function permuteTensor(tensor: Tensor, permutation: Order): Tensor {
  const { data, shape } = permute(tensor.data!, tensor.shape, permutation);
  const { quantization } = tensor;
  if (quantization === undefined) return { ...tensor, shape, data };
  const axis = quantization.axis === null ? null : permutation.indexOf(quantization.axis);
  return { ...tensor, shape, data, quantization: { ...quantization, axis } };
}
