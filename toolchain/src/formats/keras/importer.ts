import { GraphError, UnsupportedError } from "../../errors.js";
import { GraphBuilder } from "../../graph/builder.js";
import type { OperatorKind, OperatorOf, TensorData } from "../../graph/graph.js";
import { elementCount } from "../../graph/size.js";
import type { LayerConfig } from "./layer-config.js";
import type { LayerCall } from "./model-config.js";
import type { LayerWeights } from "./weights.js";

/** What a layer computes. */
export interface Value {
  /** The graph's tensor. */
  readonly tensor: string;
  /** Keras's shape, batch included. A sequence [N, T, C] may be held as an image of height 1, [N, 1, T, C]. */
  readonly shape: readonly number[];
  /** Behind an Embedding with mask_zero: later layers would leave out steps, which depends on data. */
  readonly isMasked?: boolean;
}

/** One call of a layer, with all that its reader needs. */
export interface LayerContext {
  readonly importer: KerasImporter;
  readonly className: string;
  readonly config: LayerConfig;
  readonly weights: LayerWeights;
  /** Unique in the whole model; names of the graph's operators and tensors begin with it. */
  readonly path: string;
  /** Tensors and plain numbers in their order; the tensors are the values that the layer is given. */
  readonly call: LayerCall;
  readonly kerasMajor: number;
}

/** Reads one call: its inputs' values -> its outputs' values. */
export type ReadLayer = (context: LayerContext, inputs: readonly Value[]) => Value | readonly Value[];
export type LayerTable = Readonly<Record<string, ReadLayer>>;

/** Tensors may hold so many elements while a model is read: a configuration of 2 kB can ask for any shape. */
const MOST_ELEMENTS = 2 ** 28;

/** Grows the graph layer by layer. */
export class KerasImporter {
  readonly builder: GraphBuilder;
  readonly #constants = new Map<string, string>();

  constructor(name: string) {
    this.builder = new GraphBuilder(name);
  }

  /** Adds an operator; gives the name of its (first) output. */
  step<K extends OperatorKind>(
    path: string,
    kind: K,
    inputs: readonly string[],
    attributes: OperatorOf<K>["attributes"],
    outputCount = 1,
  ): string {
    return this.steps(path, kind, inputs, attributes, outputCount)[0]!;
  }

  /** Adds an operator with several outputs. */
  steps<K extends OperatorKind>(
    path: string,
    kind: K,
    inputs: readonly string[],
    attributes: OperatorOf<K>["attributes"],
    outputCount: number,
  ): string[] {
    const outputs: string[] = [];
    for (let i = 0; i < outputCount; i++) {
      outputs.push(this.builder.freshName(i === 0 ? `${path}/${kind}` : `${path}/${kind}:${i}`));
    }
    const operator = { kind, name: outputs[0]!, inputs, outputs, attributes } as OperatorOf<OperatorKind>;
    const made =
      kind === "cast"
        ? this.builder.operator(operator, { dtype: (attributes as OperatorOf<"cast">["attributes"]).to })
        : this.builder.operator(operator);
    for (const name of made) this.#refuseHuge(path, this.builder.get(name).shape);
    return made;
  }

  /** A constant of a layer, once per layer however often that is called. */
  constant(path: string, name: string, shape: readonly number[], data: TensorData): string {
    const key = `${path}/${name}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    if (elementCount(shape) !== data.length) {
      throw new GraphError({
        expected: `${elementCount(shape)} elements for "${key}" [${shape.join(", ")}]`,
        got: `${data.length}`,
        todo: "The file contradicts itself: save the model again.",
      });
    }
    const dtype = data instanceof Float32Array ? "float32" : "int32";
    const made = this.builder.tensor({ name: this.builder.freshName(key), shape, dtype, data });
    this.#constants.set(key, made);
    return made;
  }

  scalar(path: string, name: string, value: number): string {
    return this.constant(path, name, [1], Float32Array.of(value));
  }

  /** The graph's tensor in Keras's own shape. */
  plain(path: string, value: Value): string {
    return this.reshaped(path, value.tensor, value.shape);
  }

  /** The graph's tensor as an image: [N, H, W, C], or [N, 1, T, C] of a sequence. */
  image(path: string, value: Value): string {
    const { shape } = value;
    if (shape.length !== 3 && shape.length !== 4) {
      throw new GraphError({
        expected: `a sequence or an image at ${path}`,
        got: `shape [${shape.join(", ")}]`,
        todo: "Check the layer before it.",
      });
    }
    const [batch, ...rest] = shape as [number, ...number[]];
    return this.reshaped(path, value.tensor, shape.length === 4 ? shape : [batch, 1, ...rest]);
  }

  /** What an operator over images gave, of the same rank as `like`. */
  fromImage(tensor: string, like: Value): Value {
    const shape = this.builder.get(tensor).shape;
    return { tensor, shape: like.shape.length === 4 ? shape : [shape[0]!, ...shape.slice(2)] };
  }

  /** A value in Keras's own shape. */
  made(tensor: string): Value {
    return { tensor, shape: this.builder.get(tensor).shape };
  }

  reshaped(path: string, tensor: string, shape: readonly number[]): string {
    const known = this.builder.get(tensor).shape;
    if (known.length === shape.length && known.every((length, i) => length === shape[i])) return tensor;
    return this.step(path, "reshape", [tensor], { shape });
  }

  #refuseHuge(path: string, shape: readonly number[]): void {
    if (elementCount(shape) <= MOST_ELEMENTS) return;
    throw new UnsupportedError({
      expected: `at most ${MOST_ELEMENTS} elements at "${path}"`,
      got: `shape [${shape.join(", ")}]`,
      todo: "That fits no small device: check the layer's configuration.",
    });
  }
}

/** The one input of a layer that takes one. */
export function only(context: LayerContext, inputs: readonly Value[]): Value {
  const [value] = inputs;
  if (value === undefined || inputs.length !== 1) {
    throw new GraphError({
      expected: `one input of ${context.config.place}`,
      got: `${inputs.length}`,
      todo: "The file's configuration is damaged: save the model again.",
    });
  }
  return value;
}

/** The operands of a call in their order: values in Keras's own shape, and plain numbers as constants. */
export function operands({ importer, path, call }: LayerContext, inputs: readonly Value[]): string[] {
  const values = inputs[Symbol.iterator]();
  return call.arguments.map((argument, i) => {
    if (!("constant" in argument)) return importer.plain(path, values.next().value!);
    const data = Float32Array.from(argument.constant);
    return importer.constant(path, `operand${i}`, [data.length], data);
  });
}
