import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs, jitteredMs } from "./backoff.js";

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("backoff", () => {
  it("doubles up to its bound", () => {
    const pauses = [1, 2, 3, 4, 5, 100].map((attempt) => backoffMs(attempt, 100, 1000, () => 0.9999999));
    expect(pauses.map(Math.round)).toEqual([100, 200, 400, 800, 1000, 1000]);
  });

  it("is never below half of its step nor above it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), unit, (attempt, at) => {
        const full = Math.min(60_000, 1000 * 2 ** (attempt - 1));
        const pause = backoffMs(attempt, 1000, 60_000, () => at);
        expect(pause).toBeGreaterThanOrEqual(full / 2);
        expect(pause).toBeLessThanOrEqual(full);
      }),
    );
  });

  it("jitters an interval by its share to either side", () => {
    fc.assert(
      fc.property(unit, (at) => {
        const interval = jitteredMs(1000, 0.2, () => at);
        expect(interval).toBeGreaterThanOrEqual(800);
        expect(interval).toBeLessThanOrEqual(1200);
      }),
    );
  });
});
