import { whatCame } from "@mote/protocol";
import { unzipSync } from "fflate";
import { SensorError } from "../errors.js";

/** NumPy's array files (.npy, format 1 to 3) and archives of them (.npz), as far as recordings of samples need them. */

export interface NpyArray {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Element types as NumPy writes them: byte order, kind, size. */
const READERS: Record<string, { size: number; get(view: DataView, at: number): number }> = {
  f4: { size: 4, get: (view, at) => view.getFloat32(at, true) },
  f8: { size: 8, get: (view, at) => view.getFloat64(at, true) },
  i1: { size: 1, get: (view, at) => view.getInt8(at) },
  u1: { size: 1, get: (view, at) => view.getUint8(at) },
  b1: { size: 1, get: (view, at) => view.getUint8(at) },
  i2: { size: 2, get: (view, at) => view.getInt16(at, true) },
  u2: { size: 2, get: (view, at) => view.getUint16(at, true) },
  i4: { size: 4, get: (view, at) => view.getInt32(at, true) },
  u4: { size: 4, get: (view, at) => view.getUint32(at, true) },
  i8: { size: 8, get: (view, at) => Number(view.getBigInt64(at, true)) },
};

/** @throws SensorError */
export function readNpy(bytes: Uint8Array, name: string): NpyArray {
  if (bytes.length < 12 || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw bad(`${name} to be an .npy array`, "other bytes");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [lengthBytes, headerLength] =
    bytes[6] === 1 ? [2, view.getUint16(8, true)] : [4, view.getUint32(8, true)];
  const start = 8 + lengthBytes + headerLength;
  if (start > bytes.length) throw bad(`${name} to hold its header`, "a truncated file");
  const header = new TextDecoder("latin1").decode(bytes.subarray(8 + lengthBytes, start));
  const descr = /'descr':\s*'([<>|=])([a-z]\d+)'/.exec(header);
  const shapeText = /'shape':\s*\(([\d,\s]*)\)/.exec(header);
  const reader = descr === null || descr[1] === ">" ? undefined : READERS[descr[2]!];
  if (reader === undefined || shapeText === null || /'fortran_order':\s*True/.test(header)) {
    throw bad(`${name} to hold little-endian numbers in C order`, header.trim().slice(0, 120));
  }
  const shape = shapeText[1]!
    .split(",")
    .map((dim) => dim.trim())
    .filter((dim) => dim !== "")
    .map(Number);
  const count = shape.reduce((product, dim) => product * dim, 1);
  if (start + count * reader.size !== bytes.length) {
    throw bad(`${name} of shape [${shape}] to hold ${count * reader.size} bytes`, `${bytes.length - start}`);
  }
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = reader.get(view, start + i * reader.size);
  return { shape, values };
}

/** Arrays by name. @throws SensorError */
export function readNpz(bytes: Uint8Array, name: string): Map<string, NpyArray> {
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes);
  } catch (cause) {
    throw bad(`${name} to be an .npz archive`, whatCame(cause), cause);
  }
  return new Map(
    Object.entries(files).map(([entry, content]) => {
      const key = entry.replace(/\.npy$/, "");
      return [key, readNpy(content, `"${key}" in ${name}`)];
    }),
  );
}

function bad(expected: string, got: string, cause?: unknown): SensorError {
  return new SensorError({
    expected,
    got,
    todo: 'Write it with numpy.savez(file, x=samples, y=labels): "x" is [N, ...], "y" (if known) is [N].',
    cause,
  });
}
