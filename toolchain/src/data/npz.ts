import { readFileSync, writeFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { unzipSync, zipSync } from "fflate";
import { DataError } from "../errors.js";
import { encodeNpy, type NpyArray } from "./npy.js";

/** A zip of .npy arrays is unpacked in memory; larger sets belong in a .npy file, which is read piece by piece. */
export const NPZ_MAX_BYTES = 512 * 1024 * 1024;

/** The .npy files inside an .npz, by array name; only those named in `wanted`. */
export async function readNpz(path: string, wanted: readonly string[]): Promise<Map<string, Uint8Array>> {
  const { size } = await stat(path);
  if (size > NPZ_MAX_BYTES) throw tooLarge(path, size);
  try {
    const entries = unzipSync(new Uint8Array(readFileSync(path)), {
      filter: ({ name, originalSize }) => {
        if (!wanted.includes(name.replace(/\.npy$/, ""))) return false;
        if (originalSize > NPZ_MAX_BYTES) throw tooLarge(path, originalSize);
        return true;
      },
    });
    return new Map(Object.entries(entries).map(([name, bytes]) => [name.replace(/\.npy$/, ""), bytes]));
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError({
      expected: `a zip archive of arrays in "${path}"`,
      got: "a damaged or foreign file",
      todo: "Write it with numpy.savez.",
      cause,
    });
  }
}

function tooLarge(path: string, bytes: number): DataError {
  return new DataError({
    expected: `an .npz of at most ${NPZ_MAX_BYTES / 2 ** 20} MiB`,
    got: `"${path}" with ${Math.ceil(bytes / 2 ** 20)} MiB`,
    todo: "Save x as a plain .npy file: it is read sample by sample.",
  });
}

/** An .npz as numpy.savez writes it: arrays stored without compression, equal bytes for equal arrays. */
export function encodeNpz(arrays: Readonly<Record<string, NpyArray>>): Uint8Array {
  const files = Object.entries(arrays).map(([name, array]) => [`${name}.npy`, encodeNpy(array)] as const);
  return zipSync(Object.fromEntries(files), { level: 0, mtime: "1980-01-01T00:00:00Z" });
}

export function writeNpz(path: string, arrays: Readonly<Record<string, NpyArray>>): void {
  writeFileSync(path, encodeNpz(arrays));
}
