import { describe, expect, test } from "vitest";
import { compareGroups, leastP } from "./permutation.js";
import { studentTail } from "./student.js";

describe("the randomization test", () => {
  test("gives the share of draws that are at least as extreme", () => {
    // 3 of 6: 20 draws; the wave holds the three largest, so only the draw that happened is as large.
    const { difference, pWorse } = compareGroups([4, 5, 6], [1, 2, 3], 1, 1);
    expect(difference).toBe(3);
    expect(pWorse).toBe(1 / 20);
  });

  test("sees no effect where every device reads the same", () => {
    const { difference, pWorse, pTolerable } = compareGroups([0, 0, 0], [0, 0, 0, 0], 0.05, 1);
    expect(difference).toBe(0);
    expect(pWorse).toBe(1);
    // All alike, so a worsening by the margin would stand out from every other draw.
    expect(pTolerable).toBe(1 / 35);
  });

  test("is symmetric in which group is enumerated", () => {
    const few = compareGroups([0.3, 0.1], [0, 0.1, 0.2, 0.05, 0.12], 0.05, 1);
    const many = compareGroups(
      [0, 0.1, 0.2, 0.05, 0.12].map((x) => -x),
      [-0.3, -0.1],
      0.05,
      1,
    );
    expect(many.difference).toBeCloseTo(few.difference);
    expect(many.pWorse).toBeCloseTo(few.pWorse);
  });

  test("gives the same p-value every time where it samples the draws", () => {
    const wave = Array.from({ length: 12 }, (_, i) => Math.sin(i));
    const control = Array.from({ length: 25 }, (_, i) => Math.cos(3 * i));
    const first = compareGroups(wave, control, 0.05, 7);
    expect(compareGroups(wave, control, 0.05, 7)).toEqual(first);
    expect(first.pWorse).toBeGreaterThan(0);
  });

  test("knows the least p-value that so few devices can give", () => {
    expect(leastP(1, 22)).toBeCloseTo(1 / 23);
    expect(leastP(5, 18)).toBeCloseTo(1 / 33_649);
    expect(leastP(50, 5000)).toBe(0);
  });

  test("agrees with Welch's t where groups are large", () => {
    const normal = (n: number, shift: number) =>
      Array.from(
        { length: n },
        (_, i) => shift + Math.sqrt(-2 * Math.log((i + 0.5) / n)) * Math.cos(i * 2.4),
      );
    const { pWorse, pTolerable } = compareGroups(normal(200, 0.5), normal(300, 0), 1, 1);
    expect(pWorse).toBeLessThan(1e-4);
    expect(pTolerable).toBeLessThan(1e-4);
  });
});

test("Student's t matches the tables", () => {
  // Quantiles as printed: P(T >= t).
  expect(studentTail(1.812, 10)).toBeCloseTo(0.05, 4);
  expect(studentTail(3.169, 10)).toBeCloseTo(0.005, 4);
  expect(studentTail(2.0, 60)).toBeCloseTo(0.025, 3);
  expect(studentTail(0, 5)).toBeCloseTo(0.5);
  expect(studentTail(-1.812, 10)).toBeCloseTo(0.95, 4);
});
