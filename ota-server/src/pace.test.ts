import { expect, test } from "vitest";
import { PACE_LIMITS, Pace } from "./pace.js";

function bench() {
  const state = { nowMs: 1_000_000 };
  const pace = new Pace(() => state.nowMs);
  const work = (tookMs: number) =>
    pace.run(async () => {
      state.nowMs += tookMs;
    });
  return { state, pace, work };
}

test("work that takes no time is always due; work that takes some waits until that is a twentieth", async () => {
  const { state, pace, work } = bench();
  await work(0);
  expect(pace.isDue).toBe(true);
  await work(100);
  state.nowMs += 1999;
  expect(pace.isDue).toBe(false);
  state.nowMs += 1;
  expect(pace.isDue).toBe(true);
});

test("nothing is put off for longer than the limit, by long work, a failure or a clock that is set back", async () => {
  const { state, pace, work } = bench();
  await work(60_000);
  expect(pace.isDue).toBe(false);
  state.nowMs += PACE_LIMITS.maxWaitMs;
  expect(pace.isDue).toBe(true);
  const failing = pace.run(async () => {
    state.nowMs += 50;
    throw new Error("full disk");
  });
  await expect(failing).rejects.toThrow("full disk");
  expect(pace.isDue).toBe(false);
  state.nowMs -= 3_600_000;
  expect(pace.isDue).toBe(true);
});
