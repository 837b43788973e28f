import { mean, variance, xorshift } from "./statistics.js";
import { studentTail } from "./student.js";

/**
 * Randomization test for two groups that a hash has drawn. It assumes nothing about how the numbers are distributed: if
 * the release changes nothing, every way of drawing the wave was equally likely, and the p-value is the share of draws
 * with a difference at least as large.
 */
export interface TwoSided {
  /** mean(wave) - mean(control) */
  readonly difference: number;
  /** P(difference at least this large) if the wave is no worse. */
  readonly pWorse: number;
  /** P(difference at most this large) if the wave is worse by `margin`. */
  readonly pTolerable: number;
}

/** Up to this many draws are all enumerated. */
const MAX_EXACT = 250_000;
const SAMPLED = 20_000;
/** Both groups at least this large: Welch's t, whose error is then far below the thresholds in use. */
const LARGE = 30;

/** @param seed makes the sampled draws reproducible: the same data give the same verdict on every server. */
export function compareGroups(
  wave: readonly number[],
  control: readonly number[],
  margin: number,
  seed: number,
): TwoSided {
  if (wave.length === 0 || control.length === 0)
    throw new RangeError("Expected at least one device in each group.");
  if (wave.length >= LARGE && control.length >= LARGE) return welch(wave, control, margin);
  return permute(wave, control, margin, seed);
}

/** Least p-value that groups of these sizes can give at all. */
export function leastP(waveDevices: number, controlDevices: number): number {
  if (waveDevices >= LARGE && controlDevices >= LARGE) return 0;
  const draws = combinations(waveDevices + controlDevices, Math.min(waveDevices, controlDevices));
  return Math.max(1 / draws, draws > MAX_EXACT ? 1 / (SAMPLED + 1) : 0);
}

function permute(
  wave: readonly number[],
  control: readonly number[],
  margin: number,
  seed: number,
): TwoSided {
  const difference = mean(wave) - mean(control);
  const values = [...wave, ...control];
  const n = values.length;
  const total = values.reduce((sum, value) => sum + value, 0);
  // Under "worse by the margin" the wave's devices would read this much less without it.
  const totalShifted = total - margin * wave.length;
  const differenceShifted = difference - margin;
  const k = wave.length;
  // A draw of few is as good as a draw of the others: enumerate the smaller group.
  const drawn = Math.min(k, n - k);
  const sign = drawn === k ? 1 : -1;
  let worse = 0;
  let tolerable = 0;
  let draws = 0;
  // Differences that are equal on paper must not differ by rounding.
  const slack = 1e-12 * (1 + values.reduce((max, value) => Math.max(max, Math.abs(value)), margin));
  const meanGap = (sum: number, all: number) => sign * (sum / drawn - (all - sum) / (n - drawn));
  const judge = (sum: number, fromWave: number) => {
    draws++;
    if (meanGap(sum, total) >= difference - slack) worse++;
    if (meanGap(sum - margin * fromWave, totalShifted) <= differenceShifted + slack) tolerable++;
  };
  const isExact = combinations(n, drawn) <= MAX_EXACT;
  if (isExact) {
    forEachDraw(n, drawn, values, k, judge);
  } else {
    sampleDraws(n, drawn, values, k, seed, judge);
  }
  // A sampled p-value counts the draw that happened, so that it is never below what it stands for.
  const extra = isExact ? 0 : 1;
  return {
    difference,
    pWorse: (worse + extra) / (draws + extra),
    pTolerable: (tolerable + extra) / (draws + extra),
  };
}

type Judge = (sum: number, fromWave: number) => void;

/** All subsets of size `drawn`, in lexicographic order; the first `k` values are the wave's. */
function forEachDraw(n: number, drawn: number, values: readonly number[], k: number, judge: Judge): void {
  const visit = (start: number, left: number, sum: number, fromWave: number) => {
    // The last pick is a plain loop: it is where nearly all of the time goes.
    if (left === 1) {
      for (let i = start; i < n; i++) judge(sum + values[i]!, fromWave + (i < k ? 1 : 0));
      return;
    }
    for (let i = start; i <= n - left; i++) {
      visit(i + 1, left - 1, sum + values[i]!, fromWave + (i < k ? 1 : 0));
    }
  };
  visit(0, drawn, 0, 0);
}

function sampleDraws(
  n: number,
  drawn: number,
  values: readonly number[],
  k: number,
  seed: number,
  judge: Judge,
): void {
  const random = xorshift(seed);
  const order = Array.from({ length: n }, (_, i) => i);
  for (let draw = 0; draw < SAMPLED; draw++) {
    let sum = 0;
    let fromWave = 0;
    for (let i = 0; i < drawn; i++) {
      const j = i + Math.floor((random() / 2 ** 32) * (n - i));
      const picked = order[j]!;
      order[j] = order[i]!;
      order[i] = picked;
      sum += values[picked]!;
      if (picked < k) fromWave++;
    }
    judge(sum, fromWave);
  }
}

function welch(wave: readonly number[], control: readonly number[], margin: number): TwoSided {
  const difference = mean(wave) - mean(control);
  const [a, b] = [variance(wave) / wave.length, variance(control) / control.length];
  const error = Math.sqrt(a + b);
  if (error === 0) {
    return { difference, pWorse: difference > 0 ? 0 : 1, pTolerable: difference < margin ? 0 : 1 };
  }
  const degrees = (a + b) ** 2 / (a ** 2 / (wave.length - 1) + b ** 2 / (control.length - 1));
  return {
    difference,
    pWorse: studentTail(difference / error, degrees),
    pTolerable: studentTail((margin - difference) / error, degrees),
  };
}

function combinations(n: number, k: number): number {
  let result = 1;
  for (let i = 1; i <= k; i++) result = (result * (n - k + i)) / i;
  return Math.round(result);
}
