import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { DataError } from "../errors.js";
import { type Dataset, type DatasetOptions, requireFinite } from "./dataset.js";
import { decodeCsv } from "./decode-csv.js";
import { decodeImage } from "./decode-image.js";
import { decodeWav } from "./decode-wav.js";
import type { Recording } from "./recording.js";

const DECODERS: Readonly<
  Record<string, (bytes: Uint8Array, path: string, channels: number | undefined) => Recording>
> = {
  ".csv": decodeCsv,
  ".png": decodeImage,
  ".jpg": decodeImage,
  ".jpeg": decodeImage,
  ".wav": decodeWav,
};

interface Entry {
  readonly path: string;
  readonly label: number;
  /** First row of the window, for recordings longer than a sample. */
  readonly row: number;
}

/** A folder with one folder per class; classes and files are taken in the order of their names. */
export async function openFolder(root: string, { sampleShape }: DatasetOptions): Promise<Dataset> {
  const classNames = (await readdir(root, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map((entry) => entry.name)
    .sort();
  const files: { path: string; label: number }[] = [];
  for (const [label, name] of classNames.entries()) {
    const names = (await readdir(join(root, name)))
      .filter((file) => extname(file).toLowerCase() in DECODERS)
      .sort();
    for (const file of names) files.push({ path: join(root, name, file), label });
  }
  const first = files[0];
  if (first === undefined) {
    throw new DataError({
      expected: `folders with ${Object.keys(DECODERS).join(", ")} files in "${root}"`,
      got: "none",
      todo: "Lay the data out as one folder per class.",
    });
  }
  const channels = sampleShape?.at(-1);
  const decode = (path: string, bytes: Uint8Array): Recording =>
    DECODERS[extname(path).toLowerCase()]!(bytes, path, channels);
  const head = decode(first.path, await readFile(first.path));
  const shape = sampleShape !== undefined && head.isSequence ? windowShape(sampleShape, head) : head.shape;
  const entries: Entry[] = [];
  for (const file of files) {
    const rows = head.isSequence ? decode(file.path, await readFile(file.path)).shape[0]! : shape[0]!;
    for (let row = 0; row + shape[0]! <= rows; row += shape[0]!) entries.push({ ...file, row });
  }
  return {
    count: entries.length,
    sampleShape: shape,
    labels: Int32Array.from(entries, (entry) => entry.label),
    classNames,
    sample(index) {
      const entry = entries[index];
      if (entry === undefined) {
        throw new DataError({
          expected: `a sample below ${entries.length} in "${root}"`,
          got: `${index}`,
          todo: "Ask for fewer samples.",
        });
      }
      const { values, shape: got } = decode(entry.path, readFileSync(entry.path));
      if (got.slice(1).join() !== shape.slice(1).join() || got[0]! < entry.row + shape[0]!) {
        throw new DataError({
          expected: `shape [${shape.join(", ")}], like the first file`,
          got: `[${got.join(", ")}] in "${entry.path}"`,
          todo: "Bring all files of a set to one shape.",
        });
      }
      const rowLength = shape.slice(1).reduce((product, extent) => product * extent, 1);
      const window = values.subarray(entry.row * rowLength, (entry.row + shape[0]!) * rowLength);
      return requireFinite(window.slice(), `"${entry.path}"`);
    },
  };
}

/** How many rows of a recording make one sample of the model. */
function windowShape(sampleShape: readonly number[], recording: Recording): readonly number[] {
  const wanted = sampleShape.reduce((product, extent) => product * extent, 1);
  const columns = recording.shape[1]!;
  const rows = wanted / columns;
  return Number.isInteger(rows) && rows <= recording.shape[0]! ? [rows, columns] : recording.shape;
}
