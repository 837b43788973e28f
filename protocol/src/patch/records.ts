import { COLUMN_CLASSES, RECORDS, SCALE_GRID } from "./layout.js";

/** What the words of a record are and how they are predicted; both sides of the codec and C share this arithmetic. */

export interface Column {
  readonly class: (typeof COLUMN_CLASSES)[number];
  /** Within its record, 0 … RECORDS.channels - 1. */
  readonly channel: number;
}

/** `columns` holds the head words, then the tail words. */
export interface RecordShape {
  readonly head: number;
  readonly tail: number;
  /** Bits by which residuals of biases are shifted where the channel's scale did not move. */
  readonly shift: number;
  readonly columns: readonly Column[];
  /** The codes of two channels share halfwords. */
  readonly isPaired: boolean;
}

/** Ratios that stand before a record: one for each channel up to the last that has a multiplier. */
export function ratiosOf({ columns }: Pick<RecordShape, "columns">): number {
  let count = 0;
  for (const column of columns)
    if (column.class === "multiplier") count = Math.max(count, column.channel + 1);
  return count;
}

/** Which column a record's word at `at` bytes from its start is; -1 for a code. */
export function columnAt({ head, tail }: RecordShape, at: number, rowLength: number): number {
  if (at < 4 * head) return at >> 2;
  const left = rowLength - at;
  return left <= 4 * tail ? head + tail - (left >> 2) : -1;
}

/** A column in its four bits. */
export function encodeColumn(column: Column): number {
  return column.channel | (COLUMN_CLASSES.indexOf(column.class) << 2);
}

/** Null for the class that has no meaning. */
export function decodeColumn(bits: number): Column | null {
  const named = COLUMN_CLASSES[bits >> 2];
  return named === undefined ? null : { class: named, channel: bits & (RECORDS.channels - 1) };
}

/**
 * A multiplier in [0, 2^32) after its scale moved by r: round(m * (1 + r / 256)) in 64-bit integers, halved when it
 * leaves 31 bits, because its shift takes the other bit then.
 */
export function multiplierOf(old: number, ratio: number): number {
  if (ratio === 0) return old;
  const moved = Math.floor((old * (SCALE_GRID + ratio) + SCALE_GRID / 2) / SCALE_GRID);
  return moved < 2 ** 31 ? moved : Math.floor((moved + 1) / 2) >>> 0;
}

/** A bias (int32) is counted in units of the scale: fewer of them when it grew. Modulo 2^32. */
export function biasOf(old: number, ratio: number): number {
  if (ratio === 0) return old;
  const divisor = SCALE_GRID + ratio;
  const quotient = Math.trunc(old / divisor);
  const rest = old - quotient * divisor;
  return (Math.imul(quotient, SCALE_GRID) + Math.trunc((rest * SCALE_GRID) / divisor)) | 0;
}
