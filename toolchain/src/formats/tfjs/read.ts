import { fromUtf8, whatCame } from "@mote/protocol";
import { ModelFormatError, UnsupportedError } from "../../errors.js";
import type { Graph } from "../../graph/graph.js";
import { isObject, type Json, type JsonObject } from "../keras/layer-config.js";
import { parseModelConfig } from "../keras/model-config.js";
import { graphOf, type KerasOptions, surveyKeras } from "../keras/read-model.js";
import type { Survey } from "../survey.js";
import { type ReadShard, readManifest } from "./manifest.js";
import { namedStore } from "./named-store.js";

/**
 * Reads a TensorFlow.js layers model: model.json and the shards that it names. Its configuration is that of Keras 2.
 * Throws ModelFormatError for files that are damaged, UnsupportedError for a graph model and for layers that are not
 * read, FileError from `readShard` for a shard that is missing.
 */
export async function readTfjs(
  bytes: Uint8Array,
  readShard: ReadShard,
  options: KerasOptions = {},
): Promise<Graph> {
  const json = parse(bytes);
  const config = configOf(json);
  const weights = namedStore(await readManifest(json, readShard));
  return graphOf({ config, weights, kerasMajor: majorOf(json) }, options);
}

/** What model.json says, without its shards. */
export function surveyTfjs(bytes: Uint8Array): Survey {
  return surveyKeras(configOf(parse(bytes)));
}

function parse(bytes: Uint8Array): JsonObject {
  try {
    const json = JSON.parse(fromUtf8(bytes)) as Json;
    if (isObject(json)) return json;
    throw damaged("an object", "another kind of JSON");
  } catch (cause) {
    if (cause instanceof ModelFormatError) throw cause;
    throw damaged("JSON", whatCame(cause));
  }
}

function topologyOf(json: JsonObject): JsonObject {
  const topology = json["modelTopology"];
  if (json["format"] === "graph-model" || (isObject(topology) && topology["node"] !== undefined)) {
    throw new UnsupportedError({
      expected: "a TensorFlow.js layers model",
      got: "a graph model, whose layers are gone",
      todo: "Convert what it was made from to TensorFlow Lite or ONNX (tensorflowjs_converter can't go back).",
    });
  }
  if (!isObject(topology)) throw damaged("modelTopology", "none");
  return topology;
}

/** The configuration stands under model_config where the converter wrote it, at the top where TensorFlow.js did. */
function configOf(json: JsonObject): ReturnType<typeof parseModelConfig> {
  const topology = topologyOf(json);
  return parseModelConfig(JSON.stringify(topology["model_config"] ?? topology));
}

/** TensorFlow.js itself follows Keras 2; what the converter wrote, the Keras that it was given. */
function majorOf(json: JsonObject): number {
  const version = topologyOf(json)["keras_version"];
  const major = Number.parseInt(typeof version === "string" ? version : "", 10);
  return Number.isInteger(major) ? major : 2;
}

function damaged(expected: string, got: string): ModelFormatError {
  return new ModelFormatError({
    expected: `a TensorFlow.js model.json with ${expected}`,
    got,
    todo: "The file is damaged or of another kind: save the model again.",
  });
}
