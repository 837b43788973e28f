import { DEFAULT_GATES, type GateLook, type RolloutPlan } from "@mote/protocol";
import { describe, expect, test } from "vitest";
import { makeRelease, releaseRecord } from "../testing/release.js";
import { findingOf } from "./abTest.js";
import type { Evidence } from "./gates/telemetryGate.js";
import { type RolloutEvent, start, step } from "./machine.js";
import { checkPlan, newRollout } from "./plan.js";
import { promotionOf } from "./promotion.js";
import type { RolloutState } from "./state.js";

const NOW = 1_795_000_000_000;
const S = 1000;
const PLAN: RolloutPlan = {
  product: "digits",
  version: "2.0.0",
  query: {},
  strategy: "a-b",
  waves: [{ name: "B", share: 0.5, soakS: 600 }],
  gates: { ...DEFAULT_GATES, telemetry: [{ metric: "confidence", margin: 0.05 }], deadlineS: 100 },
  onFailure: "rollback-fleet",
  preconditions: {},
  approvals: 0,
};
const RELEASE = releaseRecord(makeRelease(2).manifest);

/** Open, all have it, and nothing is measured yet. */
function begun(members = 20, change: Partial<RolloutPlan> = {}): RolloutState {
  const { state } = start(newRollout("r2", 2, { ...PLAN, ...change }, RELEASE, NOW), NOW);
  const opened: RolloutEvent = { type: "waveOpened", threshold: 0.5, members, control: 20 };
  return step(step(state, opened, NOW).state, seen(members), NOW).state;
}

function seen(members: number, windows = 0, worsening?: number): RolloutEvent {
  const installs = { members, offered: members, confirmed: members, failed: 0, timedOut: 0 };
  const group = (value: number) => Array.from({ length: 20 }, (_, i) => value + 0.01 * Math.sin(i));
  const evidence: Evidence[] =
    worsening === undefined
      ? []
      : [{ metric: "confidence", wave: group(worsening), control: group(0), notApplicable: null }];
  return { type: "observed", facts: { installs, windows, evidence, returning: 0 } };
}

const gateOf = (state: RolloutState) => state.waves[0]!.gates.at(-1)!;

describe("an A/B test", () => {
  test.each([
    { worsening: -0.04, finding: "better", words: "B is better: 4.0 points of confidence gained" },
    { worsening: 0.03, finding: "worse", words: "B is worse: 3.0 points of confidence lost" },
    { worsening: 0, finding: "equal", words: "no difference that matters" },
  ])("of a release that is $finding says so when its time is over, and not before", ({
    worsening,
    finding,
    words,
  }) => {
    // The deadline of an undecided wave is none of a test that is on time.
    const looked = step(begun(), seen(20, 3, worsening), NOW + 500 * S).state;
    expect(looked.name).toBe("running");
    expect(gateOf(looked)).toMatchObject({ finding });
    expect(gateOf(looked).text).toContain(words);
    expect(gateOf(looked).text).toContain("against A; worsening between");
    const over = step(looked, seen(20), NOW + 600 * S).state;
    expect(over.name).toBe("completed");
    expect(over.reason).toContain("measured: confidence: ");
    expect(gateOf(over)).toMatchObject({ finding });
  });

  test("that has proved nothing by its end says that, and goes no further", () => {
    expect(step(begun(), seen(20), NOW + 600 * S).state).toMatchObject({
      name: "completed",
      reason: "measured: confidence: undecided",
    });
  });

  test("ends early where the release is worse by the margin", () => {
    const { state } = step(begun(), seen(20, 3, 0.2), NOW + S);
    expect(state).toMatchObject({ name: "rolling-back", rollbackScope: "fleet" });
    expect(gateOf(state)).toMatchObject({ verdict: "stop", finding: "worse" });
  });

  test("of nobody has measured nothing: a person is asked", () => {
    expect(step(begun(0), seen(0), NOW + 600 * S).state.name).toBe("held");
  });

  test("is refused where it could find nothing", () => {
    const bad = (change: Partial<RolloutPlan>) => () => checkPlan({ ...PLAN, ...change });
    expect(bad({})).not.toThrow();
    const [part] = PLAN.waves;
    expect(bad({ waves: [{ ...part!, share: 1 }] })).toThrow(/leaves devices without the release/);
    expect(bad({ waves: [part!, { name: "all", share: 1, soakS: 0 }] })).toThrow(/got 2 waves/);
    expect(bad({ gates: { ...PLAN.gates, telemetry: [] } })).toThrow(/at least one metric/);
    expect(bad({ shadowShare: 0.1 })).toThrow(/strategy "shadow"/);
  });

  test("is promoted to all devices when it is over, and not before", () => {
    expect(promotionOf(begun())).toBeNull();
    const over = step(begun(), seen(20), NOW + 600 * S).state;
    expect(promotionOf(over)).toMatchObject({
      strategy: "staged",
      version: "2.0.0",
      salt: over.salt,
      waves: [{ share: 1 }],
    });
    expect(promotionOf({ ...over, plan: { ...PLAN, strategy: "staged" } })).toBeNull();
  });
});

describe("what all looks say together", () => {
  const look = (low: number | null, high: number | null): GateLook => ({
    atMs: 1,
    verdict: "undecided",
    difference: 0,
    low,
    high,
    waveDevices: 9,
    controlDevices: 9,
  });
  test.each([
    { looks: [look(null, 0.2), look(-0.3, -0.01)], finding: "better" },
    { looks: [look(0.01, 0.2), look(-0.01, 0.2)], finding: "worse" },
    { looks: [look(-0.04, 0.3), look(-0.3, 0.04)], finding: "equal" },
    { looks: [look(-0.06, 0.04)], finding: "undecided" },
    { looks: [look(null, null)], finding: "undecided" },
    // Looks that exclude each other: the last has seen most.
    { looks: [look(0.1, 0.2), look(-0.2, -0.1)], finding: "better" },
  ])("is $finding", ({ looks, finding }) => {
    expect(findingOf(looks, 0.05)).toBe(finding);
  });
});
