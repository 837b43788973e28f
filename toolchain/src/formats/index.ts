import { readFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { whatCame } from "@mote/protocol";
import { FileError, UnsupportedError } from "../errors.js";
import type { Graph } from "../graph/graph.js";
import { writeWhole } from "../whole-file.js";
import type { Survey } from "./survey.js";

/** Files by their ending. Each format's reader is imported only when a file of that format comes. */

export const READABLE = [".onnx", ".tflite", ".h5", ".keras", ".json"] as const;
export const WRITABLE = [".onnx", ".tflite"] as const;

export type Format = "onnx" | "tflite" | "keras" | "tfjs";

/** What each ending says of a file. `.json` is TensorFlow.js's model.json, whose shards lie beside it. */
const FORMATS: Readonly<Record<string, Format>> = {
  ".onnx": "onnx",
  ".tflite": "tflite",
  ".h5": "keras",
  ".hdf5": "keras",
  ".keras": "keras",
  ".json": "tfjs",
};

export interface ReadOptions {
  /** Lengths for dimensions that a file leaves open, by their name or by "input:axis". The batch is 1 if not given. */
  readonly dimensions?: Readonly<Record<string, number>>;
}

/** Reads a model file into a validated graph. Throws FileError, ModelFormatError, UnsupportedError or GraphError. */
export async function readModel(path: string, options: ReadOptions = {}): Promise<Graph> {
  const format = formatOf(path);
  const bytes = await fileBytes(path);
  switch (format) {
    case "onnx":
      return (await import("./onnx/read.js")).readOnnx(bytes, options);
    case "tflite":
      return (await import("./tflite/read.js")).readTflite(bytes);
    case "keras":
      return (await import("./keras/read.js")).readKeras(bytes, options);
    case "tfjs": {
      const { readTfjs } = await import("./tfjs/read.js");
      return readTfjs(bytes, (shard) => fileBytes(join(dirname(path), shard)), options);
    }
  }
}

/** What a model file says of itself, even where operators in it can't be read. */
export async function surveyModel(path: string): Promise<Survey & { readonly format: Format }> {
  const format = formatOf(path);
  const bytes = await fileBytes(path);
  switch (format) {
    case "onnx":
      return { format, ...(await import("./onnx/read.js")).surveyOnnx(bytes) };
    case "tflite":
      return { format, ...(await import("./tflite/read.js")).surveyTflite(bytes) };
    case "keras":
      return { format, ...(await (await import("./keras/read.js")).surveyKerasFile(bytes)) };
    case "tfjs":
      return { format, ...(await import("./tfjs/read.js")).surveyTfjs(bytes) };
  }
}

function formatOf(name: string): Format {
  const format = FORMATS[extname(name).toLowerCase()];
  if (format !== undefined) return format;
  throw new UnsupportedError({
    expected: `a model file that ends in ${READABLE.join(", ")}`,
    got: name,
    todo: "Export the model as ONNX or TensorFlow Lite, or save it from Keras.",
  });
}

async function fileBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new FileError({
      expected: `a model file at ${path}`,
      got: whatCame(cause),
      todo: "Check the path.",
      cause,
    });
  }
}

/** Writes a graph in the format that the ending names; the file is whole or not there. */
export async function writeModel(graph: Graph, path: string): Promise<void> {
  await writeWhole(path, await modelBytes(graph, path));
}

/** The bytes that writeModel would write to `name`. */
export async function modelBytes(graph: Graph, name: string): Promise<Uint8Array> {
  const ending = extname(name).toLowerCase();
  if (ending === ".onnx") return (await import("./onnx/write.js")).writeOnnx(graph);
  if (ending === ".tflite") return (await import("./tflite/write.js")).writeTflite(graph);
  throw new UnsupportedError({
    expected: `an output file that ends in ${WRITABLE.join(" or ")}`,
    got: name,
    todo: "Choose a name with one of these endings.",
  });
}
