import { DEFAULT_GATES, type RolloutPlan } from "@mote/protocol";
import { describe, expect, test } from "vitest";
import { chooseSpeed, greatestSpeed, pacedPlan, paceNotes, spanText } from "./pace.js";

const plan: RolloutPlan = {
  product: "digits",
  version: "2.0.0",
  query: { tags: { site: "north" } },
  waves: [
    { name: "canary", count: 50, soakS: 3600 },
    { name: "everybody", share: 1, soakS: 0 },
  ],
  gates: DEFAULT_GATES,
  onFailure: "hold",
  preconditions: { minBatteryPercent: 30 },
  approvals: 0,
  limits: { concurrent: 100, installsPerHour: 500, deadlineS: 7200 },
};

describe("a rehearsal's pace", () => {
  test("is bounded by windows, install time-outs and deadlines that would measure this machine", () => {
    expect(greatestSpeed(plan, 60)).toBe(120);
    expect(greatestSpeed(plan, 3600)).toBe(180);
    expect(greatestSpeed({ ...plan, gates: { ...DEFAULT_GATES, deadlineS: 100 } }, 60)).toBe(5);
    expect(greatestSpeed(plan, 0.1)).toBe(1);
    expect(chooseSpeed(plan, 60, null)).toBe(120);
    expect(chooseSpeed(plan, 60, 7)).toBe(7);
    expect(() => chooseSpeed(plan, 60, 121)).toThrow(/at most 120.*121.*--window-s/s);
  });

  test("divides every length of time, shrinks every number of devices, and leaves the rest as it is", () => {
    expect(pacedPlan(plan, 100, 0.1)).toEqual({
      ...plan,
      query: {},
      waves: [
        { name: "canary", count: 5, soakS: 36 },
        { name: "everybody", share: 1, soakS: 0 },
      ],
      gates: { ...DEFAULT_GATES, installTimeoutS: 36, deadlineS: 864 },
      limits: { concurrent: 10, deadlineS: 72 },
      retries: { maxAttempts: 3, backoffS: 0.6 },
    });
  });

  test("never shrinks a wave to nobody", () => {
    expect(pacedPlan(plan, 1, 0.001).waves[0]!.count).toBe(1);
  });

  test("says what it can't show: fewer devices, and what an hour may bring", () => {
    const notes = paceNotes(plan, 120, 100, 50_000);
    expect(notes.join("\n")).toMatch(/100 devices stand for 50000/);
    expect(notes.join("\n")).toMatch(/500 an hour take 4 d 4 h/);
    expect(paceNotes({ ...plan, limits: {} }, 120, 100, 100)).toHaveLength(1);
  });

  test("speaks of time as people do", () => {
    expect([45, 720, 12_000, 7200, 187_200, 172_800].map(spanText)).toEqual([
      "45 s",
      "12 min",
      "3 h 20 min",
      "2 h",
      "2 d 4 h",
      "2 d",
    ]);
  });
});
