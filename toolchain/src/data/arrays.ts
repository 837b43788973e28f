import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { DataError } from "../errors.js";
import { type Dataset, requireFinite } from "./dataset.js";
import { NPY_HEADER_MAX_BYTES, type NpyHeader, npyValues, parseNpyHeader } from "./npy.js";
import { readNpz } from "./npz.js";

/** Reads bytes [offset, offset + length) of an array's file or memory. */
type ReadAt = (offset: number, length: number) => Uint8Array;

function datasetOf(header: NpyHeader, available: number, readAt: ReadAt, place: string): Dataset {
  const [count, ...sampleShape] = header.shape;
  if (count === undefined || count === 0) {
    throw new DataError({
      expected: `an array [samples, ...] in ${place}`,
      got: `shape (${header.shape.join(", ")})`,
      todo: "Give it a first axis that counts the samples.",
    });
  }
  const sampleBytes = sampleShape.reduce((product, extent) => product * extent, header.element.bytes);
  if (header.dataOffset + count * sampleBytes > available) {
    throw new DataError({
      expected: `${header.dataOffset + count * sampleBytes} bytes for ${place}`,
      got: `${available}`,
      todo: "The file is truncated: copy it again.",
    });
  }
  return {
    count,
    sampleShape,
    sample(index) {
      if (!(index >= 0 && index < count)) {
        throw new DataError({
          expected: `a sample below ${count} in ${place}`,
          got: `${index}`,
          todo: "Ask for fewer samples.",
        });
      }
      const bytes = readAt(header.dataOffset + index * sampleBytes, sampleBytes);
      return requireFinite(npyValues(header, bytes), `sample ${index} of ${place}`);
    },
  };
}

/** A .npy file of any size; the file stays open until the process ends. */
export function openNpy(path: string): Dataset {
  const file = openSync(path, "r");
  const { size } = fstatSync(file);
  const readAt: ReadAt = (offset, length) => {
    const bytes = new Uint8Array(length);
    readSync(file, bytes, 0, length, offset);
    return bytes;
  };
  try {
    const header = parseNpyHeader(readAt(0, Math.min(size, NPY_HEADER_MAX_BYTES)), path);
    return datasetOf(header, size, readAt, `"${path}"`);
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** An .npz with `x` [N, …] and, where there are labels, `y` [N]. */
export async function openNpz(path: string): Promise<Dataset> {
  const arrays = await readNpz(path, ["x", "y"]);
  const x = arrays.get("x");
  if (x === undefined) {
    throw new DataError({
      expected: `an array "x" in "${path}"`,
      got: "none",
      todo: "Write it with numpy.savez(path, x=x, y=y).",
    });
  }
  const dataset = datasetOf(
    parseNpyHeader(x, path),
    x.length,
    (offset, length) => x.subarray(offset, offset + length),
    `x of "${path}"`,
  );
  const y = arrays.get("y");
  return y === undefined ? dataset : { ...dataset, labels: labelsOf(y, dataset.count, path) };
}

function labelsOf(bytes: Uint8Array, count: number, path: string): Int32Array {
  const header = parseNpyHeader(bytes, `${path}: y`);
  const labels = npyValues(header, bytes.subarray(header.dataOffset));
  if (labels.length !== count || labels.some((label) => !Number.isInteger(label) || label < 0)) {
    throw new DataError({
      expected: `y with ${count} class indices in "${path}"`,
      got: `${labels.length} values, shape (${header.shape.join(", ")})`,
      todo: "Save one non-negative integer per sample (not one-hot rows).",
    });
  }
  return Int32Array.from(labels);
}
