import { DataError } from "../errors.js";
import type { TensorData } from "../graph/graph.js";

/** NumPy's .npy format, versions 1-3: numpy.org/doc/stable/reference/generated/numpy.lib.format.html */

interface ElementType {
  readonly bytes: number;
  readonly read: (view: DataView, offset: number) => number;
}

const ELEMENT_TYPES: Readonly<Record<string, ElementType>> = {
  "<f4": { bytes: 4, read: (view, offset) => view.getFloat32(offset, true) },
  "<f8": { bytes: 8, read: (view, offset) => view.getFloat64(offset, true) },
  "|i1": { bytes: 1, read: (view, offset) => view.getInt8(offset) },
  "|u1": { bytes: 1, read: (view, offset) => view.getUint8(offset) },
  "|b1": { bytes: 1, read: (view, offset) => view.getUint8(offset) },
  "<i2": { bytes: 2, read: (view, offset) => view.getInt16(offset, true) },
  "<u2": { bytes: 2, read: (view, offset) => view.getUint16(offset, true) },
  "<i4": { bytes: 4, read: (view, offset) => view.getInt32(offset, true) },
  "<u4": { bytes: 4, read: (view, offset) => view.getUint32(offset, true) },
  "<i8": { bytes: 8, read: (view, offset) => Number(view.getBigInt64(offset, true)) },
  "<u8": { bytes: 8, read: (view, offset) => Number(view.getBigUint64(offset, true)) },
};

const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Longest header that we read; NumPy's own are 118 bytes. */
export const NPY_HEADER_MAX_BYTES = 65_536;

export interface NpyHeader {
  readonly shape: readonly number[];
  readonly descr: string;
  readonly element: ElementType;
  /** Where the elements begin. */
  readonly dataOffset: number;
}

/** Reads the header from the first bytes of a file. `name` is for messages only. */
export function parseNpyHeader(bytes: Uint8Array, name: string): NpyHeader {
  const refuse = (expected: string, got: string): never => {
    throw new DataError({
      expected: `${expected} in "${name}"`,
      got,
      todo: "Write it with numpy.save or numpy.savez.",
    });
  };
  if (bytes.length < 12 || bytes[0] !== 0x93 || String.fromCharCode(...bytes.subarray(1, 6)) !== "NUMPY") {
    return refuse("the NumPy signature", "other bytes");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLong = bytes[6]! >= 2;
  const headerLength = isLong ? view.getUint32(8, true) : view.getUint16(8, true);
  const headerStart = isLong ? 12 : 10;
  const dataOffset = headerStart + headerLength;
  if (dataOffset > bytes.length) return refuse(`a header of ${headerLength} bytes`, `${bytes.length} bytes`);
  const text = new TextDecoder("latin1").decode(bytes.subarray(headerStart, dataOffset));
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const dimensions = /'shape'\s*:\s*\(([^)]*)\)/.exec(text)?.[1];
  if (descr === undefined || order === undefined || dimensions === undefined) {
    return refuse("descr, fortran_order and shape", text.slice(0, 80));
  }
  const element = ELEMENT_TYPES[descr];
  if (element === undefined) return refuse("little-endian float, integer or bool elements", `'${descr}'`);
  if (order === "True") return refuse("C order", "Fortran order");
  const shape = dimensions
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(Number);
  if (shape.some((extent) => !Number.isSafeInteger(extent) || extent < 0)) {
    return refuse("a shape of non-negative integers", `(${dimensions})`);
  }
  return { shape, descr, element, dataOffset };
}

/** The elements that `bytes` hold, as float32: exact for all but large integers and doubles. */
export function npyValues({ element, descr }: NpyHeader, bytes: Uint8Array): Float32Array {
  // What nearly every data set holds needs no conversion.
  if (descr === "<f4" && IS_LITTLE_ENDIAN) {
    return new Float32Array(bytes.slice(0, bytes.length - (bytes.length % 4)).buffer);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = Math.floor(bytes.length / element.bytes);
  return Float32Array.from({ length: count }, (_, i) => element.read(view, i * element.bytes));
}

export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: TensorData;
}

const DESCR = new Map<string, string>([
  ["Float32Array", "<f4"],
  ["Int8Array", "|i1"],
  ["Uint8Array", "|u1"],
  ["Int16Array", "<i2"],
  ["Int32Array", "<i4"],
  ["BigInt64Array", "<i8"],
]);

/** A whole .npy file, version 1.0, elements at a multiple of 64 bytes as NumPy writes them. */
export function encodeNpy({ shape, data }: NpyArray): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${DESCR.get(data.constructor.name)}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const file = new Uint8Array(10 + padded.length + data.byteLength);
  file.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 0xff, padded.length >> 8]);
  file.set(new TextEncoder().encode(padded), 10);
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + padded.length);
  return file;
}
