import { ModelFormatError } from "../../../errors.js";
import { GraphBuilder } from "../../../graph/builder.js";
import type {
  DType,
  OperatorKind,
  OperatorOf,
  Quantization,
  Tensor,
  TensorData,
} from "../../../graph/graph.js";
import { elementCount, permute } from "../../../graph/size.js";
import { identityOrder, type Order, orderedShape, sameBytes, sameOrder } from "./layout.js";
import type { OnnxNode } from "./node.js";

/** A value that the model computes: a tensor of the graph, and how the file's axes stand in it. */
export interface Activation {
  readonly tensor: string;
  /** The file's shape. */
  readonly shape: readonly number[];
  readonly order: Order;
  /**
   * Set where a channels-last tensor was flattened to [N, K] although the file flattens channels-first: the K columns
   * stand in another order than the file's. A layer with constant weights takes them as they are and reorders its weights.
   */
  readonly flattened?: { readonly shape: readonly number[]; readonly order: Order };
}

/** A value known before the model runs. `quantization.axis` counts the file's axes. */
export interface Constant {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: TensorData;
  readonly quantization?: Quantization;
}

/** Grows the graph node by node. Values are known by their names in the file. */
export class OnnxImporter {
  readonly builder: GraphBuilder;
  readonly #values = new Map<string, Activation | Constant>();
  readonly #moved = new Map<string, string>();

  constructor(graphName: string) {
    this.builder = new GraphBuilder(graphName);
  }

  set(name: string, value: Activation | Constant): void {
    if (this.#values.has(name)) {
      throw new ModelFormatError({
        expected: "every value to be made once",
        got: `"${name}" made twice`,
        todo: "Export the model again with unique names.",
      });
    }
    this.#values.set(name, value);
  }

  value(name: string): Activation | Constant {
    const value = this.#values.get(name);
    if (value === undefined) {
      throw new ModelFormatError({
        expected: `"${name}" to be made before it is read`,
        got: "no input, constant or earlier node of that name",
        todo: "The graph has a cycle, is out of order or was cut: export the model again.",
      });
    }
    return value;
  }

  /** The constant of that name; undefined where it is computed or the optional input is absent. */
  constant(name: string): Constant | undefined {
    if (name === "") return undefined;
    const value = this.value(name);
    return "data" in value ? value : undefined;
  }

  /** Whole numbers of a constant, such as a shape. */
  integers(node: OnnxNode, index: number): number[] | undefined {
    const name = node.input(index);
    if (name === "") return undefined;
    const constant = this.constant(name);
    if (constant === undefined) {
      throw node.fault(`a constant for input ${index} ("${name}")`, "a value that changes from run to run");
    }
    return Array.from(constant.data as ArrayLike<number | bigint>, Number);
  }

  /** A computed value; a constant becomes a tensor of the graph in the file's own order. */
  activation(name: string): Activation {
    const value = this.value(name);
    if (!("data" in value)) return value;
    const order = identityOrder(value.shape.length);
    return { tensor: this.constantTensor(name, value, order), shape: value.shape, order };
  }

  /** Puts a constant into the graph in `order`, once per order. Gives the tensor's name. */
  constantTensor(name: string, constant: Constant, order: Order, shape?: readonly number[]): string {
    const key = `constant ${name}|${order.join()}|${shape?.join() ?? ""}`;
    const known = this.#moved.get(key);
    if (known !== undefined) return known;
    const tensor = orderedConstant(constant, order, shape);
    const made = this.builder.tensor({ ...tensor, name: this.builder.freshName(name) });
    this.#moved.set(key, made);
    return made;
  }

