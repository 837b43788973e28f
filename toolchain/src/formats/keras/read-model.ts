import { GraphError, ModelFormatError, UnsupportedError } from "../../errors.js";
import type { Graph } from "../../graph/graph.js";
import { renameTensors } from "../../graph/rewrite.js";
import { validateGraph } from "../../graph/validate.js";
import { refuseUnsupported, type Survey, type SurveyedTensor, surveyOperators } from "../survey.js";
import { KerasImporter, type Value } from "./importer.js";
import type { Json } from "./layer-config.js";
import { LAYERS, READABLE_LAYERS } from "./layers/table.js";
import type { KerasTensor, Layer, ModelConfig } from "./model-config.js";
import { snakeCase } from "./snake-case.js";
import { type LayerPlace, LayerWeights, type NamedArray, type WeightStore } from "./weights.js";

export interface KerasOptions {
  /** Lengths for dimensions that the model leaves open, by "input:axis". The batch is 1 if not given. */
  readonly dimensions?: Readonly<Record<string, number>>;
}

/** A Keras model, whatever file it came in. */
export interface KerasModel {
  readonly config: ModelConfig;
  readonly weights: WeightStore;
  /** Version of Keras that wrote it: hard_sigmoid and some defaults changed with 3. */
  readonly kerasMajor: number;
}

/** Layers in a model and in the models inside it. */
const MOST_LAYERS = 10_000;

/**
 * Makes the graph of a model. Layers are taken as they become ready, so that the file's order does not matter. Throws
 * UnsupportedError that lists every layer that is not read, ModelFormatError or GraphError naming the layer at fault.
 */
export function graphOf(model: KerasModel, options: KerasOptions): Graph {
  refuseUnsupported(surveyKeras(model.config).unsupported);
  const reader = new ModelReader(model, options);
  const outputs = reader.read(model.config, [], "", null);
  return reader.finish(outputs);
}

/** What the configuration holds, whether or not each layer can be read. */
export function surveyKeras(config: ModelConfig): Survey {
  const layers = allLayers(config, []);
  const known = new Set(READABLE_LAYERS);
  return {
    inputs: config.inputs.map(({ layer }) => surveyed(config, layer)),
    outputs: config.outputs.map(({ layer }) => ({ name: layer, shape: [] })),
    ...surveyOperators(
      layers
        .filter(({ className }) => className !== "InputLayer")
        .map(({ className, name }) => ({ type: className, name })),
      (type) => known.has(type),
    ),
  };
}

function surveyed(config: ModelConfig, name: string): SurveyedTensor {
  const shape = inputShape(config.layers.find((layer) => layer.name === name));
  return { name, shape: (shape ?? []).map((length) => (typeof length === "number" ? length : null)) };
}

function inputShape(layer: Layer | undefined): readonly Json[] | null {
  const fields = layer?.config.fields;
  const shape = fields?.["batch_shape"] ?? fields?.["batch_input_shape"];
  return Array.isArray(shape) ? shape : null;
}

function allLayers(config: ModelConfig, into: Layer[]): Layer[] {
  for (const layer of config.layers) {
    if (into.length > MOST_LAYERS) throw fault(`at most ${MOST_LAYERS} layers`, "more");
    if (layer.model === undefined) into.push(layer);
    else allLayers(layer.model, into);
  }
  return into;
}

class ModelReader {
  readonly #importer: KerasImporter;
  /** Tensors that are a layer's result take the layer's name at the end. */
  readonly #names = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #places: readonly { readonly layer: Layer; readonly place: LayerPlace }[];
  #calls = 0;

  constructor(
    readonly model: KerasModel,
    readonly options: KerasOptions,
  ) {
    this.#importer = new KerasImporter(model.config.name);
    this.#places = allPlaces(model.config, [], "");
  }

