import { DEFAULT_GATES, type RolloutPlan } from "@mote/protocol";
import { describe, expect, test } from "vitest";
import { makeRelease } from "../testing/release.js";
import type { Evidence } from "./gates/telemetryGate.js";
import { pendingEffects, type RolloutEvent, start, step, type WaveFacts } from "./machine.js";
import { newRollout } from "./plan.js";
import type { RolloutState } from "./state.js";

const S = 1000;

function plan(change: Partial<RolloutPlan> = {}): RolloutPlan {
  return {
    product: "digits",
    version: "2.0.0",
    query: {},
    waves: [
      { name: "canary", count: 5, soakS: 10 },
      { name: "all", share: 1, soakS: 0 },
    ],
    gates: { ...DEFAULT_GATES, telemetry: [{ metric: "confidence", margin: 0.05 }], deadlineS: 100 },
    onFailure: "rollback-fleet",
    preconditions: {},
    approvals: 0,
    ...change,
  };
}

function release() {
  const { manifest } = makeRelease(2);
  return {
    product: "digits",
    version: "2.0.0",
    sequence: 2,
    target: "",
    manifestSha256: "",
    manifestLength: 0,
    manifest,
    uploadedAtMs: 0,
  };
}

/** Sends events one after the other, a second apart from `fromMs` on. */
function run(state: RolloutState, events: readonly RolloutEvent[], fromMs: number): RolloutState {
  return events.reduce((now, event, i) => step(now, event, fromMs + i * S).state, state);
}

function begin(change: Partial<RolloutPlan> = {}): RolloutState {
  return start(newRollout("r1", 1, plan(change), release(), 0), 0).state;
}

const opened: RolloutEvent = { type: "waveOpened", threshold: 0.2, members: 5, control: 18 };
const person = { by: "ann", comment: "" };

function facts(change: Partial<WaveFacts> & { confirmed?: number; failed?: number } = {}): RolloutEvent {
  const { confirmed = 5, failed = 0, ...rest } = change;
  return {
    type: "observed",
    facts: {
      installs: { members: 5, offered: 5, confirmed, failed, timedOut: 0 },
      windows: 0,
      evidence: [],
      returning: 0,
      ...rest,
    },
  };
}

function evidence(wave: number): Evidence {
  const spread = [-0.01, -0.005, 0, 0.005, 0.01];
  return {
    metric: "confidence",
    wave: spread.map((x) => wave + x),
    control: Array.from({ length: 18 }, (_, i) => spread[i % 5]!),
    notApplicable: null,
  };
}

