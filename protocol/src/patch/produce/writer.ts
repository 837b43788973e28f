import {
  AREA_AT,
  AREA_END,
  FIELD_EXPONENTS,
  FLOAT32_AT,
  HIGH_NIBBLE_AT,
  INT32_AT,
  KIND_AT,
  KINDS,
  LENGTH_AT,
  lowNibbleAt,
  MAX_GRID,
  MODE,
  NIBBLE_NODES,
  NUMBER_EXPONENTS,
  OFFSET_AT,
  RATIO_AT,
  ROW_AT,
  SCALE_GRID,
} from "../layout.js";
import { scaleCode } from "../operation-reader.js";
import { columnAt, type RecordShape } from "../records.js";
import type { Int8Residual, Operation, OperationOf } from "./operation.js";
import type { BitSink } from "./range-encoder.js";
import { RecordWriter } from "./record-writer.js";
import { writeField, writeInt8, writeSigned } from "./write-number.js";

/** Writes operations in order; the other side of OperationReader. A copy of it over a CostCounter tries a way out. */
export class OperationWriter {
  /** Bytes of `next` that the operations so far make. */
  produced = 0;
  readonly #sink: BitSink;
  readonly #base: Uint8Array;
  readonly #next: Uint8Array;
  readonly #baseView: DataView;
  readonly #nextView: DataView;
  #baseAt = 0;
  #wasTensor = true;

  constructor(sink: BitSink, base: Uint8Array, next: Uint8Array) {
    this.#sink = sink;
    this.#base = base;
    this.#next = next;
    this.#baseView = new DataView(base.buffer, base.byteOffset, base.length);
    this.#nextView = new DataView(next.buffer, next.byteOffset, next.length);
  }

