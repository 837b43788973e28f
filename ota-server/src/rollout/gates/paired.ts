import type { TwoSided } from "./permutation.js";
import { mean, variance, xorshift } from "./statistics.js";
import { studentTail } from "./student.js";

/**
 * Test of devices that are each compared with themselves (a release in the shadow of another). If a device's difference
 * from the centre is as likely to be of either sign, every choice of signs was equally likely, and the p-value is the share
 * of choices with a mean at least as large (Fisher's sign-flip test). Shares of disagreement lean to the right, which makes
 * the test for "worse" err on the side of fewer stops.
 */

/** Up to so many devices all choices of signs are enumerated. */
const MAX_EXACT = 16;
const SAMPLED = 20_000;
/** At least so many: Student's t, whose error is then far below the thresholds in use. */
const LARGE = 30;

/** @param centre what "worse" is worse than: 0, or the margin itself for a share that is never below 0. */
export function comparePaired(
  values: readonly number[],
  margin: number,
  centre: number,
  seed: number,
): TwoSided {
  if (values.length === 0) throw new RangeError("Expected at least one device.");
  const difference = mean(values);
  return {
    difference,
    pWorse: upperTail(
      values.map((value) => value - centre),
      seed,
    ),
    pTolerable: upperTail(
      values.map((value) => margin - value),
      seed,
    ),
  };
}

/** Least p-value that so many devices can give at all. */
export function leastPairedP(devices: number): number {
  if (devices >= LARGE) return 0;
  return devices <= MAX_EXACT ? 2 ** -devices : 1 / (SAMPLED + 1);
}

/** Chance of a mean at least this large if the signs were chance. */
function upperTail(values: readonly number[], seed: number): number {
  const n = values.length;
  if (n >= LARGE) return student(values);
  const total = values.reduce((sum, value) => sum + value, 0);
  const slack = 1e-12 * (1 + values.reduce((max, value) => Math.max(max, Math.abs(value)), 0));
  if (n <= MAX_EXACT) {
    let asLarge = 0;
    for (let signs = 0; signs < 2 ** n; signs++) {
      if (flipped(values, signs) >= total - slack) asLarge++;
    }
    return asLarge / 2 ** n;
  }
  const random = xorshift(seed);
  // Counts the choice that happened, so that a sampled p-value is never below what it stands for.
  let asLarge = 1;
  for (let draw = 0; draw < SAMPLED; draw++) {
    const signs = random();
    if (flipped(values, signs) >= total - slack) asLarge++;
  }
  return asLarge / (SAMPLED + 1);
}

/** @param signs one bit for each value; there are fewer than 30. */
function flipped(values: readonly number[], signs: number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (signs >> i) & 1 ? -values[i]! : values[i]!;
  return sum;
}

function student(values: readonly number[]): number {
  const n = values.length;
  const m = mean(values);
  const spread = variance(values);
  if (spread === 0) return m > 0 ? 0 : 1;
  return studentTail(m / Math.sqrt(spread / n), n - 1);
}