describe("a rollout", () => {
  test("opens its first wave at once when nobody must approve", () => {
    const { state, effects } = start(newRollout("r1", 1, plan(), release(), 0), 0);
    expect(state.name).toBe("running");
    expect(effects).toEqual([{ type: "openWave" }]);
    expect(pendingEffects(state)).toEqual([{ type: "openWave" }]);
  });

  test("waits for as many different people as the plan asks", () => {
    let state = begin({ approvals: 2 });
    expect(state.name).toBe("awaiting-approval");
    state = step(state, { type: "approve", ...person }, S).state;
    expect(state.name).toBe("awaiting-approval");
    expect(() => step(state, { type: "approve", ...person }, 2 * S)).toThrow(/another person/);
    state = step(state, { type: "approve", by: "bob", comment: "fine" }, 3 * S).state;
    expect(state.name).toBe("running");
  });

  test("advances when installs are settled, the soak is over and telemetry says not worse", () => {
    const wave = run(begin(), [opened, facts()], 0);
    expect(wave.waves[0]!.phase).toBe("soaking");
    const good = facts({ windows: 3, evidence: [evidence(-0.01)] });
    const early = step(wave, good, 5 * S).state;
    expect(early.currentWave).toBe(0);
    const late = step(early, facts({ windows: 4 }), 12 * S);
    expect(late.state.currentWave).toBe(1);
    expect(late.effects).toEqual([{ type: "openWave" }]);
  });

  test("is stopped and taken back by telemetry, however good the installs look", () => {
    const wave = run(begin(), [opened, facts()], 0);
    const { state, effects } = step(wave, facts({ windows: 3, evidence: [evidence(0.3)] }), 4 * S);
    expect(state.name).toBe("rolling-back");
    expect(state.reason).toMatch(/confidence/);
    expect(effects).toEqual([{ type: "returnMembers", scope: "fleet" }, { type: "hint" }]);
    expect(step(state, facts({ returning: 2 }), 5 * S).state.name).toBe("rolling-back");
    expect(step(state, facts({ returning: 0 }), 6 * S).state.name).toBe("rolled-back");
  });

  test("is stopped by more failed installs than the plan allows", () => {
    const state = run(begin(), [opened, facts({ confirmed: 4, failed: 1 })], 0);
    expect(state.name).toBe("rolling-back");
    expect(state.reason).toMatch(/installs/);
  });

  test("holds and asks a person when the deadline passes undecided: silence never advances", () => {
    const wave = run(begin(), [opened, facts()], 0);
    const held = step(wave, facts({ windows: 2 }), 100 * S + 1).state;
    expect(held.name).toBe("held");
    expect(held.reason).toMatch(/deadline/);
    expect(step(held, facts({ windows: 50 }), 200 * S).state).toBe(held);
    const passed = step(held, { type: "approve", ...person }, 201 * S).state;
    expect(passed.currentWave).toBe(1);
    expect(passed.history.some(({ text }) => text.includes("ann let wave"))).toBe(true);
  });

  test("holds instead of rolling back when the plan says so", () => {
    const wave = run(begin({ onFailure: "hold" }), [opened, facts({ confirmed: 0, failed: 5 })], 0);
    expect(wave.name).toBe("held");
    expect(wave.rollbackScope).toBeNull();
  });

  test("does nothing while paused, and its deadline starts anew on resume", () => {
    const wave = run(begin(), [opened, facts(), { type: "pause", ...person }], 0);
    const paused = step(wave, facts({ windows: 3, evidence: [evidence(0.3)] }), 500 * S).state;
    expect(paused.name).toBe("paused");
    const resumed = step(paused, { type: "resume", ...person }, 500 * S).state;
    expect(step(resumed, facts(), 501 * S).state.name).toBe("running");
  });

  test("completes after its last wave, which has no control group", () => {
    const alone: Evidence = { metric: "confidence", wave: [], control: [], notApplicable: "none left" };
    const single = begin({ waves: [{ name: "all", share: 1, soakS: 0 }] });
    const done = run(single, [opened, facts({ evidence: [alone] })], 0);
    expect(done.name).toBe("completed");
  });

  test("does not let a canary pass that has nobody in it", () => {
    const empty: RolloutEvent = { type: "waveOpened", threshold: 0.05, members: 0, control: 0 };
    const nobody = facts({ confirmed: 0 });
    if (nobody.type !== "observed") throw new Error("facts are observed");
    const installs = { members: 0, offered: 0, confirmed: 0, failed: 0, timedOut: 0 };
    const seen: RolloutEvent = { type: "observed", facts: { ...nobody.facts, installs } };
    const wave = run(begin(), [empty, seen], 0);
    expect(step(wave, seen, 50 * S).state.currentWave).toBe(0);
    expect(step(wave, seen, 101 * S).state.name).toBe("held");
  });

  test("ends by a person's hand, with or without taking devices back", () => {
    const wave = run(begin(), [opened], 0);
    expect(step(wave, { type: "abort", ...person, rollback: false }, S).state.name).toBe("aborted");
    expect(step(wave, { type: "abort", ...person, rollback: true }, S).state.name).toBe("rolling-back");
  });

  test("refuses what its state does not allow, naming what would be", () => {
    expect(() => step(begin(), { type: "resume", ...person }, 0)).toThrow(/paused or held/);
  });

  test("looks at growing numbers of windows only, so that looking often costs nothing", () => {
    let state = run(begin(), [opened, facts()], 0);
    for (let windows = 0; windows <= 23; windows++) {
      const judged = step(state, facts({ windows, evidence: [evidence(0.03)] }), 3 * S);
      state = judged.state;
    }
    expect(state.waves[0]!.gates.find((gate) => gate.gate === "confidence")).toMatchObject({ looks: 6 });
  });
});

