import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { whatCame } from "@mote/protocol";
import { DataError, FileError } from "../errors.js";
import { npyValues, parseNpyHeader } from "./npy.js";
import { readNpz } from "./npz.js";

/** A column that says of each sample which part of the set it belongs to. */
export interface SliceColumn {
  readonly name: string;
  readonly part: readonly string[];
}

/**
 * Columns by which a data set is cut into parts: a .csv with a heading and one row per sample; an .npy of whole numbers;
 * or the name of an array in the set's own .npz. Samples are counted in the set's order.
 */
export async function openSlices(spec: string, dataset: string, count: number): Promise<SliceColumn[]> {
  const columns = await read(spec, dataset);
  for (const { name, part } of columns) {
    if (part.length === count) continue;
    throw new DataError({
      expected: `${count} entries in slices "${name}", one per sample`,
      got: `${part.length}`,
      todo: "Give every sample one row, in the order of the data set.",
    });
  }
  return columns;
}

async function read(spec: string, dataset: string): Promise<SliceColumn[]> {
  switch (extname(spec).toLowerCase()) {
    case ".csv":
      return csvColumns(await text(spec), spec);
    case ".npy":
      return [{ name: "slice", part: numbers(await readBytes(spec), spec) }];
    default: {
      const arrays = extname(dataset) === ".npz" ? await readNpz(dataset, [spec]) : new Map();
      const bytes: Uint8Array | undefined = arrays.get(spec);
      if (bytes !== undefined) return [{ name: spec, part: numbers(bytes, `${dataset}: ${spec}`) }];
      throw new DataError({
        expected: `slices as a .csv or .npy file, or the name of an array in the .npz of the data`,
        got: `"${spec}"`,
        todo: `Check the name, or whether "${dataset}" has such an array.`,
      });
    }
  }
}

function csvColumns(source: string, path: string): SliceColumn[] {
  const [heading, ...rows] = source.split(/\r?\n/).filter((line) => line.trim() !== "");
  const names = (heading ?? "").split(",").map((cell) => cell.trim());
  if (names.some((name) => name === "")) {
    throw new DataError({
      expected: `a heading that names every column in "${path}"`,
      got: `"${heading ?? ""}"`,
      todo: "Name the columns in the first line, for instance: device,lighting",
    });
  }
  const parts = names.map((): string[] => []);
  rows.forEach((row, i) => {
    const cells = row.split(",");
    if (cells.length !== names.length) {
      throw new DataError({
        expected: `${names.length} cells`,
        got: `${cells.length} in line ${i + 2} of "${path}"`,
        todo: "Repair the line; cells have no commas in them.",
      });
    }
    cells.forEach((cell, column) => {
      parts[column]!.push(cell.trim());
    });
  });
  return names.map((name, column) => ({ name, part: parts[column]! }));
}

function numbers(bytes: Uint8Array, place: string): string[] {
  const header = parseNpyHeader(bytes, place);
  if (header.shape.length !== 1) {
    throw new DataError({
      expected: `one whole number per sample in "${place}"`,
      got: `shape (${header.shape.join(", ")})`,
      todo: "Save a one-dimensional array.",
    });
  }
  return Array.from(npyValues(header, bytes.subarray(header.dataOffset)), String);
}

async function text(path: string): Promise<string> {
  return new TextDecoder().decode(await readBytes(path));
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new FileError({
      expected: `slices at "${path}"`,
      got: whatCame(cause),
      todo: "Check the path.",
      cause,
    });
  }
}