  /** The graph tensor that holds `value` in `order`; transposes and reshapes only where bytes must move. */
  inOrder(value: Activation, order: Order): string {
    if (value.flattened !== undefined) return this.inOrder(this.#unflatten(value), order);
    if (sameOrder(value.order, order)) return value.tensor;
    const key = `${value.tensor}|${order.join()}`;
    const known = this.#moved.get(key);
    if (known !== undefined) return known;
    let current = value.tensor;
    if (!sameBytes(value.shape, value.order, order)) {
      const bare = value.order.filter((axis) => axis >= 0);
      const wanted = order.filter((axis) => axis >= 0);
      current = this.reshaped(current, orderedShape(value.shape, bare));
      current = this.#layoutOperator(current, "transpose", {
        permutation: wanted.map((axis) => bare.indexOf(axis)),
      });
    }
    current = this.reshaped(current, orderedShape(value.shape, order));
    this.#moved.set(key, current);
    return current;
  }

  /** The graph tensor in the file's own order. */
  plain(value: Activation): string {
    return this.inOrder(value, identityOrder(value.shape.length));
  }

  /** A value, constant or not, in `order`: weights are constants nearly always, and need not be. */
  operand(name: string, order: Order, shape?: readonly number[]): string {
    const value = this.value(name);
    if ("data" in value) return this.constantTensor(name, value, order, shape);
    const tensor = this.inOrder(value, order);
    return shape === undefined ? tensor : this.reshaped(tensor, shape);
  }

  /** The file's shape of a value, constant or not. */
  shapeOf(name: string): readonly number[] {
    return this.value(name).shape;
  }

  /** A scalar or small constant that stands in no file. */
  literal(name: string, shape: readonly number[], data: TensorData, dtype: DType = "float32"): string {
    return this.builder.tensor({ name: this.builder.freshName(name), shape, dtype, data });
  }

  reshaped(tensor: string, shape: readonly number[]): string {
    if (sameOrder(this.builder.get(tensor).shape, shape)) return tensor;
    return this.#layoutOperator(tensor, "reshape", { shape });
  }

  /** Adds an operator whose first output is the node's, held in `order`. `fileShape` is the file's shape of it. */
  emit<K extends OperatorKind>(
    node: OnnxNode,
    kind: K,
    inputs: readonly string[],
    attributes: OperatorOf<K>["attributes"],
    order: Order,
    output: Partial<Pick<Tensor, "dtype" | "quantization">> = {},
  ): Activation {
    const tensor = this.step(node, kind, inputs, attributes, output);
    const value = { tensor, shape: fileShape(this.builder.get(tensor).shape, order), order };
    this.set(node.outputs[0]!, value);
    return value;
  }

  /** Adds an operator on the way to a node's output; gives the name of the graph's tensor. */
  step<K extends OperatorKind>(
    node: OnnxNode,
    kind: K,
    inputs: readonly string[],
    attributes: OperatorOf<K>["attributes"],
    output: Partial<Pick<Tensor, "dtype" | "quantization">> = {},
  ): string {
    const name = this.builder.freshName(node.outputs[0]!);
    const operator = { kind, name: node.name, inputs, outputs: [name], attributes };
    return this.builder.operator(operator as OperatorOf<OperatorKind>, output)[0]!;
  }

  #layoutOperator<K extends "reshape" | "transpose">(
    tensor: string,
    kind: K,
    attributes: OperatorOf<K>["attributes"],
  ): string {
    const out = this.builder.freshName(`${tensor}/${kind}`);
    const { quantization } = this.builder.get(tensor);
    const operator = { kind, name: out, inputs: [tensor], outputs: [out], attributes };
    this.builder.operator(
      operator as OperatorOf<OperatorKind>,
      quantization === undefined ? {} : { quantization },
    );
    return out;
  }

  #unflatten(value: Activation): Activation {
    const { shape, order } = value.flattened!;
    const tensor = this.reshaped(value.tensor, orderedShape(shape, order));
    const plain = this.plain({ tensor, shape, order });
    return {
      tensor: this.reshaped(plain, value.shape),
      shape: value.shape,
      order: identityOrder(value.shape.length),
    };
  }
}

/** The file's shape of a graph tensor that stands in `order`. */
function fileShape(shape: readonly number[], order: Order): number[] {
  const out = new Array<number>(order.filter((axis) => axis >= 0).length);
  order.forEach((axis, i) => {
    if (axis >= 0) out[axis] = shape[i]!;
  });
  return out;
}

/** A constant with its axes reordered, then seen in another `shape` of as many elements. */
export function orderedConstant(
  constant: Constant,
  order: Order,
  shape?: readonly number[],
): Omit<Tensor, "name"> {
  const bare = order.filter((axis) => axis >= 0);
  const isPlain = sameBytes(constant.shape, bare, identityOrder(constant.shape.length));
  const data = isPlain ? constant.data : permute(constant.data, constant.shape, bare).data;
  const finalShape = shape ?? orderedShape(constant.shape, order);
  if (elementCount(finalShape) !== data.length) {
    throw new ModelFormatError({
      expected: `a constant of ${elementCount(finalShape)} elements`,
      got: `${data.length} in shape [${constant.shape.join(", ")}]`,
      todo: "The file contradicts itself: export the model again.",
    });
  }
  const { quantization, dtype } = constant;
  if (quantization === undefined) return { shape: finalShape, dtype, data };
  const axis = quantization.axis === null ? null : order.indexOf(quantization.axis);
  return { shape: finalShape, dtype, data, quantization: { ...quantization, axis } };
}
