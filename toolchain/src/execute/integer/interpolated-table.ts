import { clamp, roundAwayFromZero } from "./fixed-point.js";

/** Steps of a table over all 16-bit codes; one entry more ends the last step. */
const STEPS = 512;
const INT16_MIN = -32768;
const INT16_MAX = 32767;

/** One rounding of float32 or double arithmetic: TensorFlow Lite fills some of its tables in either. */
export type Precision = (x: number) => number;
export const SINGLE: Precision = Math.fround;
export const DOUBLE: Precision = (x) => x;

interface Axis {
  readonly scale: number;
  readonly zeroPoint: number;
}

/**
 * LUTPopulateInt16: a function of 16-bit codes as 513 entries. Each entry takes on half of the error that interpolation
 * makes in the middle of its step, so that the error is spread on both sides.
 */
export function interpolatedTable(
  f: (x: number) => number,
  input: Axis,
  output: Axis,
  precision: Precision,
): Int16Array {
  const p = precision;
  const least = p(input.scale * (INT16_MIN - input.zeroPoint));
  const greatest = p(input.scale * (INT16_MAX - input.zeroPoint));
  const outLeast = p(output.scale * (INT16_MIN - output.zeroPoint));
  const outGreatest = p(output.scale * (INT16_MAX - output.zeroPoint));
  const step = p(p(greatest - least) / STEPS);
  const half = p(step / 2);
  const inverse = p((INT16_MAX - INT16_MIN + 1) / p(outGreatest - outLeast));
  const round = (x: number): number => roundAwayFromZero(x);
  const at = (x: number): number => p(f(x) * inverse);
  const table = new Int16Array(STEPS + 1);
  for (let i = 0; i < STEPS; i++) {
    const x = p(least + p(i * step));
    const here = round(at(x));
    const middle = round(at(p(x + half)));
    const next = at(p(least + p((i + 1) * step)));
    const interpolated = round(p(p(next + here) / 2));
    const bias = round(p((interpolated - middle) / 2));
    table[i] = clamp(here - bias, INT16_MIN, INT16_MAX);
  }
  table[STEPS] = clamp(round(at(greatest)), INT16_MIN, INT16_MAX);
  return table;
}

/** LUTLookup: the entry of a 16-bit code and its share of the step to the next. */
export function lookUp(table: Int16Array, code: number): number {
  const index = 256 + (code >> 7);
  const base = table[index]!;
  const slope = ((table[index + 1]! - base) << 16) >> 16;
  return ((base + ((slope * (code & 0x7f) + 64) >> 7)) << 16) >> 16;
}
