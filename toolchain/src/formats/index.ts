import { readFile, writeFile } from "node:fs/promises";
import { extname } from "node:path";
import { FileError, UnsupportedError } from "../errors.js";
import type { Graph } from "../graph/graph.js";

/** Files by their ending. Each format's reader is imported only when a file of that format comes. */

export const READABLE = [".onnx", ".tflite"] as const;
export const WRITABLE = [".onnx"] as const;

/** Reads a model file into a validated graph. Throws FileError, ModelFormatError, UnsupportedError or GraphError. */
export async function readModel(path: string): Promise<Graph> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new FileError({
      expected: `a model file at ${path}`,
      got: cause instanceof Error ? cause.message : String(cause),
      todo: "Check the path.",
      cause,
    });
  }
  return readModelBytes(bytes, path);
}

/** As readModel, from memory; `name` tells the format by its ending. */
export async function readModelBytes(bytes: Uint8Array, name: string): Promise<Graph> {
  switch (extname(name).toLowerCase()) {
    case ".onnx":
      return (await import("./onnx/read.js")).readOnnx(bytes);
    case ".tflite":
      return (await import("./tflite/read.js")).readTflite(bytes);
    default:
      throw new UnsupportedError({
        expected: `a model file that ends in ${READABLE.join(" or ")}`,
        got: name,
        todo: "Export the model as ONNX or TensorFlow Lite.",
      });
  }
}

/** Writes a graph in the format that the ending names; the file is whole or not there. */
export async function writeModel(graph: Graph, path: string): Promise<void> {
  const bytes = await modelBytes(graph, path);
  await writeFile(path, bytes);
}

/** The bytes that writeModel would write to `name`. */
export async function modelBytes(graph: Graph, name: string): Promise<Uint8Array> {
  if (extname(name).toLowerCase() === ".onnx") return (await import("./onnx/write.js")).writeOnnx(graph);
  throw new UnsupportedError({
    expected: `an output file that ends in ${WRITABLE.join(" or ")}`,
    got: name,
    todo: "Choose a name with one of these endings.",
  });
}
