import { GraphError, UnsupportedError } from "../../errors.js";
import type { Operator, OperatorKind, OperatorOf, Tensor } from "../../graph/graph.js";
import type { FlatTable } from "./table.js";

/** One operator of the file, with its tensors settled. */
export interface TfliteNode {
  /** Name of the operator in TFLite's schema, such as CONV_2D. */
  readonly type: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Tensors that say how values inside the operator are quantized. */
  readonly intermediates: readonly string[];
  /** Builtin options; null where all are at their defaults. */
  readonly options: FlatTable | null;
}

/** The graph as it grows, operator by operator; the tensors of the file are there from the start. */
export class TfliteImporter {
  readonly operators: Operator[] = [];
  readonly #names = new Set<string>();

  constructor(readonly tensors: Map<string, Tensor>) {}

  tensor(node: TfliteNode, name: string | undefined, what: string): Tensor {
    const tensor = this.tensors.get(name ?? "");
    if (tensor === undefined) {
      throw new GraphError({
        expected: `${what} of ${node.type} "${node.name}"`,
        got: "none",
        todo: "The file contradicts TensorFlow Lite's rules at that operator: export it again.",
      });
    }
    return tensor;
  }

  input(node: TfliteNode, index: number): Tensor {
    return this.tensor(node, node.inputs[index], `input ${index}`);
  }

  output(node: TfliteNode, index = 0): Tensor {
    return this.tensor(node, node.outputs[index], `output ${index}`);
  }

  /** Whole numbers of an input that must be known before the model runs, such as axes or a shape. */
  integers(node: TfliteNode, index: number): number[] {
    const { name, data } = this.input(node, index);
    if (data === undefined) {
      throw new UnsupportedError({
        expected: `a constant for input ${index} ("${name}") of ${node.type} "${node.name}"`,
        got: "a value that is computed while the model runs",
        todo: "Convert the model with fixed shapes.",
      });
    }
    return Array.from(data as ArrayLike<number | bigint>, Number);
  }

  add<K extends OperatorKind>(
    node: TfliteNode,
    kind: K,
    inputs: readonly string[],
    attributes: OperatorOf<K>["attributes"],
    outputs: readonly string[] = node.outputs,
  ): void {
    let name = node.name;
    for (let n = 2; this.#names.has(name); n++) name = `${node.name}_${n}`;
    this.#names.add(name);
    this.operators.push({ kind, name, inputs, outputs, attributes } as OperatorOf<OperatorKind>);
  }

  /** A tensor that the file does not have, between two operators that stand for one of the file's. */
  between(like: Tensor, suffix: string, shape: readonly number[]): string {
    let name = `${like.name}/${suffix}`;
    for (let n = 2; this.tensors.has(name); n++) name = `${like.name}/${suffix}_${n}`;
    const { data: _constant, ...rest } = like;
    this.tensors.set(name, { ...rest, name, shape });
    return name;
  }
}
