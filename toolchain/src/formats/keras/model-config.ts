import { whatCame } from "@mote/protocol";
import { ModelFormatError, UnsupportedError } from "../../errors.js";
import { isObject, type Json, type JsonObject, LayerConfig } from "./layer-config.js";

/** One output of one call of a layer: Keras's "keras_history". */
export interface KerasTensor {
  readonly layer: string;
  readonly call: number;
  readonly output: number;
}

/** Plain numbers may stand where a tensor could: `2 * x`. */
export type Argument = KerasTensor | { readonly constant: readonly number[] };

export interface LayerCall {
  readonly arguments: readonly Argument[];
}

export interface Layer {
  readonly className: string;
  readonly name: string;
  readonly config: LayerConfig;
  /** How often and on what the layer is called; a shared layer more than once. */
  readonly calls: readonly LayerCall[];
  /** Set where the layer is itself a model. */
  readonly model?: ModelConfig;
}

export interface ModelConfig {
  readonly className: string;
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly inputs: readonly KerasTensor[];
  readonly outputs: readonly KerasTensor[];
}

/** Models inside models. */
const DEEPEST = 16;
const MODELS: ReadonlySet<string> = new Set(["Sequential", "Functional", "Model"]);

/** Reads the configuration that Keras 2, Keras 3 and TensorFlow.js write for a Sequential or Functional model. */
export function parseModelConfig(text: string): ModelConfig {
  let json: Json;
  try {
    json = JSON.parse(text) as Json;
  } catch (cause) {
    throw new ModelFormatError({
      expected: "the model's configuration as JSON",
      got: whatCame(cause),
      todo: "The file is damaged: save the model again.",
      cause,
    });
  }
  return modelOf(json, 0);
}

function modelOf(json: Json, depth: number): ModelConfig {
  if (!isObject(json) || typeof json["class_name"] !== "string") throw foreign("no class_name");
  const className = json["class_name"];
  if (!MODELS.has(className)) {
    throw new UnsupportedError({
      expected: "a Sequential or Functional model",
      got: `a ${className}, whose way from input to output is Python code`,
      todo: "Build the model with keras.Model(inputs, outputs), or export it as ONNX or TensorFlow Lite.",
    });
  }
  if (depth > DEEPEST) throw foreign(`models inside models, ${depth} deep`);
  // Keras 1 and early TensorFlow.js give a Sequential's layers as the config itself.
  const config: JsonObject = Array.isArray(json["config"])
    ? { layers: json["config"] as readonly Json[] }
    : ((json["config"] ?? {}) as JsonObject);
  const entries = config["layers"];
  if (!Array.isArray(entries)) throw foreign(`a ${className} without layers`);
  const name = typeof config["name"] === "string" ? config["name"] : "model";
  const layers = entries.map((entry) => layerOf(entry as Json, depth));
  const seen = new Set<string>();
  for (const layer of layers) {
    if (seen.has(layer.name)) throw foreign(`two layers named "${layer.name}"`);
    seen.add(layer.name);
  }
  if (className === "Sequential") return { className, name, ...chained(layers, config) };
  const inputs = tensorsIn(config["input_layers"]);
  return { className, name, inputs, ...countedFromZero(layers, tensorsIn(config["output_layers"])) };
}

/**
 * The calls of a model inside a model are sometimes counted from 1: the 0th made it. Nothing in the file says so, but
 * that a call is named which is not listed.
 */
function countedFromZero(
  layers: readonly Layer[],
  outputs: readonly KerasTensor[],
): Pick<ModelConfig, "layers" | "outputs"> {
  const referred = [...outputs, ...layers.flatMap(({ calls }) => calls.flatMap((call) => call.arguments))];
  const shifts = new Map<string, number>();
  for (const { name, model, calls } of layers) {
    const named = referred.flatMap((argument) =>
      "layer" in argument && argument.layer === name ? [argument.call] : [],
    );
    if (model !== undefined) shifts.set(name, Math.max(0, Math.max(...named) + 1 - calls.length));
  }
  const settled = <T extends Argument>(argument: T): T =>
    "layer" in argument ? { ...argument, call: argument.call - (shifts.get(argument.layer) ?? 0) } : argument;
  return {
    layers: layers.map((layer) => ({
      ...layer,
      calls: layer.calls.map((call) => ({ arguments: call.arguments.map(settled) })),
    })),
    outputs: outputs.map(settled),
  };
}

function layerOf(json: Json, depth: number): Layer {
  if (!isObject(json) || typeof json["class_name"] !== "string") throw foreign("a layer without class_name");
  const className = json["class_name"];
  const fields: JsonObject = isObject(json["config"]) ? json["config"] : {};
  const name = [json["name"], fields["name"]].find((candidate) => typeof candidate === "string");
  if (typeof name !== "string") throw foreign(`a ${className} without a name`);
  const nodes = Array.isArray(json["inbound_nodes"]) ? (json["inbound_nodes"] as readonly Json[]) : [];
  return {
    className,
    name,
    config: new LayerConfig(`${className} "${name}"`, fields),
    calls: nodes.map(callOf),
    ...(MODELS.has(className) ? { model: modelOf(json, depth + 1) } : {}),
  };
}