  /** `given` are the values that a model inside a model is called on; null for the outermost one. */
  read(
    config: ModelConfig,
    around: readonly string[],
    counted: string,
    given: readonly Value[] | null,
  ): Value[] {
    const values = new Map<string, readonly Value[]>();
    config.inputs.forEach(({ layer: name }, i) => {
      const layer = config.layers.find((candidate) => candidate.name === name);
      if (layer === undefined) throw fault(`a layer for the input "${name}"`, "none");
      values.set(keyOf(name, 0), [given?.[i] ?? this.#input(layer)]);
    });
    const waiting = countedPlaces(config, counted)
      .filter(({ layer }) => layer.className !== "InputLayer")
      .flatMap(({ layer, place }) => layer.calls.map((_, call) => ({ layer, call, place })));
    // Calls in an order in which they can run; each round settles at least one, or there is a cycle.
    let rest = waiting;
    while (rest.length > 0) {
      const blocked = rest.filter(({ layer, call, place }) => {
        const inputs = argumentsOf(layer, call);
        if (!inputs.every((input) => values.has(keyOf(input.layer, input.call)))) return true;
        values.set(
          keyOf(layer.name, call),
          this.#call(
            layer,
            call,
            place,
            around,
            inputs.map((input) => this.#valueAt(values, input, layer)),
          ),
        );
        return false;
      });
      if (blocked.length === rest.length) this.#checkNeeded(config, blocked, values);
      if (blocked.length === rest.length) break;
      rest = blocked;
    }
    return config.outputs.map((output) => this.#valueAt(values, output, undefined));
  }

  finish(outputs: readonly Value[]): Graph {
    const { builder } = this.#importer;
    for (const value of outputs) {
      const isInput = builder.inputs.includes(value.tensor);
      if (isInput) throw fault("outputs that a layer computes", `the input "${value.tensor}"`);
      const plain = this.#importer.plain(value.tensor, value);
      const name = this.#names.get(value.tensor);
      if (plain !== value.tensor && name !== undefined) {
        this.#names.delete(value.tensor);
        this.#names.set(plain, name);
      }
      if (!builder.outputs.includes(plain)) builder.outputs.push(plain);
    }
    return validateGraph(renameTensors(builder.build(), this.#names));
  }

  #input(layer: Layer): Value {
    const given = inputShape(layer);
    if (given === null || given.length < 2) {
      throw fault(`the shape of input "${layer.name}"`, JSON.stringify(given));
    }
    const shape = given.map((length, axis) => {
      const label = `${layer.name}:${axis}`;
      const known = typeof length === "number" ? length : this.options.dimensions?.[label];
      if (known === undefined && axis > 0) {
        throw new UnsupportedError({
          expected: `input "${layer.name}" of fixed shape`,
          got: `an open dimension ${axis}`,
          todo: `Say its length: --dim ${label}=N.`,
        });
      }
      const settled = known ?? 1;
      if (!Number.isInteger(settled) || settled < 1) throw fault(`a length for ${label}`, String(settled));
      return settled;
    });
    // Whatever dtype Keras declares, values come as reals; an Embedding rounds them to indices itself.
    this.#taken.add(layer.name);
    const tensor = this.#importer.builder.input({ name: layer.name, shape, dtype: "float32" });
    return { tensor, shape };
  }

  #call(
    layer: Layer,
    call: number,
    place: string,
    around: readonly string[],
    inputs: readonly Value[],
  ): readonly Value[] {
    this.#calls += 1;
    if (this.#calls > MOST_LAYERS) throw fault(`at most ${MOST_LAYERS} calls of layers`, "more");
    const names = [...around, layer.name];
    if (layer.model !== undefined) return this.read(layer.model, names, `${place}/`, inputs);
    if (inputs.length === 0) throw fault(`an input of ${layer.config.place}`, "none");
    const path = names.join("/");
    const read = LAYERS[layer.className]!;
    const made = read(
      {
        importer: this.#importer,
        className: layer.className,
        config: layer.config,
        weights: new LayerWeights(layer.config.place, this.#arraysOf(layer, { names, counted: place })),
        path,
        call: layer.calls[call]!,
        kerasMajor: this.model.kerasMajor,
      },
      inputs,
    );
    const results = "tensor" in made ? [made] : made;
    const masked = inputs.some(({ isMasked }) => isMasked === true) && !ENDS_MASK.has(layer.className);
    for (const [i, value] of results.entries())
      this.#nameAfter(value, i === 0 ? path : `${path}:${i}`, inputs);
    return masked ? results.map((value) => ({ ...value, isMasked: true })) : results;
  }

  /** A layer that stands in two models has its weights under the first of them alone. */
  #arraysOf(layer: Layer, own: LayerPlace): readonly NamedArray[] {
    const { weights } = this.model;
    const found = weights.arraysOf(own);
    if (found.length > 0) return found;
    const others = this.#places.filter(
      (other) => other.layer.name === layer.name && other.layer.className === layer.className,
    );
    for (const { place } of others) {
      const arrays = weights.arraysOf(place);
      if (arrays.length > 0) return arrays;
    }
    return [];
  }

  #nameAfter(value: Value, path: string, inputs: readonly Value[]): void {
    const isOld = inputs.some(({ tensor }) => tensor === value.tensor) || this.#names.has(value.tensor);
    if (isOld || this.#importer.builder.inputs.includes(value.tensor)) return;
    let name = path;
    for (let n = 1; this.#taken.has(name) || this.#importer.builder.tensors.has(name); n++)
      name = `${path}_${n}`;
    this.#taken.add(name);
    this.#names.set(value.tensor, name);
  }

  #valueAt(
    values: ReadonlyMap<string, readonly Value[]>,
    tensor: KerasTensor,
    reader: Layer | undefined,
  ): Value {
    const value = values.get(keyOf(tensor.layer, tensor.call))?.[tensor.output];
    if (value === undefined) {
      throw fault(
        `output ${tensor.output} of layer "${tensor.layer}" for ${reader?.config.place ?? "the model's output"}`,
        "no such value",
      );
    }
    return value;
  }

  /** Calls that never became ready matter only where an output needs them: Keras writes a shared layer's every call. */
  #checkNeeded(
    config: ModelConfig,
    blocked: readonly { layer: Layer; call: number }[],
    values: ReadonlyMap<string, readonly Value[]>,
  ): void {
    const missing = config.outputs.find((output) => !values.has(keyOf(output.layer, output.call)));
    if (missing === undefined) return;
    const [{ layer, call }] = blocked as [{ layer: Layer; call: number }];
    const cause = argumentsOf(layer, call).find((input) => !values.has(keyOf(input.layer, input.call)))!;
    throw new GraphError({
      expected: `"${cause.layer}" to be computed before ${layer.config.place} reads it`,
      got: "a cycle, or a layer that nothing leads to",
      todo: "The file's configuration is damaged: save the model again.",
    });
  }
}

/** Each layer with the path that Keras 3 numbers it by. */
function countedPlaces(config: ModelConfig, around: string): { layer: Layer; place: string }[] {
  const counts = new Map<string, number>();
  return config.layers.map((layer) => {
    const name = snakeCase(layer.className);
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    return { layer, place: `${around}layers/${count === 0 ? name : `${name}_${count}`}` };
  });
}

function allPlaces(
  config: ModelConfig,
  around: readonly string[],
  counted: string,
): { layer: Layer; place: LayerPlace }[] {
  return countedPlaces(config, counted).flatMap(({ layer, place }) => {
    const names = [...around, layer.name];
    if (layer.model !== undefined) return allPlaces(layer.model, names, `${place}/`);
    return [{ layer, place: { names, counted: place } }];
  });
}

/** Layers that reduce the steps away, or have their own word about masks. */
const ENDS_MASK: ReadonlySet<string> = new Set(["Flatten"]);

function keyOf(layer: string, call: number): string {
  return `${call}|${layer}`;
}

/** The tensors of a call; numbers among its arguments are none. */
function argumentsOf(layer: Layer, call: number): KerasTensor[] {
  return layer.calls[call]!.arguments.filter((argument): argument is KerasTensor => "layer" in argument);
}

function fault(expected: string, got: string): ModelFormatError {
  return new ModelFormatError({
    expected,
    got,
    todo: "The file's configuration is damaged: save the model again.",
  });
}
