import { DEFAULT_GATES, EMPTY_SUMS, type RolloutPlan, type RolloutStateName } from "@mote/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { findDevice, putDevice, setRunning, updateDeviceState } from "../store/devices.js";
import type { ReleaseRecord } from "../store/releases.js";
import { type Member, putMember } from "../store/rollouts.js";
import type { Store } from "../store/store.js";
import { addFrame } from "../store/telemetry.js";
import { makeRelease } from "../testing/release.js";
import { onEachStore, toldMember } from "../testing/stores.js";
import { isSwitched } from "./blueGreen.js";
import { desiredFor } from "./desired.js";
import { Baselines, collectEvidence } from "./evidence.js";
import type { Evidence } from "./gates/telemetryGate.js";
import { pendingEffects, type RolloutEvent, start, step } from "./machine.js";
import { openWave } from "./opening.js";
import { checkPlan, dryRun, newRollout } from "./plan.js";
import type { RolloutState } from "./state.js";

const NOW = 1_795_000_000_000;
const S = 1000;

const PLAN: RolloutPlan = {
  product: "digits",
  version: "2.0.0",
  query: {},
  strategy: "blue-green",
  waves: [
    { name: "canary", count: 4, soakS: 0 },
    { name: "all", share: 1, soakS: 0 },
  ],
  gates: { ...DEFAULT_GATES, telemetry: [{ metric: "confidence", margin: 0.05 }], deadlineS: 100 },
  onFailure: "rollback-wave",
  preconditions: {},
  approvals: 0,
  switch: { soakS: 10 },
};
const made = makeRelease(2).manifest;
const [variant] = made.variants;
const RELEASE: ReleaseRecord = {
  product: "digits",
  version: "2.0.0",
  sequence: 2,
  target: "",
  manifestSha256: "ab",
  manifestLength: 1,
  manifest: {
    ...made,
    variants: [variant!, { ...variant!, id: "mcu", hardware: ["cortex-m4f"], runtime: "mote-c" as const }],
  },
  uploadedAtMs: 1,
};

const begin = (change: Partial<RolloutPlan> = {}) =>
  start(newRollout("r2", 2, { ...PLAN, ...change }, RELEASE, NOW), NOW).state;
const opened = (members: number): RolloutEvent => ({
  type: "waveOpened",
  threshold: members / 20,
  members,
  control: 20 - members,
});
const observed = (
  members: number,
  confirmed: number,
  more: { evidence?: Evidence[]; windows?: number; failed?: number } = {},
): RolloutEvent => ({
  type: "observed",
  facts: {
    installs: { members, offered: members, confirmed, failed: more.failed ?? 0, timedOut: 0 },
    windows: more.windows ?? 0,
    evidence: more.evidence ?? [],
    returning: 0,
  },
});
/** A second apart. */
const run = (state: RolloutState, events: readonly RolloutEvent[], fromMs = NOW) =>
  events.reduce((now, event, i) => step(now, event, fromMs + i * S).state, state);
const STAGING = [opened(4), observed(4, 4), opened(20), observed(20, 20)];
const people = { by: "ann", comment: "" };
const confidence = (value: number): Evidence => ({
  metric: "confidence",
  wave: Array.from({ length: 20 }, (_, i) => value + 0.002 * Math.sin(i)),
  control: null,
  pairedWith: "past",
  notApplicable: null,
});

