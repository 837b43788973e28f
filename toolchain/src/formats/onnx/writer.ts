import type { Graph, Operator, Tensor } from "../../graph/graph.js";
import { permute } from "../../graph/size.js";
import {
  type Attribute,
  dataTypeOf,
  type Initializer,
  type Model,
  makeInitializer,
  type Node,
} from "./proto.js";

/** Opset 13 is the first with per-axis QuantizeLinear, and every runtime of the last years reads it. */
export const WRITTEN_OPSET = 13;
const IR_VERSION = 8;

/** Channels-last in the graph, channels-first in the file. */
const TO_CHANNELS_FIRST = [0, 3, 1, 2];

/** What stands of the file while the operators are written one by one. */
export class OnnxWriter {
  readonly nodes: Node[] = [];
  readonly initializers: Initializer[] = [];
  readonly #constants = new Map<string, string>();
  /** Name under which later nodes read a graph tensor as a float. */
  readonly #floats = new Map<string, string>();

  constructor(readonly graph: Graph) {}

  model(emit: (operator: Operator, writer: OnnxWriter) => void): Model {
    const { graph } = this;
    for (const name of graph.inputs) this.#openInput(graph.tensors.get(name)!);
    for (const operator of graph.operators) emit(operator, this);
    return {
      irVersion: IR_VERSION,
      producerName: "mote",
      opsetImport: [{ domain: "", version: WRITTEN_OPSET }],
      graph: {
        name: graph.name,
        node: this.nodes,
        initializer: this.initializers,
        input: graph.inputs.map((name) => this.#valueInfo(graph.tensors.get(name)!)),
        output: graph.outputs.map((name) => this.#valueInfo(graph.tensors.get(name)!)),
      },
    };
  }

  tensor(name: string): Tensor {
    return this.graph.tensors.get(name)!;
  }

  /** The file's name of an activation, or of a constant made ready for a channels-first reader. */
  read(name: string): string {
    const known = this.#floats.get(name);
    if (known !== undefined) return known;
    const tensor = this.tensor(name);
    return this.constant(name, tensor, tensor.data === undefined ? undefined : identity(tensor.shape.length));
  }

  /** Adds a constant once, its axes permuted; an integer one with quantization is read through DequantizeLinear. */
  constant(
    name: string,
    tensor: Tensor,
    permutation: readonly number[] | undefined,
    shape?: readonly number[],
  ): string {
    const key = `${name}|${permutation?.join()}|${shape?.join()}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const file = permuted(tensor, permutation, shape);
    const isFirst = ![...this.#constants.keys()].some((other) => other.startsWith(`${name}|`));
    const fileName = isFirst ? name : `${name}/${this.#constants.size}`;
    let out = fileName;
    if (file.quantization === undefined) {
      this.initializers.push(makeInitializer(fileName, file.shape, file.dtype, file.data!));
    } else {
      this.initializers.push(makeInitializer(`${fileName}/q`, file.shape, file.dtype, file.data!));
      out = `${fileName}/dq`;
      const axis = file.quantization.axis;
      this.node(
        "DequantizeLinear",
        [`${fileName}/q`, ...this.#scales(fileName, file)],
        [out],
        axis === null ? {} : { axis },
      );
    }
    this.#constants.set(key, out);
    return out;
  }

  /** A constant of the writer's own, such as a shape. */
  literal(name: string, shape: readonly number[], data: Float32Array | BigInt64Array): string {
    const dtype = data instanceof Float32Array ? "float32" : "int64";
    this.initializers.push(makeInitializer(name, shape, dtype, data));
    return name;
  }

  node(
    opType: string,
    input: readonly string[],
    output: readonly string[],
    attributes: Attributes = {},
  ): void {
    this.nodes.push({
      opType,
      name: output[0] ?? opType,
      input: [...input],
      output: [...output],
      attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    });
  }

  /** Where an operator puts its float result; follow with `close` when its node stands. */
  open(name: string): string {
    const tensor = this.tensor(name);
    return tensor.quantization === undefined ? name : `${name}/f`;
  }

  /** Quantizes and dequantizes the result where the graph holds it as codes. */
  close(name: string): void {
    const tensor = this.tensor(name);
    if (tensor.quantization === undefined) {
      this.#floats.set(name, name);
      return;
    }
    const isOutput = this.graph.outputs.includes(name);
    this.#quantizePair(`${name}/f`, tensor, isOutput ? name : `${name}/dq`);
  }

  #openInput(tensor: Tensor): void {
    if (tensor.quantization === undefined) this.#floats.set(tensor.name, tensor.name);
    else this.#quantizePair(tensor.name, tensor, `${tensor.name}/dq`);
  }

  #quantizePair(from: string, tensor: Tensor, to: string): void {
    const scales = this.#scales(tensor.name, tensor);
    this.node("QuantizeLinear", [from, ...scales], [`${tensor.name}/q`]);
    this.node("DequantizeLinear", [`${tensor.name}/q`, ...scales], [to]);
    this.#floats.set(tensor.name, to);
  }

  #scales(name: string, { quantization, dtype }: Tensor): [string, string] {
    const { scale, zeroPoint, axis } = quantization!;
    const shape = axis === null ? [] : [scale.length];
    const zero =
      dtype === "int32"
        ? zeroPoint
        : dtype === "uint8"
          ? Uint8Array.from(zeroPoint)
          : Int8Array.from(zeroPoint);
    this.initializers.push(
      makeInitializer(`${name}/scale`, shape, "float32", scale),
      makeInitializer(`${name}/zero`, shape, dtype, zero),
    );
    return [`${name}/scale`, `${name}/zero`];
  }

  #valueInfo(tensor: Tensor): object {
    const shape =
      tensor.shape.length === 4 ? TO_CHANNELS_FIRST.map((axis) => tensor.shape[axis]!) : tensor.shape;
    const elemType = tensor.quantization === undefined ? dataTypeOf(tensor.dtype) : 1;
    return {
      name: tensor.name,
      type: { tensorType: { elemType, shape: { dim: shape.map((length) => ({ dimValue: length })) } } },
    };
  }
}

export type Attributes = Record<string, number | string | readonly number[] | { readonly float: number }>;

/** Whole numbers are written as INT, so a float that may be whole says so: { float: 1 }. */
function attribute(name: string, value: Attributes[string]): Attribute {
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  if (typeof value === "number") return { name, type: 2, i: value };
  if ("float" in value) return { name, type: 1, f: value.float };
  return { name, type: 7, ints: [...value] };
}

function identity(rank: number): number[] {
  return rank === 4 ? TO_CHANNELS_FIRST : Array.from({ length: rank }, (_, i) => i);
}

function permuted(
  tensor: Tensor,
  permutation: readonly number[] | undefined,
  shape?: readonly number[],
): Tensor {
  if (permutation === undefined) return tensor;
  const moved = permuteTensor(tensor, permutation);
  return shape === undefined ? moved : { ...moved, shape };
}

function permuteTensor(tensor: Tensor, permutation: readonly number[]): Tensor {
  const { data, shape } = permute(tensor.data!, tensor.shape, permutation);
  const { quantization } = tensor;
  const axis = quantization?.axis;
  return {
    ...tensor,
    shape,
    data,
    ...(quantization === undefined
      ? {}
      : {
          quantization: {
            ...quantization,
            axis: axis === null || axis === undefined ? null : permutation.indexOf(axis),
          },
        }),
  };
}
