import { COLUMN_CLASSES, RECORDS, SCALE_GRID } from "./layout.js";

/** What the words of a record are and how they are predicted; both sides of the codec and C share this arithmetic. */

export interface Column {
  readonly class: (typeof COLUMN_CLASSES)[number];
  /** Within its record, 0 … RECORDS.channels - 1. */
  readonly channel: number;
}

export interface RecordShape {
  /** Words before the codes, and behind them. */
  readonly head: number;
  readonly tail: number;
  /** Bits by which residuals of biases are shifted where the channel's scale did not move. */
  readonly shift: number;
  /** How many ratios stand before each record: none, or one for each channel. */
  readonly ratios: number;
  /** The head words, then the tail words. */
  readonly columns: readonly Column[];
  /** The codes of two channels share halfwords. */
  readonly isPaired: boolean;
}

/** The field behind the mode. */
export function encodeShape({ head, tail, shift, ratios }: RecordShape): number {
  return head | (tail << 2) | (shift << 6) | (ratios << 11);
}

export function decodeShape(field: number): Pick<RecordShape, "head" | "tail" | "shift" | "ratios"> {
  return {
    head: field & RECORDS.headMask,
    tail: (field >> 2) & RECORDS.tailMask,
    shift: (field >> 6) & RECORDS.shiftMask,
    ratios: field >> 11,
  };
}

/** A column in its four bits. */
export function encodeColumn(column: Column): number {
  return column.channel | (COLUMN_CLASSES.indexOf(column.class) << 2);
}

export function decodeColumn(bits: number): Column {
  return { class: COLUMN_CLASSES[bits >> 2] ?? "plain", channel: bits & (RECORDS.channels - 1) };
}

/** Which column stands at `at` bytes from a record's start; -1 for a code. */
export function columnAt(
  { head, tail }: Pick<RecordShape, "head" | "tail">,
  at: number,
  rowLength: number,
): number {
  if (at < 4 * head) return at >> 2;
  const left = rowLength - at;
  return left <= 4 * tail ? head + tail - (left >> 2) : -1;
}

/**
 * A multiplier in [0, 2^31) after its scale moved by r: round(m * (1 + r / 256)) in 64-bit integers, halved when it
 * leaves 31 bits, because its shift takes the other bit then.
 */
export function multiplierOf(old: number, ratio: number): number {
  const moved = Math.floor((old * (SCALE_GRID + ratio) + SCALE_GRID / 2) / SCALE_GRID);
  return moved < 2 ** 31 ? moved : Math.floor((moved + 1) / 2) >>> 0;
}

/** A bias (int32) is counted in units of the scale: fewer of them when it grew. Modulo 2^32, in 32-bit integers. */
export function biasOf(old: number, ratio: number): number {
  const divisor = SCALE_GRID + ratio;
  const quotient = Math.trunc(old / divisor);
  const rest = old - quotient * divisor;
  return (Math.imul(quotient, SCALE_GRID) + Math.trunc((rest * SCALE_GRID) / divisor)) | 0;
}