describe("a blue-green rollout", () => {
  test("fills the spare slots wave by wave, judged by installs alone, and switches when the last wave is staged", () => {
    const first = run(begin(), [opened(4), observed(4, 3)]);
    expect(first.waves[0]!.gates.map(({ gate, text }) => [gate, text])).toEqual([
      ["installs", "3 of 4 staged, 0 failed, 0 timed out; waits for 4"],
    ]);
    const last = run(begin(), STAGING.slice(0, 3));
    expect(isSwitched(last)).toBe(false);
    const { state, effects } = step(last, observed(20, 16), NOW);
    // Four of five is what the plan asks for.
    expect(state).toMatchObject({ name: "running", currentWave: 2, reason: 'opens wave "switch"' });
    expect(effects).toEqual([{ type: "openWave" }]);
    expect(pendingEffects(state)).toEqual([{ type: "openWave" }]);
    const switched = step(state, opened(20), NOW);
    expect(isSwitched(switched.state)).toBe(true);
    expect(switched.effects).toEqual([{ type: "hint" }]);
    expect(switched.state.reason).toContain("each compared with its own past");
  });

  test("waits for people's word before the switch where the plan says so, and is not moved by time", () => {
    const waits = run(begin({ switch: { approvals: 2 } }), STAGING);
    expect(waits).toMatchObject({ name: "awaiting-approval", reason: 'wave "switch" waits for 2 approvals' });
    const one = run(waits, [{ type: "approve", ...people }, observed(20, 20)], NOW + 1e9);
    expect(isSwitched(one)).toBe(false);
    const two = run(one, [{ type: "approve", by: "ben", comment: "" }, opened(20)], NOW + 1e9);
    expect(isSwitched(two)).toBe(true);
  });

  test("completes when the fleet is not worse than its own past, and takes back everybody when it is", () => {
    const switched = run(begin(), [...STAGING, opened(20)]);
    // One gate in one judged wave has the whole error budget, half of it at its first look.
    const fine = run(switched, [observed(20, 20, { windows: 3, evidence: [confidence(0)] })], NOW + 10 * S);
    expect(fine.waves[2]!.gates.at(-1)).toMatchObject({ verdict: "advance", threshold: 0.025 });
    expect(fine.waves[2]!.gates.at(-1)!.text).toContain("the same devices before the switch");
    expect(run(fine, [observed(20, 20)], NOW + 30 * S).name).toBe("completed");
    const worse = step(switched, observed(20, 20, { windows: 3, evidence: [confidence(0.2)] }), NOW + 10 * S);
    expect(worse.state).toMatchObject({ name: "rolling-back", rollbackScope: "fleet" });
    expect(worse.effects[0]).toEqual({ type: "returnMembers", scope: "fleet" });
  });

  test("ends before the switch without a device having run it", () => {
    const staged = run(begin(), STAGING.slice(0, 3));
    expect(run(staged, [{ type: "abort", ...people, rollback: false }])).toMatchObject({ name: "aborted" });
    expect(step(run(begin(), [opened(4)]), observed(4, 2, { failed: 2 }), NOW).state).toMatchObject({
      name: "rolling-back",
      currentWave: 0,
    });
  });

  test("refuses what has no meaning in it, and a switch anywhere else", () => {
    const bad = (change: Partial<RolloutPlan>) => () => checkPlan({ ...PLAN, ...change });
    expect(bad({})).not.toThrow();
    expect(bad({ waves: [{ name: "switch", share: 1, soakS: 0 }] })).toThrow(/other names than "switch"/);
    expect(bad({ strategy: "staged" })).toThrow(/"blue-green" for a switch/);
    expect(bad({ strategy: "a-b" })).toThrow(/one wave that leaves/);
    expect(bad({ gates: { ...PLAN.gates, telemetry: [{ metric: "agreement", margin: 0.1 }] } })).toThrow(
      /shadow/,
    );
  });
});

describe("what a device of a blue-green rollout is to do", () => {
  const device = {
    id: "cam-1",
    product: "digits",
    hardware: "gateway",
    tags: {},
    revokedAtMs: null,
    runningSequence: 1,
    agentVersion: "1",
    online: false,
    lastUpdateFailed: false,
    floor: 0,
    errorRate: null,
    canShadow: null,
    canHold: true,
  };
  const staging = run(begin(), [opened(4), observed(4, 4), { ...opened(20), threshold: 1 } as RolloutEvent]);
  const switched = run(staging, [observed(20, 20), { ...opened(20), threshold: 1 } as RolloutEvent]);
  const ask = (
    rollout: RolloutState,
    name: RolloutStateName,
    state: Member["state"] | null,
    runningSequence = 1,
  ) => {
    const member = state === null ? null : { ...toldMember("r2", "cam-1"), state, previousSequence: 1 };
    const answer = desiredFor({ ...device, runningSequence }, [{ ...rollout, name }], () => member, NOW);
    return answer === null ? "nothing" : `${answer.kind}${answer.isHeld ? ", held" : ""}`;
  };

  test("before the switch: take it and hold it; keep it while people think; drop it when it is over", () => {
    for (const state of [null, "offered", "staged"] as const)
      expect(ask(staging, "running", state)).toBe("update, held");
    expect(ask(staging, "awaiting-approval", "staged")).toBe("update, held");
    for (const name of ["paused", "held"] as const) {
      expect(ask(staging, name, "staged")).toBe("update, held");
      expect(ask(staging, name, "offered")).toBe("update, held");
      expect(ask(staging, name, null)).toBe("nothing");
    }
    for (const name of ["aborted", "rolled-back"] as const)
      expect(ask(staging, name, "staged")).toBe("nothing");
    expect(ask(staging, "rolling-back", "returning")).toBe("nothing");
  });

  test("after it: switch, whenever it comes; but not while people think again", () => {
    for (const state of [null, "offered", "staged"] as const)
      expect(ask(switched, "running", state)).toBe("update");
    // Was away at the switch, or appears later.
    for (const state of [null, "staged"] as const) expect(ask(switched, "completed", state)).toBe("update");
    expect(ask(switched, "paused", "staged")).toBe("update, held");
    expect(ask(switched, "paused", "offered")).toBe("update");
    expect(ask(switched, "aborted", "staged")).toBe("nothing");
    expect(ask(switched, "aborted", "confirmed", 2)).toBe("nothing");
    expect(ask({ ...switched, rollbackScope: "fleet" }, "rolling-back", "returning", 2)).toBe("rollback");
  });
});