describe("approvals", () => {
  const approve = (by: string, scope?: "wave" | "rollout"): RolloutEvent => ({
    type: "approve",
    by,
    comment: "",
    ...(scope === undefined ? {} : { scope }),
  });
  const waves = [
    { name: "canary", count: 5, soakS: 0 },
    { name: "all", share: 1, soakS: 0, approvals: 2 },
  ];
  const noTelemetry = { ...DEFAULT_GATES, telemetry: [], deadlineS: 100 };

  test("are asked for again before a later wave, unless they were given for the whole rollout", () => {
    const first = begin({ waves, gates: noTelemetry, approvals: 1 });
    const second = run(first, [approve("ann", "rollout"), opened, facts()], 0);
    expect(second).toMatchObject({ name: "awaiting-approval", currentWave: 1 });
    expect(second.reason).toBe('wave "all" waits for 1 approval');
    expect(() => step(second, approve("ann"), 9 * S)).toThrow(/another person/);
    expect(step(second, approve("bob"), 9 * S).state.name).toBe("running");
  });

  test("for one wave say nothing of the next", () => {
    const first = begin({ waves, gates: noTelemetry, approvals: 1 });
    const second = run(first, [approve("ann", "wave"), opened, facts()], 0);
    expect(second.reason).toBe('wave "all" waits for 2 approvals');
    expect(run(second, [approve("ann"), approve("bob")], 9 * S).name).toBe("running");
  });

  test("expire: two people who never agreed at the same time start nothing", () => {
    const state = step(begin({ approvals: 2, approvalExpiresS: 60 }), approve("ann"), 0).state;
    const late = step(state, approve("bob"), 60 * S).state;
    expect(late.name).toBe("awaiting-approval");
    // Hers has expired, so she may say it again.
    expect(step(late, approve("ann"), 61 * S).state.name).toBe("running");
  });
});

describe("broken glass", () => {
  const breakGlass = (comment: string): RolloutEvent => ({ type: "break-glass", by: "eve", comment });
  const why = "CVE-2026-1234 is exploited";

  test("opens a rollout that waits for people, and says so for good", () => {
    const { state, effects } = step(begin({ approvals: 2 }), breakGlass(why), S);
    expect(state).toMatchObject({ name: "running", breakGlass: { by: "eve", atMs: S, comment: why } });
    expect(effects).toEqual([{ type: "openWave" }]);
    expect(state.history.some(({ text }) => text === `BREAK-GLASS by eve: ${why}`)).toBe(true);
  });

  test("wants a reason, and a rollout that is not over", () => {
    expect(() => step(begin({ approvals: 2 }), breakGlass("now!"), S)).toThrow(/a reason of at least/);
    const over = step(begin(), { type: "abort", ...person, rollback: false }, S).state;
    expect(() => step(over, breakGlass(why), 2 * S)).toThrow(/break-glass/);
  });

  test("leaves the gates in place", () => {
    const broken = step(begin({ approvals: 1 }), breakGlass(why), 0).state;
    const state = run(broken, [opened, facts({ confirmed: 1, failed: 4 })], S);
    expect(state.name).toBe("rolling-back");
  });
});

describe("a rollout's deadline", () => {
  test("asks a person once, whatever the waves say", () => {
    const slow = run(begin({ limits: { deadlineS: 50 } }), [opened], 0);
    const held = step(slow, facts({ confirmed: 1 }), 50 * S).state;
    expect(held.name).toBe("held");
    expect(held.reason).toMatch(/rollout's deadline passed in wave "canary"/);
    const resumed = step(held, { type: "resume", ...person }, 60 * S).state;
    expect(step(resumed, facts({ confirmed: 1 }), 70 * S).state.name).toBe("running");
  });
});
