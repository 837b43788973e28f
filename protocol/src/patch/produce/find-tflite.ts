import { fromUtf8 } from "../../bytes.js";
import type { TensorRange } from "./tensor-range.js";

/**
 * Follows the offsets of a TFLite flatbuffer (schema.fbs, file identifier "TFL3") to the buffers of constant tensors
 * and to their vectors of scales. Null when the bytes are no such file.
 */

const MODEL = { subgraphs: 2, buffers: 4 } as const;
const SUBGRAPH = { tensors: 0 } as const;
const TENSOR = { shape: 0, type: 1, buffer: 2, name: 3, quantization: 4 } as const;
const QUANTIZATION = { scale: 2 } as const;
const BUFFER = { data: 0 } as const;
const DTYPES: Record<number, TensorRange["dtype"]> = { 0: "float32", 2: "int32", 3: "int8", 9: "int8" };

class Flatbuffer {
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** DataView throws RangeError beyond the file's end; the one caller takes that as "no TFLite file". */
  uint32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  int8(at: number): number {
    return this.#view.getInt8(at);
  }

  /** Where an offset field points. */
  follow(at: number): number {
    return at + this.uint32(at);
  }

  /** Position of a table's field, or null where it has its default. */
  field(table: number, index: number): number | null {
    const vtable = table - this.#view.getInt32(table, true);
    const slot = 4 + 2 * index;
    if (slot >= this.#view.getUint16(vtable, true)) return null;
    const offset = this.#view.getUint16(vtable + slot, true);
    return offset === 0 ? null : table + offset;
  }

  /** A vector field: where its elements begin and how many there are. */
  vector(table: number, index: number): { start: number; length: number } {
    const at = this.field(table, index);
    if (at === null) return { start: 0, length: 0 };
    const vector = this.follow(at);
    return { start: vector + 4, length: this.uint32(vector) };
  }

  /** Tables of a vector of offsets; a vector can't have more elements than the file has words. */
  tables(table: number, index: number): number[] {
    const { start, length } = this.vector(table, index);
    if (start + 4 * length > this.#view.byteLength) throw new RangeError("vector beyond the file");
    return Array.from({ length }, (_, i) => this.follow(start + 4 * i));
  }
}

function tensorRanges(
  file: Flatbuffer,
  bytes: Uint8Array,
  tensor: number,
  buffers: readonly number[],
): TensorRange[] {
  const nameVector = file.vector(tensor, TENSOR.name);
  const name = fromUtf8(bytes.subarray(nameVector.start, nameVector.start + nameVector.length));
  const ranges: TensorRange[] = [];
  const quantization = file.field(tensor, TENSOR.quantization);
  if (quantization !== null) {
    const { start, length } = file.vector(file.follow(quantization), QUANTIZATION.scale);
    if (length > 1) {
      const scale = { name: `${name}#scale`, dtype: "float32", offset: start, length: 4 * length } as const;
      ranges.push({ ...scale, rowLength: scale.length });
    }
  }
  const typeAt = file.field(tensor, TENSOR.type);
  const dtype = DTYPES[typeAt === null ? 0 : file.int8(typeAt)];
  const bufferAt = file.field(tensor, TENSOR.buffer);
  const buffer = buffers[bufferAt === null ? 0 : file.uint32(bufferAt)];
  if (dtype === undefined || buffer === undefined) return ranges;
  const { start, length } = file.vector(buffer, BUFFER.data);
  const elementBytes = dtype === "int8" ? 1 : 4;
  if (length === 0 || length % elementBytes !== 0) return ranges;
  const shape = file.vector(tensor, TENSOR.shape);
  const rows = shape.length > 1 ? file.uint32(shape.start) : 1;
  const rowLength = rows > 0 && length % rows === 0 ? length / rows : length;
  ranges.push({ name, dtype, offset: start, length, rowLength });
  return ranges;
}

export function findTfliteRanges(bytes: Uint8Array): TensorRange[] | null {
  if (bytes.length < 16 || String.fromCharCode(...bytes.subarray(4, 8)) !== "TFL3") return null;
  try {
    const file = new Flatbuffer(bytes);
    const model = file.follow(0);
    const buffers = file.tables(model, MODEL.buffers);
    const ranges = file
      .tables(model, MODEL.subgraphs)
      .flatMap((subgraph) => file.tables(subgraph, SUBGRAPH.tensors))
      .flatMap((tensor) => tensorRanges(file, bytes, tensor, buffers));
    return ranges.filter((range) => range.offset + range.length <= bytes.length);
  } catch {
    // An offset that leaves the file, or a name that is no text: the bytes are coded without types.
    return null;
  }
}
