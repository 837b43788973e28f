import { comparePaired } from "./paired.js";
import { compareGroups } from "./permutation.js";

/**
 * Every difference that the look's own test does not reject, so that a picture of it says what the verdict says: "advance"
 * is an interval that ends below the margin, "stop" one that begins above zero. Null where the test can't bound that side.
 */
export interface Interval {
  readonly low: number | null;
  readonly high: number | null;
}

/** Halvings of the search: a thousandth of the width searched. Each costs one test, and looks are rare. */
const STEPS = 10;
/** Widths of the data that a bound is looked for in. */
const REACH = 2;

/**
 * @param control null where each device is its own.
 * @param threshold that the look's p-values are held against.
 */
export function intervalOf(
  wave: readonly number[],
  control: readonly number[] | null,
  threshold: number,
  seed: number,
): Interval {
  // Against its own device a value is compared with zero.
  const { difference } =
    control === null ? comparePaired(wave, 0, 0, seed) : compareGroups(wave, control, 0, seed);
  const width = REACH * spread([...wave, ...(control ?? [0])]);
  if (width === 0) return { low: difference, high: difference };
  // A true difference of `shift` is rejected when what was measured lies too far above it, or too far below.
  const isTooLow = (shift: number) => {
    if (control === null) return comparePaired(wave, 0, shift, seed).pWorse <= threshold;
    const without = wave.map((value) => value - shift);
    return compareGroups(without, control, 0, seed).pWorse <= threshold;
  };
  const isTooHigh = (shift: number) => {
    const test =
      control === null ? comparePaired(wave, shift, 0, seed) : compareGroups(wave, control, shift, seed);
    return test.pTolerable <= threshold;
  };
  return {
    low: bound(difference - width, difference, isTooLow),
    high: bound(difference + width, difference, isTooHigh),
  };
}

/** Where, between a far value and the measured one, rejection ends; null when not even the far value is rejected. */
function bound(far: number, measured: number, isRejected: (shift: number) => boolean): number | null {
  if (!isRejected(far)) return null;
  let [rejected, kept] = [far, measured];
  for (let i = 0; i < STEPS; i++) {
    const middle = (rejected + kept) / 2;
    if (isRejected(middle)) rejected = middle;
    else kept = middle;
  }
  // The outer end: the interval never claims to know more than the test.
  return rejected;
}

function spread(values: readonly number[]): number {
  return Math.max(...values) - Math.min(...values);
}
