import { describe, expect, it } from "vitest";
import { REQUEST_LIMITS, RequestLimit } from "./requestLimit.js";

function bench(perMinute: number) {
  const state = { nowMs: 1_000_000 };
  const limit = new RequestLimit(perMinute, () => state.nowMs);
  /** How many of `times` requests pass. */
  const passed = (device: string, times: number) => {
    let count = 0;
    for (let i = 0; i < times; i++) {
      try {
        limit.take(device);
        count++;
      } catch {
        // Refused: not counted.
      }
    }
    return count;
  };
  return { state, limit, passed };
}

describe("a device that asks too often", () => {
  it("gets its burst, then its rate, and is told when to come again", () => {
    const { state, limit, passed } = bench(60);
    expect(passed("cam-1", 1000)).toBe(REQUEST_LIMITS.burst);
    expect(() => limit.take("cam-1")).toThrow(/60 requests a minute.*again in 1 s/);
    state.nowMs += 10_000;
    expect(passed("cam-1", 1000)).toBe(10);
  });

  it("takes nothing from others", () => {
    const { passed } = bench(60);
    passed("cam-1", 1000);
    expect(passed("cam-2", 10)).toBe(10);
  });

  it("gains nothing by a clock that jumps back", () => {
    const { state, passed } = bench(60);
    passed("cam-1", 1000);
    state.nowMs -= 500_000;
    expect(passed("cam-1", 100)).toBe(0);
    state.nowMs += 5_000;
    expect(passed("cam-1", 100)).toBe(5);
  });
});