/** Layers one after the other; the first says the input's shape where no InputLayer does. */
function chained(
  layers: readonly Layer[],
  config: JsonObject,
): Pick<ModelConfig, "layers" | "inputs" | "outputs"> {
  const all = [...layers];
  const [first] = all;
  if (first === undefined) throw foreign("a Sequential model without layers");
  if (first.className !== "InputLayer") {
    const shape =
      first.config.fields["batch_input_shape"] ??
      first.config.fields["batch_shape"] ??
      config["build_input_shape"] ??
      first.model?.layers.find(({ className }) => className === "InputLayer")?.config.fields["batch_shape"] ??
      first.model?.layers.find(({ className }) => className === "InputLayer")?.config.fields[
        "batch_input_shape"
      ];
    if (shape === undefined || shape === null) {
      throw new UnsupportedError({
        expected: "a Sequential model that knows its input's shape",
        got: `none at its first layer, ${first.config.place}`,
        todo: "Begin the model with keras.Input(shape), or call model.build() before it is saved.",
      });
    }
    const name = `${first.name}_input`;
    const fields = { batch_shape: shape };
    const input = new LayerConfig(`InputLayer "${name}"`, fields);
    all.unshift({ className: "InputLayer", name, config: input, calls: [] });
  }
  const tensor = ({ name }: Layer): KerasTensor => ({ layer: name, call: 0, output: 0 });
  const linked = all.map((layer, i) =>
    i === 0 ? layer : { ...layer, calls: [{ arguments: [tensor(all[i - 1]!)] }] },
  );
  return { layers: linked, inputs: [tensor(all[0]!)], outputs: [tensor(all.at(-1)!)] };
}

/** One call: Keras 3 writes {args, kwargs}, Keras 2 and TensorFlow.js lists of [layer, call, output, kwargs]. */
function callOf(node: Json): LayerCall {
  if (isObject(node)) return withKeywords(argumentsIn(node["args"] ?? []), node["kwargs"] ?? null);
  if (!Array.isArray(node)) throw foreign("a call of a layer that is no list");
  const entries = (isEntry(node as Json) ? [node] : node) as readonly Json[];
  const list: Argument[] = [];
  let keywords: JsonObject = {};
  for (const entry of entries) {
    if (!isEntry(entry)) throw foreign(`a call of a layer as ${JSON.stringify(entry).slice(0, 80)}`);
    // "_CONSTANT_VALUE", -1, 2.0: a number in the place of the tensor.
    if (entry[1] === -1) list.push(...argumentsIn(entry[2] ?? null));
    else list.push({ layer: entry[0], call: entry[1], output: Number(entry[2]) });
    if (isObject(entry[3])) keywords = { ...keywords, ...entry[3] };
  }
  return withKeywords(list, keywords);
}

/** What says which steps count, or that this is training, is no operand. */
const NO_OPERANDS: ReadonlySet<string> = new Set(["mask", "training", "attention_mask"]);

/** Tensors and numbers may also be given by keyword: `initial_state`, or the `y` of `x * y`. */
function withKeywords(list: readonly Argument[], keywords: Json): LayerCall {
  if (!isObject(keywords)) return { arguments: list };
  const more = Object.entries(keywords).flatMap(([key, value]) =>
    NO_OPERANDS.has(key) ? [] : argumentsIn(value),
  );
  return { arguments: [...list, ...more] };
}

type Entry = readonly [layer: string, call: number, output: Json, keywords?: Json];

function isEntry(value: Json): value is Json & Entry {
  return (
    Array.isArray(value) && typeof value[0] === "string" && typeof value[1] === "number" && value.length >= 3
  );
}

/** The tensors and numbers in an argument, in their order, however they are nested. */
function argumentsIn(value: Json): Argument[] {
  if (typeof value === "number") return [{ constant: [value] }];
  if (Array.isArray(value)) {
    if (isEntry(value as Json)) return tensorsIn(value as Json);
    if (value.length > 0 && value.every((entry) => typeof entry === "number")) {
      return [{ constant: value as number[] }];
    }
    return value.flatMap((entry) => argumentsIn(entry as Json));
  }
  if (!isObject(value)) return [];
  const config = isObject(value["config"]) ? value["config"] : {};
  if (value["class_name"] === "__keras_tensor__") return tensorsIn(config["keras_history"]);
  if (value["class_name"] === "__tensor__" || value["class_name"] === "__numpy__") {
    return argumentsIn(config["value"] ?? null);
  }
  return value["class_name"] === undefined ? Object.values(value).flatMap(argumentsIn) : [];
}

/** Every [layer, call, output] in a nested list or dictionary, in order. */
function tensorsIn(value: Json | undefined): KerasTensor[] {
  if (Array.isArray(value)) {
    if (!isEntry(value as Json)) return value.flatMap((entry) => tensorsIn(entry as Json));
    return [{ layer: value[0] as string, call: value[1] as number, output: Number(value[2]) }];
  }
  return isObject(value) ? Object.values(value).flatMap(tensorsIn) : [];
}

function foreign(got: string): ModelFormatError {
  return new ModelFormatError({
    expected: "a model's configuration as Keras writes it",
    got,
    todo: "The file is damaged or of another kind: save the model again with model.save().",
  });
}
