import { describe, expect, it } from "vitest";
import { Random } from "../train/random.js";
import { type DescentProblem, onGrid, roundTowards } from "./descent.js";

const CHANNELS = 6;
const TAPS = 12;

/** New weights near the old codes, inputs that are strongly correlated. */
function problem(seed: number): DescentProblem {
  const random = new Random(seed);
  const scale = new Array<number>(CHANNELS).fill(0.01);
  const old = Array.from({ length: CHANNELS }, () =>
    Int32Array.from({ length: TAPS }, () => Math.round(random.between(-100, 100))),
  );
  const target = old.map((row) => Float64Array.from(row, (q) => (q + random.normal() * 3) * 0.01));
  const mix = Float64Array.from({ length: TAPS * TAPS }, () => random.normal());
  const covariance = new Float64Array(TAPS * TAPS);
  for (let i = 0; i < TAPS; i++) {
    for (let j = 0; j < TAPS; j++) {
      for (let k = 0; k < TAPS; k++) covariance[i * TAPS + j]! += mix[i * TAPS + k]! * mix[j * TAPS + k]!;
    }
  }
  return {
    target,
    old,
    scale,
    covariance: () => covariance,
    importance: new Array<number>(CHANNELS).fill(1),
  };
}

describe("rounding towards what devices hold", () => {
  it("keeps every old code when bits are dear beyond measure", () => {
    const given = problem(1);
    expect(roundTowards(given, 1e6).codes).toEqual(given.old);
  });

  it("beats nearest rounding on the loss when bits cost nothing, because it knows the covariance", () => {
    const given = problem(2);
    const nearest = given.target.map((row) => Int32Array.from(row, (w) => Math.round(w / 0.01)));
    const loss = (codes: readonly Int32Array[]): number => {
      let sum = 0;
      const matrix = given.covariance(0);
      codes.forEach((row, channel) => {
        const error = Float64Array.from(row, (q, tap) => q * 0.01 - given.target[channel]![tap]!);
        for (let i = 0; i < TAPS; i++)
          for (let j = 0; j < TAPS; j++) sum += error[i]! * matrix[i * TAPS + j]! * error[j]!;
      });
      return sum;
    };
    const result = roundTowards(given, 0);
    expect(result.loss).toBeCloseTo(loss(result.codes), 8);
    expect(result.loss).toBeLessThan(loss(nearest) * 0.8);
  });

  it("buys fewer bits with more loss as their price rises", () => {
    const given = problem(3);
    const results = [0, 1e-4, 1e-3, 1e-2].map((lambda) => roundTowards(given, lambda));
    for (let i = 1; i < results.length; i++) {
      expect(results[i]!.bits).toBeLessThanOrEqual(results[i - 1]!.bits);
      // Descents end in neighbouring valleys: a fifth of the loss is theirs.
      expect(results[i]!.loss).toBeGreaterThanOrEqual(0.8 * results[i - 1]!.loss);
    }
    expect(results.at(-1)!.loss).toBeGreaterThan(2 * results[0]!.loss);
    expect(results.at(-1)!.bits).toBeLessThan(results[0]!.bits);
  });

  it("moves in steps only, and never beyond what int8 holds", () => {
    const given = { ...problem(4), step: 4 };
    const { codes } = roundTowards(given, 1e-5);
    let moved = 0;
    codes.forEach((row, channel) => {
      row.forEach((code, tap) => {
        const residual = code - given.old[channel]![tap]!;
        expect(Math.abs(residual % 4)).toBe(0);
        if (residual !== 0) moved++;
      });
    });
    expect(moved).toBeGreaterThan(0);
    expect(onGrid(127, 126, 4)).toBe(126);
    expect(onGrid(-300, -120, 8)).toBe(-120);
    expect(onGrid(10, 3, 4)).toBe(11);
  });
});
