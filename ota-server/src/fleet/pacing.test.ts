import { describe, expect, it } from "vitest";
import { PACING_LIMITS, Pacing } from "./pacing.js";

const ids = Array.from({ length: 1000 }, (_, i) => `cam-${i}`);

describe("how often devices come", () => {
  it("spreads around the interval that was set, each device always alike", () => {
    const pacing = new Pacing(60);
    const intervals = ids.map((id) => pacing.intervalFor(id));
    expect(intervals).toEqual(ids.map((id) => pacing.intervalFor(id)));
    expect(Math.min(...intervals)).toBeGreaterThanOrEqual(60 * (1 - PACING_LIMITS.jitter / 2));
    expect(Math.max(...intervals)).toBeLessThanOrEqual(60 * (1 + PACING_LIMITS.jitter / 2));
    expect(new Set(intervals).size).toBeGreaterThan(990);
    const mean = intervals.reduce((sum, s) => sum + s, 0) / intervals.length;
    expect(mean).toBeGreaterThan(59);
    expect(mean).toBeLessThan(61);
  });

  it("stretches in steps under load, and no further than its limit", () => {
    let load = 1;
    const pacing = new Pacing(60, () => load);
    const stretched = [1, 1.01, 2, 3.9, 4.1, 1e9, 0, Number.NaN].map((now) => {
      load = now;
      return pacing.stretch();
    });
    expect(stretched).toEqual([1, 2, 2, 4, 8, 32, 1, 1]);
  });
});
