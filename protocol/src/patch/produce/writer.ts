import { Cursor } from "../cursor.js";
import {
  AREA_AT,
  AREA_END,
  CODES_MODE,
  FIELD_EXPONENTS,
  FLOAT32_AT,
  FORM_AT,
  FORM_BITS,
  HIGH_NIBBLE_AT,
  INT32_AT,
  KIND_AT,
  KIND_NODES,
  KINDS,
  type Kind,
  LENGTH_AT,
  lowNibbleAt,
  MAX_GRID,
  MODE_AT,
  MODE_BITS,
  NIBBLE_NODES,
  NUMBER_EXPONENTS,
  OFFSET_AT,
  SCALE_GRID,
  WORDS_MODE,
  WORDS_MODE_AT,
} from "../layout.js";
import { encodeForm } from "../row-form.js";
import type { Codes, Operation, OperationOf, Words } from "./operation.js";
import type { BitSink } from "./range-encoder.js";
import { writeRows } from "./row-writer.js";
import { writeSigned, writeUnsigned } from "./write-number.js";

/** Writes operations in order; the other side of OperationReader. A copy of it over a CostCounter tries a way out. */
export class OperationWriter {
  readonly #sink: BitSink;
  /** `result` is what is to be made; `produced` what the operations so far make of it. */
  readonly #cursor: Cursor;
  #area: Kind | null = null;
  /** Of the operation before. */
  #kind: Kind | null = null;

  constructor(sink: BitSink, base: Uint8Array, next: Uint8Array) {
    this.#sink = sink;
    this.#cursor = new Cursor(base, next);
  }

  /** The same place over another sink, to count what an operation would cost here. */
  fork(sink: BitSink): OperationWriter {
    const { base, result, produced, baseAt } = this.#cursor;
    const writer = new OperationWriter(sink, base, result);
    writer.#cursor.produced = produced;
    writer.#cursor.baseAt = baseAt;
    writer.#area = this.#area;
    writer.#kind = this.#kind;
    return writer;
  }

  get produced(): number {
    return this.#cursor.produced;
  }

  /** Where the base goes on when it has the layout of the result. */
  get baseAt(): number {
    return this.#cursor.baseAt;
  }

  get sink(): BitSink {
    return this.#sink;
  }

  write(operation: Operation): void {
    const kind = KINDS.indexOf(operation.kind);
    const tree = KIND_AT + (this.#kind === "copyBase" ? KIND_NODES : 0);
    let node = 1;
    for (let i = 2; i >= 0; i--) {
      const bit = (kind >>> i) & 1;
      this.#sink.bit(tree + node, bit);
      node = (node << 1) | bit;
    }
    this.#kind = operation.kind;
    if (operation.kind === "codes") {
      const mode = codesMode(operation);
      this.#writeBits(MODE_AT, MODE_BITS, mode);
      if ((mode & CODES_MODE.form) !== 0) this.#writeBits(FORM_AT, FORM_BITS, encodeForm(operation.form));
      this.#enterArea("codes", !operation.keeps);
    } else if (operation.kind === "words")
      this.#writeBits(WORDS_MODE_AT, WORDS_MODE.bits, wordsMode(operation));
    else if (operation.kind === "bytes") this.#enterArea("bytes", false);
    if ("offset" in operation && operation.offset !== null) this.#writeDelta(operation.offset);
    this.#writeBody(operation);
    this.#cursor.advance(operation.length);
  }

  /** The lowest first. */
  #writeBits(at: number, count: number, value: number): void {
    for (let i = 0; i < count; i++) this.#sink.bit(at + i, (value >>> i) & 1);
  }

  #writeDelta(offset: number): void {
    const delta = offset - this.#cursor.baseAt;
    writeUnsigned(this.#sink, OFFSET_AT, FIELD_EXPONENTS, delta >= 0 ? 2 * delta : -2 * delta - 1);
    this.#cursor.baseAt = offset;
  }

  #writeLength(length: number): void {
    writeUnsigned(this.#sink, LENGTH_AT, FIELD_EXPONENTS, length - 1);
  }