  /** The same place over another sink, to count what an operation would cost here. */
  fork(sink: BitSink): OperationWriter {
    const writer = new OperationWriter(sink, this.#base, this.#next);
    writer.produced = this.produced;
    writer.#baseAt = this.#baseAt;
    writer.#wasTensor = this.#wasTensor;
    return writer;
  }

  /** Where the base goes on when it has the layout of the result. */
  get baseAt(): number {
    return this.#baseAt;
  }

  get sink(): BitSink {
    return this.#sink;
  }

  write(operation: Operation): void {
    const kind = KINDS.indexOf(operation.kind);
    let node = 1;
    for (let i = 2; i >= 0; i--) {
      const bit = (kind >>> i) & 1;
      this.#sink.bit(KIND_AT + node, bit);
      node = (node << 1) | bit;
    }
    if ("offset" in operation) this.#writeDelta(operation.offset);
    this.#resetArea(operation);
    this.#writeBody(operation);
    this.produced += operation.length;
    this.#baseAt += operation.length;
  }

  #writeDelta(offset: number): void {
    const delta = offset - this.#baseAt;
    writeField(this.#sink, OFFSET_AT, delta >= 0 ? 2 * delta : -2 * delta - 1);
    this.#baseAt = offset;
  }

  #writeLength(length: number): void {
    writeField(this.#sink, LENGTH_AT, length - 1);
  }

  #resetArea({ kind }: Operation): void {
    if (kind === "int8" || kind === "int8Residual" || (kind === "bytes" && this.#wasTensor)) {
      this.#sink.bits.reset(AREA_AT, AREA_END);
      this.#wasTensor = kind !== "bytes";
    }
  }

  #writeBody(operation: Operation): void {
    switch (operation.kind) {
      case "bytes":
        this.#writeLength(operation.length);
        this.#writeBytes(operation.length);
        return;
      case "copyBase":
        this.#writeLength(operation.length);
        return;
      case "copyResult":
        writeField(this.#sink, OFFSET_AT, operation.distance - 1);
        this.#writeLength(operation.length);
        return;
      case "int8":
        this.#writeLength(operation.length);
        this.#sink.direct(operation.depth, 8);
        this.#writeCodes(operation);
        return;
      case "int8Residual":
        this.#writeLength(operation.rowLength);
        this.#writeLength(operation.length / operation.rowLength);
        this.#sink.direct(modeOf(operation), 8);
        if (operation.records === null) this.#writeRows(operation);
        else this.#writeRecords(operation, operation.records);
        return;
      case "float32Residual":
        this.#writeLength(operation.length / 4);
        this.#sink.direct(operation.isGrid ? 1 : 0, 8);
        this.#writeFloat32s(operation);
        return;
      case "int32Residual":
        this.#writeLength(operation.length / 4);
        this.#sink.direct(operation.shift, 8);
        this.#writeInt32s(operation);
        return;
      case "float32Product":
        writeField(this.#sink, OFFSET_AT, operation.distance - 1);
        this.#writeLength(operation.length / 4);
        this.#writeProducts(operation);
        return;
    }
  }

  #writeBytes(length: number): void {
    const sink = this.#sink;
    for (let i = 0; i < length; i++) {
      const byte = this.#next[this.produced + i]!;
      writeNibble(sink, HIGH_NIBBLE_AT - 1 + NIBBLE_NODES * (i & 3), byte >>> 4);
      writeNibble(sink, lowNibbleAt(byte >>> 4) - 1, byte & 15);
    }
  }

  #writeCodes({ length, depth }: OperationOf<"int8">): void {
    for (let i = 0; i < length; i++)
      writeInt8(this.#sink, this.#nextView.getInt8(this.produced + i), 0, depth);
  }

  #writeRows({ offset, length, rowLength, depth, step, hasRowFlags, ratios }: Int8Residual): void {
    let wasUnchanged = false;
    for (let row = 0; row < length / rowLength; row++) {
      const oldAt = offset + row * rowLength;
      const newAt = this.produced + row * rowLength;
      if (hasRowFlags) {
        const isUnchanged = isEqual(this.#base, oldAt, this.#next, newAt, rowLength);
        this.#sink.bit(ROW_AT + (wasUnchanged ? 1 : 0), isUnchanged ? 1 : 0);
        wasUnchanged = isUnchanged;
        if (isUnchanged) continue;
      }
      const ratio = ratios?.[row] ?? 0;
      if (ratios !== null) writeSigned(this.#sink, RATIO_AT, FIELD_EXPONENTS, ratio);
      for (let i = 0; i < rowLength; i++) {
        const old = this.#baseView.getInt8(oldAt + i);
        const residual = this.#nextView.getInt8(newAt + i) - (ratio === 0 ? old : scaleCode(old, ratio));
        writeInt8(this.#sink, residual / step, Math.sign(old), depth);
      }
    }
  }

  #writeRecords(
    { offset, length, rowLength, depth, hasRowFlags, ratios }: Int8Residual,
    shape: RecordShape,
  ): void {
    const writer = new RecordWriter(this.#sink, shape, rowLength, depth);
    const count = shape.ratios;
    let wasUnchanged = false;
    for (let row = 0; row < length / rowLength; row++) {
      const oldAt = offset + row * rowLength;
      const newAt = this.produced + row * rowLength;
      if (hasRowFlags) {
        const isUnchanged = isEqual(this.#base, oldAt, this.#next, newAt, rowLength);
        this.#sink.bit(ROW_AT + (wasUnchanged ? 1 : 0), isUnchanged ? 1 : 0);
        wasUnchanged = isUnchanged;
        if (isUnchanged) continue;
      }
      writer.begin(Array.from({ length: count }, (_, channel) => ratios?.[row * count + channel] ?? 0));
      for (let at = 0; at < rowLength; ) {
        if (columnAt(shape, at, rowLength) < 0) {
          writer.code(at, this.#baseView.getInt8(oldAt + at), this.#nextView.getInt8(newAt + at));
          at++;
        } else {
          writer.word(
            at,
            this.#baseView.getUint32(oldAt + at, true),
            this.#nextView.getUint32(newAt + at, true),
          );
          at += 4;
        }
      }
    }
  }

  #writeProducts({ distance, length, factor }: OperationOf<"float32Product">): void {
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, factor, true);
    this.#sink.direct(view.getUint16(2, true), 16);
    this.#sink.direct(view.getUint16(0, true), 16);
    for (let i = 0; i < length; i += 4) {
      const at = this.produced + i;
      view.setFloat32(0, this.#nextView.getFloat32(at - distance, true) * factor, true);
      const residual = (this.#nextView.getInt32(at, true) - view.getInt32(0, true)) | 0;
      writeSigned(this.#sink, FLOAT32_AT, NUMBER_EXPONENTS, residual);
    }
  }

  #writeFloat32s({ offset, length, isGrid }: OperationOf<"float32Residual">): void {
    for (let i = 0; i < length; i += 4) {
      const at = this.produced + i;
      const residual = isGrid
        ? gridStep(this.#baseView.getFloat32(offset + i, true), this.#nextView.getFloat32(at, true))
        : (this.#nextView.getInt32(at, true) - this.#baseView.getInt32(offset + i, true)) | 0;
      if (residual === null) throw new RangeError("a scale that is not on the grid");
      writeSigned(this.#sink, FLOAT32_AT, NUMBER_EXPONENTS, residual);
    }
  }

  #writeInt32s({ offset, length, shift }: OperationOf<"int32Residual">): void {
    for (let i = 0; i < length; i += 4) {
      const residual =
        this.#nextView.getInt32(this.produced + i, true) - this.#baseView.getInt32(offset + i, true);
      writeSigned(this.#sink, INT32_AT, NUMBER_EXPONENTS, (residual | 0) >> shift);
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

function modeOf({ depth, step, hasRowFlags, ratios, records }: Int8Residual): number {
  const kind = records === null ? Math.log2(step) : records.isPaired ? MODE.pairedRecords : MODE.records;
  const hasRatios = records === null && ratios !== null;
  return depth | (kind << MODE.stepShift) | (hasRowFlags ? MODE.rowFlags : 0) | (hasRatios ? MODE.ratios : 0);
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
