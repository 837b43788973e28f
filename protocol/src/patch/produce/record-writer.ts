import {
  FIELD_EXPONENTS,
  FLOAT32_AT,
  INT32_AT,
  NUMBER_EXPONENTS,
  RATIO_AT,
  RECORDS,
  ZERO_AT,
} from "../layout.js";
import { biasOf, columnAt, encodeColumn, encodeShape, multiplierOf, type RecordShape } from "../records.js";
import type { BitSink } from "./range-encoder.js";
import { writeInt8, writeSigned } from "./write-number.js";

/** The other side of RecordReader. */
export class RecordWriter {
  readonly #sink: BitSink;
  readonly #shape: RecordShape;
  readonly #rowLength: number;
  readonly #depth: number;
  readonly #ratios = new Int32Array(RECORDS.maxRatios);
  #borrow = 0;

  constructor(sink: BitSink, shape: RecordShape, rowLength: number, depth: number) {
    this.#sink = sink;
    this.#shape = shape;
    this.#rowLength = rowLength;
    this.#depth = depth;
    sink.direct(encodeShape(shape), RECORDS.fieldBits);
    for (const column of shape.columns) sink.direct(encodeColumn(column), 4);
  }

  begin(ratios: readonly number[]): void {
    for (const ratio of ratios) writeSigned(this.#sink, RATIO_AT, FIELD_EXPONENTS, ratio);
    this.#ratios.set(ratios);
  }

  /** Both in [0, 2^32). */
  word(at: number, old: number, next: number): void {
    const column = this.#shape.columns[columnAt(this.#shape, at, this.#rowLength)]!;
    const ratio = this.#ratios[column.channel]!;
    if (column.class === "bias") {
      const residual = (next - biasOf(old | 0, ratio)) | 0;
      writeSigned(
        this.#sink,
        INT32_AT,
        NUMBER_EXPONENTS,
        ratio === 0 ? residual >> this.#shape.shift : residual,
      );
      return;
    }
    const predicted = column.class === "multiplier" ? multiplierOf(old, ratio) : old;
    writeSigned(this.#sink, FLOAT32_AT, NUMBER_EXPONENTS, (next - predicted) | 0);
  }

  /** Both in -128 … 127. */
  code(at: number, old: number, next: number): void {
    const isHigh = this.#shape.isPaired && ((at - 4 * this.#shape.head) & 1) === 1;
    // Modulo 256, because the reader takes the sum so.
    const residual = ((next - old - (isHigh ? this.#borrow : 0)) << 24) >> 24;
    writeInt8(this.#sink, residual, Math.sign(old), this.#depth, isHigh ? ZERO_AT - 1 : ZERO_AT);
    this.#borrow = (old < 0 ? 1 : 0) - (next < 0 ? 1 : 0);
  }
}