  /** 1 stands for all that is left; no copy is worth its while for a single byte before. */
  #copyLength(length: number): number {
    const { result, produced } = this.#cursor;
    if (produced + length === result.length) return 1;
    if (length === 1) throw new RangeError("a copy of one byte");
    return length;
  }

  #writeDistance(distance: number): void {
    writeUnsigned(this.#sink, OFFSET_AT, FIELD_EXPONENTS, distance - 1);
  }

  #enterArea(kind: Kind, isFresh: boolean): void {
    if (isFresh || this.#area !== kind) this.#sink.bits.reset(AREA_AT, AREA_END);
    else if (kind === "codes") this.#sink.bits.loosen(AREA_AT, AREA_END);
    this.#area = kind;
  }

  #writeBody(operation: Operation): void {
    switch (operation.kind) {
      case "bytes":
        this.#writeLength(operation.length);
        this.#writeBytes(operation.length);
        return;
      case "copyBase":
        this.#writeLength(this.#copyLength(operation.length));
        return;
      case "copyResult":
        this.#writeDistance(operation.distance);
        this.#writeLength(operation.length);
        return;
      case "codes":
        this.#writeLength(operation.rowLength);
        this.#writeLength(operation.length / operation.rowLength);
        writeRows(this.#sink, this.#cursor, operation);
        return;
      case "words":
        this.#writeLength(operation.length / 4);
        this.#writeWords(operation);
        return;
      case "product":
        this.#writeDistance(operation.distance);
        this.#writeLength(operation.length / 4);
        this.#writeProducts(operation);
        return;
    }
  }

  #writeBytes(length: number): void {
    const { result, produced } = this.#cursor;
    for (let i = 0; i < length; i++) {
      const byte = result[produced + i]!;
      writeNibble(this.#sink, HIGH_NIBBLE_AT - 1 + NIBBLE_NODES * (i & 3), byte >>> 4);
      writeNibble(this.#sink, lowNibbleAt(byte >>> 4) - 1, byte & 15);
    }
  }

  #writeWords({ length, dtype, shift, isGrid }: Words): void {
    const { baseView, resultView, baseAt, produced } = this.#cursor;
    const at = dtype === "float32" ? FLOAT32_AT : INT32_AT;
    for (let i = 0; i < length; i += 4) {
      const residual = isGrid
        ? gridStep(baseView.getFloat32(baseAt + i, true), resultView.getFloat32(produced + i, true))
        : ((resultView.getInt32(produced + i, true) - baseView.getInt32(baseAt + i, true)) | 0) >> shift;
      if (residual === null) throw new RangeError("a scale that is not on the grid");
      writeSigned(this.#sink, at, NUMBER_EXPONENTS, residual);
    }
  }

  #writeProducts({ distance, length, factor }: OperationOf<"product">): void {
    const { resultView, produced } = this.#cursor;
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, factor, true);
    this.#sink.direct(view.getUint16(2, true), 16);
    this.#sink.direct(view.getUint16(0, true), 16);
    for (let at = produced; at < produced + length; at += 4) {
      view.setFloat32(0, resultView.getFloat32(at - distance, true) * factor, true);
      const residual = (resultView.getInt32(at, true) - view.getInt32(0, true)) | 0;
      writeSigned(this.#sink, FLOAT32_AT, NUMBER_EXPONENTS, residual);
    }
  }
}

function writeNibble(sink: BitSink, at: number, nibble: number): void {
  let node = 1;
  for (let i = 3; i >= 0; i--) {
    const bit = (nibble >>> i) & 1;
    sink.bit(at + node, bit);
    node = (node << 1) | bit;
  }
}

function codesMode({ depth, keeps, offset, hasFlags, ratios, form }: Codes): number {
  return (
    depth |
    (keeps ? CODES_MODE.keep : 0) |
    (offset === null ? 0 : CODES_MODE.base) |
    (hasFlags ? CODES_MODE.flags : 0) |
    (ratios === null ? 0 : CODES_MODE.ratios) |
    (encodeForm(form) === 0 ? 0 : CODES_MODE.form)
  );
}

function wordsMode({ dtype, shift, isGrid }: Words): number {
  return shift | (dtype === "float32" ? WORDS_MODE.isFloat : 0) | (isGrid ? WORDS_MODE.isGrid : 0);
}

export function isEqual(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

/** r with fround(old * fround(1 + r / 256)) === next, or null. Zeros and NaN keep their bits only by r = 0. */
export function gridStep(old: number, next: number): number | null {
  if (Object.is(old, next) && !Number.isNaN(old)) return 0;
  const r = Math.round((next / old - 1) * SCALE_GRID);
  if (!Number.isFinite(r) || Math.abs(r) > MAX_GRID) return null;
  return Math.fround(old * Math.fround(1 + r / SCALE_GRID)) === next && next !== 0 ? r : null;
}
