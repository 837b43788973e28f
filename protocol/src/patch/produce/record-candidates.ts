import { RECORD_RATIO, SCALE_GRID } from "../layout.js";
import { multiplierOf } from "../records.js";
import type { Int8Residual } from "./operation.js";
import type { RecordLayout, TensorRange } from "./tensor-range.js";

/** Ways to code records against those of the base: with and without ratios, with and without flags of unchanged ones. */
export function recordCandidates(
  base: Uint8Array,
  next: Uint8Array,
  old: TensorRange,
  range: TensorRange,
  records: RecordLayout,
  depth: number,
): Int8Residual[] {
  const { length, rowLength } = range;
  const pair = new RecordPair(base, next, old, range);
  const ratios = recordRatios(pair, records);
  const predictions = ratios === null ? [null] : [null, ratios];
  return predictions.flatMap((ratios) => {
    const shape = {
      ...records,
      shift: commonShift(pair, records, ratios),
      ratios: ratios === null ? 0 : channelsOf(records),
    };
    return [false, true].map((hasRowFlags) => ({
      kind: "int8Residual" as const,
      offset: old.offset,
      length,
      rowLength,
      depth,
      step: 1,
      hasRowFlags,
      ratios,
      records: shape,
    }));
  });
}

/** Channels of a record up to the last that has a multiplier. */
function channelsOf({ columns }: RecordLayout): number {
  return Math.max(0, ...columns.map((column) => (column.class === "multiplier" ? column.channel + 1 : 0)));
}

/** The words of two ranges of records, by record and column. */
class RecordPair {
  readonly rows: number;
  readonly #old: DataView;
  readonly #next: DataView;
  readonly #rowLength: number;

  constructor(base: Uint8Array, next: Uint8Array, old: TensorRange, range: TensorRange) {
    this.#old = new DataView(base.buffer, base.byteOffset + old.offset, old.length);
    this.#next = new DataView(next.buffer, next.byteOffset + range.offset, range.length);
    this.#rowLength = range.rowLength;
    this.rows = range.length / range.rowLength;
  }

  words(row: number, column: number, shape: RecordLayout): { old: number; next: number } {
    const behind = shape.head + shape.tail - column;
    const at = row * this.#rowLength + (column < shape.head ? 4 * column : this.#rowLength - 4 * behind);
    return { old: this.#old.getUint32(at, true), next: this.#next.getUint32(at, true) };
  }
}

/** How the scale of each record's channels moved, read off their multipliers; null when none did. */
function recordRatios(pair: RecordPair, shape: RecordLayout): Int16Array | null {
  const count = channelsOf(shape);
  const ratios = new Int16Array(pair.rows * count);
  for (let row = 0; row < pair.rows; row++) {
    for (const [column, { class: named, channel }] of shape.columns.entries()) {
      if (named !== "multiplier") continue;
      const { old, next } = pair.words(row, column, shape);
      ratios[row * count + channel] = ratioOf(old, next);
    }
  }
  return ratios.some((ratio) => ratio !== 0) ? ratios : null;
}

/** The ratio whose prediction comes closest; the multiplier may have been halved on the way. */
function ratioOf(old: number, next: number): number {
  if (old === 0 || next === 0 || old === next) return 0;
  const tries = [next / old, (2 * next) / old].map((quotient) =>
    Math.max(RECORD_RATIO.least, Math.min(RECORD_RATIO.most, Math.round((quotient - 1) * SCALE_GRID))),
  );
  const error = (ratio: number): number => Math.abs(multiplierOf(old, ratio) - next);
  return tries.reduce((best, ratio) => (error(ratio) < error(best) ? ratio : best), 0);
}

/** Zeros at the end of all residuals of biases whose scale stayed. */
function commonShift(pair: RecordPair, shape: RecordLayout, ratios: Int16Array | null): number {
  const count = channelsOf(shape);
  let seen = 0;
  for (let row = 0; row < pair.rows; row++) {
    for (const [column, { class: named, channel }] of shape.columns.entries()) {
      if (named !== "bias" || (ratios?.[row * count + channel] ?? 0) !== 0) continue;
      const { old, next } = pair.words(row, column, shape);
      seen |= next - old;
    }
  }
  return seen === 0 ? 0 : 31 - Math.clz32(seen & -seen);
}