onEachStore("a blue-green rollout", (opened) => {
  let store: Store;
  beforeAll(async () => {
    store = opened();
    const add = async (id: string, hardware: string) => {
      const device = { id, product: "digits", hardware, tags: {}, publicKey: "ab", enrolledAtMs: 1 };
      await store.write((db) => putDevice(db, device));
      await store.write((db) => setRunning(db, id, 1, NOW));
    };
    for (let i = 0; i < 12; i++) await add(`cam-${i}`, "gateway");
    await add("mcu-1", "cortex-m4f");
  });

  test("shows the switch as its last wave, and names who can't hold", async () => {
    const { eligible, waves, excluded } = await store.read((db) => dryRun(db, PLAN, RELEASE, NOW));
    expect(eligible).toBe(12);
    expect(waves.map(({ name, devices }) => [name, devices])).toEqual([
      ["canary", 4],
      ["all", 12],
      ["switch", 12],
    ]);
    expect(excluded).toEqual([
      { reason: "hardware cortex-m4f can't hold a release until the switch", devices: 1 },
    ]);
  });

  test("counts who has said that it can't hold as left out, and who has said nothing as able", async () => {
    const say = (id: string, canHold: boolean) =>
      store.write(async (db) => {
        const device = (await findDevice(db, id))!;
        await updateDeviceState(db, id, { ...device, canHold });
      });
    for (let i = 0; i < 10; i++) await say(`cam-${i}`, i >= 3);
    const { eligible, waves, excluded, warnings } = await store.read((db) => dryRun(db, PLAN, RELEASE, NOW));
    expect(eligible).toBe(9);
    expect(waves.at(-1)).toMatchObject({ devices: 9 });
    expect(excluded).toContainEqual({ reason: expect.stringContaining("can't hold a release"), devices: 3 });
    expect(warnings).toContainEqual(expect.stringMatching(/^2 of the 9 devices have not said yet whether/));
    // The wave that opens then is drawn from the same devices, and says so.
    const opening = await openWave(store, { ...begin(), currentWave: 1 }, RELEASE, NOW);
    expect(opening).toMatchObject({ members: 9, unable: 3 });
    const opened = step(begin(), { type: "waveOpened", ...opening }, NOW).state;
    expect(opened.reason).toContain("3 more can't hold a release until the switch, keep what they run");
    // What the strategy does not ask keeps nobody out.
    const { eligible: staged } = await store.read((db) =>
      dryRun(db, { ...PLAN, strategy: "staged" }, RELEASE, NOW),
    );
    expect(staged).toBe(13);
    for (let i = 0; i < 3; i++) await say(`cam-${i}`, true);
  });

  test("compares each device after the switch with itself before it, and looks at nothing sooner", async () => {
    const staging = begin();
    const switchedAtMs = NOW + 60 * S;
    const waves = staging.waves.map((wave) => ({
      ...wave,
      openedAtMs: switchedAtMs,
      members: 12,
      control: 0,
    }));
    const rollout: RolloutState = { ...staging, name: "running", currentWave: 2, waves };
    const ids = Array.from({ length: 12 }, (_, i) => `cam-${i}`);
    const sums = (share: number) => ({
      ...EMPTY_SUMS,
      windows: 3,
      inferences: 300,
      errors: Math.round(300 * share),
    });
    const members = ids.map((id) => ({
      ...toldMember("r2", id),
      previousSequence: 1,
      offeredAtMs: switchedAtMs,
      state: "confirmed" as const,
    }));
    await store.write(async (db) => {
      for (const member of members) {
        const { deviceId } = member;
        await putMember(db, member);
        await addFrame(db, { deviceId, releaseSequence: 1, bucketMs: NOW }, 1, 1, sums(0));
        await addFrame(db, { deviceId, releaseSequence: 2, bucketMs: switchedAtMs + S }, 1, 2, sums(0.1));
      }
    });
    const plan = {
      ...PLAN,
      gates: { ...PLAN.gates, telemetry: [{ metric: "errorRate" as const, margin: 0.01 }] },
    };
    const [evidence] = await store.read((db) =>
      collectEvidence(db, { ...rollout, plan }, members, switchedAtMs + 10 * S, new Baselines()),
    );
    expect(evidence).toMatchObject({ metric: "errorRate", control: null, pairedWith: "past" });
    expect(evidence!.wave).toEqual(ids.map(() => expect.closeTo(30 / 330)));
  });
});
