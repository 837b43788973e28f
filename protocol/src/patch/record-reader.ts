import {
  FIELD_EXPONENTS,
  FLOAT32_AT,
  INT32_AT,
  MODE,
  NUMBER_EXPONENTS,
  RATIO_AT,
  RECORD_RATIO,
  RECORDS,
  ZERO_AT,
} from "./layout.js";
import type { RangeDecoder } from "./range-decoder.js";
import { outOfRange, readInt8, readSigned } from "./read-number.js";
import { biasOf, columnAt, decodeColumn, decodeShape, multiplierOf, type RecordShape } from "./records.js";

export function isRecords(mode: number): boolean {
  return ((mode >>> MODE.stepShift) & MODE.stepMask) > MODE.maxStep;
}

/** The parts of a record, each one step of the decoder; OperationReader knows where base and result are. */
export class RecordReader {
  readonly #decoder: RangeDecoder;
  readonly #rowLength: number;
  readonly #depth: number;
  readonly #shape: RecordShape;
  readonly #ratios = new Int32Array(RECORDS.maxRatios);
  /** Ratios of this record that have been read. */
  #ratioAt = 0;
  /** What a low code gives to the high one of its pair. */
  #borrow = 0;

  /** Reads what stands behind the mode. Throws PatchFormatError where words and row do not fit. */
  constructor(decoder: RangeDecoder, rowLength: number, mode: number) {
    this.#decoder = decoder;
    this.#rowLength = rowLength;
    this.#depth = mode & MODE.depthMask;
    const shape = decodeShape(decoder.direct(RECORDS.fieldBits));
    const count = shape.head + shape.tail;
    if (4 * count > rowLength) throw outOfRange("words that fit into their record");
    const columns = Array.from({ length: count }, () => decodeColumn(decoder.direct(4)));
    const isPaired = ((mode >>> MODE.stepShift) & MODE.stepMask) === MODE.pairedRecords;
    this.#shape = { ...shape, columns, isPaired };
    this.#ratioAt = shape.ratios;
  }

  begin(): void {
    this.#ratioAt = 0;
  }

  /** One of the ratios that stand before a record; false when all have been read. */
  readRatio(): boolean {
    if (this.#ratioAt >= this.#shape.ratios) return false;
    const ratio = readSigned(this.#decoder, RATIO_AT, FIELD_EXPONENTS);
    if (ratio < RECORD_RATIO.least || ratio > RECORD_RATIO.most)
      throw outOfRange("a scale that stays positive");
    this.#ratios[this.#ratioAt++] = ratio;
    return true;
  }

  isWord(at: number): boolean {
    return columnAt(this.#shape, at, this.#rowLength) >= 0;
  }

  /** Modulo 2^32. */
  readWord(at: number, old: number): number {
    const column = this.#shape.columns[columnAt(this.#shape, at, this.#rowLength)]!;
    const ratio = this.#ratios[column.channel]!;
    if (column.class === "bias") {
      const residual = readSigned(this.#decoder, INT32_AT, NUMBER_EXPONENTS);
      return biasOf(old | 0, ratio) + (ratio === 0 ? residual << this.#shape.shift : residual);
    }
    const residual = readSigned(this.#decoder, FLOAT32_AT, NUMBER_EXPONENTS);
    return (column.class === "multiplier" ? multiplierOf(old, ratio) : old) + residual;
  }

  /** An int8 code, modulo 256. */
  readCode(at: number, old: number): number {
    const isHigh = this.#shape.isPaired && ((at - 4 * this.#shape.head) & 1) === 1;
    const residual = readInt8(this.#decoder, Math.sign(old), this.#depth, isHigh ? ZERO_AT - 1 : ZERO_AT);
    const code = old + (isHigh ? this.#borrow : 0) + residual;
    this.#borrow = (old < 0 ? 1 : 0) - (isNegativeCode(code) ? 1 : 0);
    return code;
  }
}

function isNegativeCode(code: number): boolean {
  return (code & 128) !== 0;
}
