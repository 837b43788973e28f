import { ModelFormatError } from "../../errors.js";
import type { GraphBuilder } from "../../graph/builder.js";
import type { DType, Operator, Quantization, TensorData } from "../../graph/graph.js";
import { permute } from "../../graph/size.js";
import { type Attribute, type Initializer, type Node, toNumber, unsupported } from "./proto.js";

export const TO_CHANNELS_LAST = [0, 2, 3, 1];
const TO_CHANNELS_FIRST = [0, 3, 1, 2];

export interface Constant {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: TensorData;
  readonly quantization?: Quantization;
}

export interface Activation {
  readonly kind: "activation";
  readonly tensor: string;
  /** The graph holds [N, H, W, C] where the file says [N, C, H, W]. */
  readonly channelsLast: boolean;
}

export type Value = Activation | { readonly kind: "constant"; readonly constant: Constant };

export class OnnxImporter {
  readonly #values = new Map<string, Value>();

  constructor(
    readonly builder: GraphBuilder,
    readonly opset: number,
  ) {}

  define(name: string, value: Value): void {
    if (this.#values.has(name)) {
      throw new ModelFormatError({
        expected: "every value to be made once",
        got: `"${name}" made twice`,
        todo: "Export the model again with unique names.",
      });
    }
    this.#values.set(name, value);
  }

  known(name: string): Value | undefined {
    return this.#values.get(name);
  }

  value(name: string, node: Node): Value {
    const value = this.#values.get(name);
    if (value === undefined) {
      throw new ModelFormatError({
        expected: `"${name}" to be made before ${place(node)} reads it`,
        got: "no input, constant or earlier node of that name",
        todo: "The graph has a cycle, is out of order or was cut: export the model again.",
      });
    }
    return value;
  }

  activation(node: Node, index: number): Activation {
    const name = node.input?.[index] ?? "";
    const value = this.value(name, node);
    if (value.kind === "activation") return value;
    return { kind: "activation", tensor: this.addConstant(name, value.constant), channelsLast: false };
  }

  /** Null where the input is absent or computed. */
  constant(node: Node, index: number): Constant | null {
    const name = node.input?.[index] ?? "";
    if (name === "") return null;
    const value = this.value(name, node);
    return value.kind === "constant" ? value.constant : null;
  }

  requireConstant(node: Node, index: number, what: string): Constant {
    const constant = this.constant(node, index);
    if (constant === null) {
      throw unsupported(`${place(node)} with ${what} computed at run time`, "Export it as a constant.");
    }
    return constant;
  }

  addConstant(name: string, constant: Constant): string {
    return this.builder.tensor({ ...constant, name: this.builder.freshName(name) });
  }

  channelsLast(node: Node, index: number): string {
    const { tensor, channelsLast } = this.activation(node, index);
    return channelsLast ? tensor : this.#transposed(tensor, TO_CHANNELS_LAST);
  }

  plain(node: Node, index: number): string {
    const { tensor, channelsLast } = this.activation(node, index);
    return channelsLast ? this.#transposed(tensor, TO_CHANNELS_FIRST) : tensor;
  }

  result(node: Node, body: Omit<Operator, "name" | "outputs">, channelsLast: boolean, dtype?: DType): void {
    const file = node.output?.[0] ?? "";
    const tensor = this.builder.freshName(file);
    const operator = { ...body, name: node.name || file, outputs: [tensor] } as Operator;
    this.builder.operator(operator, dtype === undefined ? {} : { dtype });
    this.define(file, { kind: "activation", tensor, channelsLast });
  }

  #transposed(tensor: string, permutation: readonly number[]): string {
    const out = this.builder.freshName(`${tensor}/transposed`);
    this.builder.operator({
      kind: "transpose",
      name: out,
      inputs: [tensor],
      outputs: [out],
      attributes: { permutation },
    });
    return out;
  }
}

export class NodeAttributes {
  readonly #byName: ReadonlyMap<string, Attribute>;

  constructor(node: Node) {
    this.#byName = new Map((node.attribute ?? []).map((attribute) => [attribute.name ?? "", attribute]));
  }

  int(name: string, fallback: number): number {
    const attribute = this.#byName.get(name);
    return attribute === undefined ? fallback : toNumber(attribute.i);
  }

  float(name: string, fallback: number): number {
    return this.#byName.get(name)?.f ?? fallback;
  }

  ints(name: string): number[] | undefined {
    return this.#byName.get(name)?.ints?.map(toNumber);
  }

  text(name: string, fallback: string): string {
    const bytes = this.#byName.get(name)?.s;
    return bytes ? new TextDecoder().decode(bytes) : fallback;
  }

  tensor(name: string): Initializer | undefined {
    return this.#byName.get(name)?.t ?? undefined;
  }
}

export function permuteConstant(constant: Constant, permutation: readonly number[]): Constant {
  const { data, shape } = permute(constant.data, constant.shape, permutation);
  const { quantization } = constant;
  if (quantization === undefined || quantization.axis === null) return { ...constant, data, shape };
  return {
    ...constant,
    data,
    shape,
    quantization: { ...quantization, axis: permutation.indexOf(quantization.axis) },
  };
}

export function place(node: Node): string {
  return `${node.opType} "${node.name || node.output?.[0] || ""}"`;
}
