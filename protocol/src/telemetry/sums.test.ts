import fc from "fast-check";
import { expect, test } from "vitest";
import { CONFIDENCE_BINS, type TelemetryFrame } from "./frame.js";
import {
  agreement,
  EMPTY_SUMS,
  errorRate,
  growingSums,
  growSums,
  meanConfidence,
  meanLatencyUs,
  mergeSums,
  probeAccuracy,
  refillSums,
  sumsOfFrame,
} from "./sums.js";

const count = fc.integer({ min: 0, max: 1000 });

const frames: fc.Arbitrary<TelemetryFrame> = fc.record({
  sequence: count,
  windowStartMs: count,
  windowMs: count,
  releaseSequence: count,
  onProbation: fc.boolean(),
  inferences: count,
  errors: count,
  abstained: count,
  latencyUs: fc.record({ mean: count, p95: count, max: count }),
  energyUj: count,
  confidence: fc.array(count, { minLength: CONFIDENCE_BINS, maxLength: CONFIDENCE_BINS }),
  outputs: fc.array(count, { maxLength: 12 }),
  probes: fc.record({ seen: count, correct: count }),
  batteryPercent: fc.constant(null),
  temperatureC: fc.constant(null),
  shadow: fc.record({ compared: count, agreed: count }),
});

test("sums merge in any order and grouping", () => {
  fc.assert(
    fc.property(frames, frames, frames, (x, y, z) => {
      const [a, b, c] = [sumsOfFrame(x), sumsOfFrame(y), sumsOfFrame(z)];
      expect(mergeSums(mergeSums(a, b), c)).toEqual(mergeSums(a, mergeSums(c, b)));
      expect(mergeSums(EMPTY_SUMS, a)).toEqual(a);
    }),
  );
});

test("sums that are filled anew hold nothing of what they held, and grow without touching where it came from", () => {
  fc.assert(
    fc.property(frames, frames, frames, (former, x, y) => {
      const [a, b] = [sumsOfFrame(x), sumsOfFrame(y)];
      const untouched = growingSums(a);
      const sum = growingSums(sumsOfFrame(former));
      refillSums(sum, a);
      expect(sum).toEqual(a);
      growSums(sum, b);
      expect(sum).toEqual(mergeSums(a, b));
      expect(a).toEqual(untouched);
    }),
  );
});

test("a release in the shadow of another agrees in a share of what both were asked", () => {
  expect(agreement(EMPTY_SUMS)).toBeNull();
  expect(agreement({ compared: 40, agreed: 38 })).toBeCloseTo(0.95);
});

test("rates of nothing are null, not zero", () => {
  for (const rate of [meanConfidence, probeAccuracy, errorRate, meanLatencyUs])
    expect(rate(EMPTY_SUMS)).toBeNull();
});

test("rates weigh each inference once, whatever window it came in", () => {
  const confidence = (bin: number, n: number) => EMPTY_SUMS.confidence.map((_, i) => (i === bin ? n : 0));
  const a = { ...EMPTY_SUMS, inferences: 10, latencySumUs: 1000, confidence: confidence(19, 10), errors: 1 };
  const b = { ...EMPTY_SUMS, inferences: 30, latencySumUs: 9000, confidence: confidence(9, 30) };
  const merged = mergeSums(a, b);
  expect(meanLatencyUs(merged)).toBe(250);
  expect(meanConfidence(merged)).toBeCloseTo((10 * 0.975 + 30 * 0.475) / 40);
  expect(errorRate(merged)).toBeCloseTo(1 / 41);
});
