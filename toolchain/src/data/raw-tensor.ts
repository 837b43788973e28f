import { readFile, writeFile } from "node:fs/promises";
import { extname } from "node:path";
import { DataError, FileError } from "../errors.js";
import type { Tensor, TensorData } from "../graph/graph.js";
import { encodeNpy, npyValues, parseNpyHeader } from "./npy.js";

/** One tensor from a file: codes as they are, or real numbers that the caller quantizes. */
export type RawTensor = { readonly codes: TensorData } | { readonly reals: Float32Array };

const ARRAYS = {
  float32: Float32Array,
  int4: Int8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const;

/**
 * Reads a little-endian .bin (in the dtype of `tensor`, or float32 where four times as long) or a .npy, whose integers
 * are codes and whose floats are real numbers.
 */
export async function readTensor(path: string, tensor: Tensor): Promise<RawTensor> {
  const bytes = new Uint8Array(
    await readFile(path).catch((cause: unknown) => {
      throw new FileError({
        expected: `a file "${path}"`,
        got: "nothing readable",
        todo: "Check the path.",
        cause,
      });
    }),
  );
  const count = tensor.shape.reduce((product, extent) => product * extent, 1);
  const refuse = (got: string): never => {
    throw new DataError({
      expected: `${count} values [${tensor.shape.join(", ")}] of ${tensor.dtype} for input "${tensor.name}"`,
      got: `${got} in "${path}"`,
      todo: "Give one sample in the model's shape, as .bin or .npy.",
    });
  };
  if (extname(path) === ".npy") {
    const header = parseNpyHeader(bytes, path);
    const values = npyValues(header, bytes.subarray(header.dataOffset));
    if (values.length !== count) return refuse(`${values.length} values`);
    if (header.descr.includes("f") || tensor.dtype === "float32") return { reals: values };
    return { codes: codesOf(values, tensor, path) };
  }
  const array = ARRAYS[tensor.dtype];
  const aligned = bytes.slice().buffer;
  if (bytes.length === count * array.BYTES_PER_ELEMENT) {
    return tensor.dtype === "float32" ? { reals: new Float32Array(aligned) } : { codes: new array(aligned) };
  }
  if (bytes.length === count * 4) return { reals: new Float32Array(aligned) };
  return refuse(`${bytes.length} bytes`);
}

function codesOf(values: Float32Array, tensor: Tensor, path: string): TensorData {
  if (tensor.dtype === "int64") return BigInt64Array.from(values, BigInt);
  const codes = ARRAYS[tensor.dtype].from(values);
  if (codes.some((code, i) => code !== values[i])) {
    throw new DataError({
      expected: `codes that fit ${tensor.dtype}`,
      got: `others in "${path}"`,
      todo: "Give float32 values to have them quantized.",
    });
  }
  return codes;
}

/** Writes codes as little-endian bytes, or as .npy by the file's ending. */
export async function writeTensor(path: string, shape: readonly number[], data: TensorData): Promise<void> {
  const bytes =
    extname(path) === ".npy"
      ? encodeNpy({ shape, data })
      : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  await writeFile(path, bytes);
}
