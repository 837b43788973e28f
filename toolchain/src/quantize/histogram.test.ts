import { describe, expect, it } from "vitest";
import { Random } from "../train/random.js";
import { Histogram, HistogramObserver } from "./histogram.js";
import type { CalibrationMethod } from "./methods.js";
import type { Range } from "./range.js";

function normal(count: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

describe("the streaming histogram", () => {
  it("counts every value however often its limits had to widen", () => {
    const histogram = new Histogram();
    for (const reach of [0, 1e-6, 0.3, 2, 1000]) histogram.add(Float32Array.of(reach, -reach / 2, reach / 3));
    expect(histogram.counts.reduce((sum, n) => sum + n, 0)).toBe(15);
    expect([histogram.min, histogram.max]).toEqual([-500, 1000]);
  });

  it("gives the same histogram whatever the order of the samples", () => {
    const [a, b] = [new Histogram(), new Histogram()];
    const parts = [normal(100, 1), normal(100, 2).map((v) => v * 30)];
    for (const part of parts) a.add(part);
    for (const part of parts.toReversed()) b.add(part);
    const mean = (h: Histogram): number =>
      h.counts.reduce((sum, n, bin) => sum + n * h.centre(bin), 0) / h.total;
    expect(mean(a)).toBeCloseTo(mean(b), 1);
  });
});

/** Mean squared error of 50,000 normal values and one outlier at 60, in 256 levels over the range. */
function error({ min, max }: Range): number {
  const step = (max - min) / 255;
  return step ** 2 / 12 + Math.max(60 - max, 0) ** 2 / 50_000;
}

it("tells of a value that is not finite and counts nothing of it", () => {
  const histogram = new Histogram();
  expect(histogram.add(Float32Array.of(1, Number.NaN))).toBe(false);
  expect(histogram.add(Float32Array.of(1, Number.POSITIVE_INFINITY))).toBe(false);
  expect([histogram.total, histogram.max]).toEqual([0, Number.NEGATIVE_INFINITY]);
});

describe("calibration with an outlier", () => {
  const observed = (method: CalibrationMethod): Range => {
    const observer = new HistogramObserver();
    for (let i = 0; i < 10; i++) observer.observe(normal(5000, i));
    observer.observe(Float32Array.of(60));
    return observer.range(method);
  };

  it.each(["percentile", "entropy"] as const)("does not let it decide the range (%s)", (method) => {
    const { min, max } = observed(method);
    expect(max).toBeLessThan(20);
    expect(max).toBeGreaterThan(2);
    expect(min).toBeLessThan(0);
  });

  it("keeps as much of it as the squared error asks for (mse)", () => {
    const range = observed("mse");
    for (const other of [observed("percentile"), observed("entropy"), { min: -4.2, max: 60 }]) {
      expect(error(range)).toBeLessThanOrEqual(error(other) * 1.01);
    }
  });
});

it.each([
  "minmax",
  "percentile",
  "mse",
  "entropy",
] as const)("%s keeps the range of a uniform distribution nearly whole", (method) => {
  const random = new Random(4);
  const observer = new HistogramObserver();
  observer.observe(Float32Array.from({ length: 20000 }, () => random.between(0, 1)));
  const { min, max } = observer.range(method);
  expect(min).toBeCloseTo(0, 3);
  expect(max).toBeGreaterThan(0.95);
  expect(max).toBeLessThanOrEqual(1);
});
