import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Chores } from "./chores.js";
import { createLog } from "./log.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function logged(): { lines: { event: string; level: string; times?: number }[]; chores: Chores } {
  const lines: { event: string; level: string }[] = [];
  const log = createLog(
    (line) => lines.push(JSON.parse(line)),
    () => 0,
  );
  return { lines, chores: new Chores(log) };
}

describe("a chore", () => {
  it("that fails at every turn is said once, again after many, and when it works again", async () => {
    const { lines, chores } = logged();
    let turns = 0;
    chores.add("tick", 10, async () => {
      if (++turns <= 121) throw new Error("the database is away");
    });
    await vi.advanceTimersByTimeAsync(1500);
    await chores.stop();
    expect(lines.map(({ event, level, times }) => [event, level, times])).toEqual([
      ["tick", "error", 1],
      ["tick", "error", 121],
      ["tick-recovered", "info", undefined],
    ]);
  });

  it("that fails for another reason says that one too", async () => {
    const { lines, chores } = logged();
    let turns = 0;
    chores.add("tick", 10, async () => {
      throw new Error(++turns < 3 ? "refused" : "starting up");
    });
    await vi.advanceTimersByTimeAsync(60);
    await chores.stop();
    expect(lines).toHaveLength(2);
  });

  it("is never run twice at a time, and is waited for at the end", async () => {
    const { chores } = logged();
    let [begun, ended] = [0, 0];
    let finish = (): void => {};
    chores.add("slow", 10, async () => {
      begun++;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      ended++;
    });
    await vi.advanceTimersByTimeAsync(100);
    expect(begun).toBe(1);
    const stopped = chores.stop();
    finish();
    await stopped;
    expect(ended).toBe(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(begun).toBe(1);
  });
});
