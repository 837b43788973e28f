import { expect, test } from "vitest";
import { intervalOf } from "./interval.js";
import { comparePaired } from "./paired.js";
import { compareGroups } from "./permutation.js";

const THRESHOLD = 0.01;
const SEED = 7;

/** Evenly spread around `middle`: no randomness that a test could trip over. */
const group = (count: number, middle: number, width: number) =>
  Array.from({ length: count }, (_, i) => middle + width * ((i + 0.5) / count - 0.5));

test.each([
  ["few devices, all draws enumerated", 6, 14],
  ["more draws than can be enumerated", 20, 25],
  ["large groups, Welch's test", 60, 200],
])("covers what was measured, and ends where the test stops rejecting: %s", (_name, waves, controls) => {
  const [wave, control] = [group(waves, 0.2, 0.1), group(controls, 0, 0.1)];
  const { low, high } = intervalOf(wave, control, THRESHOLD, SEED);
  expect(low).not.toBeNull();
  expect(high).not.toBeNull();
  expect(low!).toBeLessThan(0.2);
  expect(high!).toBeGreaterThan(0.2);
  // The verdicts as they are taken: worse at all, and not worse by a margin just beyond the interval.
  expect(compareGroups(wave, control, 0, SEED).pWorse).toBeLessThanOrEqual(THRESHOLD);
  expect(low!).toBeGreaterThan(0);
  expect(compareGroups(wave, control, high! + 1e-9, SEED).pTolerable).toBeLessThanOrEqual(THRESHOLD);
  expect(compareGroups(wave, control, (high! + 0.2) / 2, SEED).pTolerable).toBeGreaterThan(THRESHOLD);
});

test("has no end where so few devices can bound nothing", () => {
  expect(intervalOf([0.1, 0.2], [0, 0.05], THRESHOLD, SEED)).toEqual({ low: null, high: null });
});

test("is a point where nothing varies", () => {
  expect(intervalOf([0.1, 0.1], [0.1, 0.1], THRESHOLD, SEED)).toEqual({ low: 0, high: 0 });
});

test("covers what devices measured against themselves, and ends where that test stops rejecting", () => {
  const wave = group(20, 0.2, 0.1);
  const { low, high } = intervalOf(wave, null, THRESHOLD, SEED);
  expect(low!).toBeGreaterThan(0);
  expect(low!).toBeLessThan(0.2);
  expect(high!).toBeGreaterThan(0.2);
  expect(comparePaired(wave, high! + 1e-9, 0, SEED).pTolerable).toBeLessThanOrEqual(THRESHOLD);
  expect(comparePaired(wave, 0, low! - 1e-9, SEED).pWorse).toBeLessThanOrEqual(THRESHOLD);
});
