import { ByteBuffer } from "flatbuffers";
import { ModelFormatError } from "../../errors.js";

/** Vectors may be shared, so a small file can claim much: all that is decoded stays below this multiple of its size. */
const MAX_DECODED_PER_BYTE = 4;
const SLACK_BYTES = 65536;

/** A file under its reading: every offset is checked against its end before it is followed. */
class Source {
  readonly buffer: ByteBuffer;
  #decodedBytes = 0;

  constructor(readonly bytes: Uint8Array) {
    this.buffer = new ByteBuffer(bytes);
  }

  check(offset: number, length: number): number {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.bytes.length)) {
      throw new ModelFormatError({
        expected: `offsets inside the file of ${this.bytes.length} bytes`,
        got: `${length} bytes at ${offset}`,
        todo: "The file is truncated or damaged: export or copy it again.",
      });
    }
    return offset;
  }

  charge(bytes: number): void {
    this.#decodedBytes += bytes;
    if (this.#decodedBytes > MAX_DECODED_PER_BYTE * this.bytes.length + SLACK_BYTES) {
      throw new ModelFormatError({
        expected: "a file whose parts are read about once",
        got: "parts that refer to the same bytes over and over",
        todo: "The file is damaged or made to exhaust memory: export it again.",
      });
    }
  }
}

/** A FlatBuffers table read by the place of its fields. Absent fields give the default. */
export class FlatTable {
  readonly #source: Source;
  readonly #position: number;

  private constructor(source: Source, position: number) {
    source.charge(8);
    this.#source = source;
    this.#position = source.check(position, 4);
  }

  /** The root table. Throws ModelFormatError where the file does not carry `identifier`. */
  static root(bytes: Uint8Array, identifier: string): FlatTable {
    // A plain view: slices of a Node Buffer would share its memory and its alignment.
    const source = new Source(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    if (bytes.length < 8 || !source.buffer.__has_identifier(identifier)) {
      throw new ModelFormatError({
        expected: `a file that carries the mark ${identifier}`,
        got: `${bytes.length} bytes without it`,
        todo: "The file is truncated or of another format: export or copy it again.",
      });
    }
    return new FlatTable(source, source.buffer.readUint32(0));
  }

  #field(index: number, width: number): number | null {
    const { buffer } = this.#source;
    const vtable = this.#position - buffer.readInt32(this.#position);
    this.#source.check(vtable, 4);
    const entry = 4 + 2 * index;
    if (entry + 2 > buffer.readUint16(vtable)) return null;
    const offset = buffer.readUint16(this.#source.check(vtable + entry, 2));
    return offset === 0 ? null : this.#source.check(this.#position + offset, width);
  }

  int8(index: number, fallback = 0): number {
    const at = this.#field(index, 1);
    return at === null ? fallback : this.#source.buffer.readInt8(at);
  }

  int32(index: number, fallback = 0): number {
    const at = this.#field(index, 4);
    return at === null ? fallback : this.#source.buffer.readInt32(at);
  }

  uint32(index: number, fallback = 0): number {
    const at = this.#field(index, 4);
    return at === null ? fallback : this.#source.buffer.readUint32(at);
  }

  uint64(index: number): number {
    const at = this.#field(index, 8);
    return at === null ? 0 : Number(this.#source.buffer.readUint64(at));
  }

  float(index: number, fallback = 0): number {
    const at = this.#field(index, 4);
    return at === null ? fallback : this.#source.buffer.readFloat32(at);
  }

  bool(index: number, fallback = false): boolean {
    return this.int8(index, fallback ? 1 : 0) !== 0;
  }

  /** Start and length of a vector; null where it is absent. */
  #vector(index: number, width: number): { at: number; length: number } | null {
    const field = this.#field(index, 4);
    if (field === null) return null;
    const { buffer } = this.#source;
    const start = this.#source.check(field + buffer.readUint32(field), 4);
    const length = buffer.readUint32(start);
    this.#source.check(start + 4, length * width);
    this.#source.charge(length * width);
    return { at: start + 4, length };
  }

  int32s(index: number): number[] | null {
    const vector = this.#vector(index, 4);
    if (vector === null) return null;
    return Array.from({ length: vector.length }, (_, i) => this.#source.buffer.readInt32(vector.at + 4 * i));
  }

  floats(index: number): Float32Array | null {
    const vector = this.#vector(index, 4);
    if (vector === null) return null;
    return Float32Array.from({ length: vector.length }, (_, i) =>
      this.#source.buffer.readFloat32(vector.at + 4 * i),
    );
  }

  int64s(index: number): number[] | null {
    const vector = this.#vector(index, 8);
    if (vector === null) return null;
    return Array.from({ length: vector.length }, (_, i) =>
      Number(this.#source.buffer.readInt64(vector.at + 8 * i)),
    );
  }

  /** A copy, so that typed arrays over it are aligned and the file can go. */
  bytes(index: number): Uint8Array | null {
    const vector = this.#vector(index, 1);
    return vector === null ? null : this.#source.bytes.slice(vector.at, vector.at + vector.length);
  }

  /** Bytes at a place counted from the start of the file: how models beyond 2 GB keep their buffers. */
  fileBytes(offset: number, length: number): Uint8Array {
    this.#source.check(offset, length);
    this.#source.charge(length);
    return this.#source.bytes.slice(offset, offset + length);
  }

  string(index: number): string {
    const vector = this.#vector(index, 1);
    if (vector === null) return "";
    return new TextDecoder().decode(this.#source.bytes.subarray(vector.at, vector.at + vector.length));
  }

  table(index: number): FlatTable | null {
    const field = this.#field(index, 4);
    return field === null ? null : this.#follow(field);
  }

  tables(index: number): FlatTable[] {
    const vector = this.#vector(index, 4);
    if (vector === null) return [];
    return Array.from({ length: vector.length }, (_, i) => this.#follow(vector.at + 4 * i));
  }

  #follow(at: number): FlatTable {
    return new FlatTable(this.#source, at + this.#source.buffer.readUint32(at));
  }
}
