import { DEFAULT_GATES, type RolloutStateName } from "@mote/protocol";
import { describe, expect, test } from "vitest";
import type { Member } from "../store/rollouts.js";
import { makeRelease } from "../testing/release.js";
import { cohortOf } from "./cohort.js";
import { desiredFor as desiredAt } from "./desired.js";
import { newRollout } from "./plan.js";
import type { RolloutState } from "./state.js";

const device = {
  id: "cam-1",
  product: "digits",
  hardware: "gateway",
  tags: { site: "north" },
  revokedAtMs: null,
  runningSequence: 1,
  agentVersion: "1",
  online: false,
  lastUpdateFailed: false,
  floor: 0,
  errorRate: null,
  canShadow: true,
  canHold: true,
};

function rollout(
  sequence: number,
  name: RolloutStateName,
  change: Partial<RolloutState> & { share?: number } = {},
): RolloutState {
  const { manifest } = makeRelease(sequence);
  const record = {
    product: "digits",
    version: `${sequence}.0.0`,
    sequence,
    target: "",
    manifestSha256: "",
    manifestLength: 0,
    manifest,
    uploadedAtMs: 0,
  };
  const plan = {
    product: "digits",
    version: record.version,
    query: {},
    waves: [{ name: "all", share: 1, soakS: 0 }],
    gates: DEFAULT_GATES,
    onFailure: "hold" as const,
    preconditions: {},
    approvals: 0,
  };
  const { share = 1, ...rest } = change;
  const base = newRollout(`r${sequence}`, sequence, plan, record, 0);
  return { ...base, name, waves: [{ ...base.waves[0]!, threshold: share }], ...rest };
}

function member(state: Member["state"], change: Partial<Member> = {}): Member {
  return {
    rolloutId: "r2",
    deviceId: "cam-1",
    wave: 0,
    previousSequence: 1,
    state,
    code: null,
    attempts: 1,
    offeredAtMs: 0,
    settledAtMs: null,
    downloadedBytes: 0,
    codec: null,
    detail: null,
    retryAtMs: null,
    ...change,
  };
}

const nobody = () => null;
const NOW_MS = 1_000_000;
const desiredFor = (
  ...[on, rollouts, memberOf]: [
    Parameters<typeof desiredAt>[0],
    Parameters<typeof desiredAt>[1],
    Parameters<typeof desiredAt>[2],
  ]
) => desiredAt(on, rollouts, memberOf, NOW_MS);

describe("what a device should run", () => {
  test("is the newest rollout's release when it is a member", () => {
    const answer = desiredFor(device, [rollout(2, "running"), rollout(1, "completed")], nobody);
    expect(answer).toMatchObject({ kind: "update", sequence: 2 });
  });

  test("is what it has when its cohort lies beyond the wave, by the same hash every time", () => {
    const open = rollout(2, "running");
    const cohort = cohortOf(open.salt, device.id);
    const below = { ...open, waves: [{ ...open.waves[0]!, threshold: cohort }] };
    expect(desiredFor(device, [below, rollout(1, "completed")], nobody)).toBeNull();
    const above = { ...open, waves: [{ ...open.waves[0]!, threshold: cohort + 1e-9 }] };
    expect(desiredFor(device, [above], nobody)).not.toBeNull();
  });

  test("of a device that can't do what the newest rollout asks is what an earlier one says", () => {
    const earlier = { ...rollout(2, "completed") };
    for (const strategy of ["shadow", "blue-green"] as const) {
      const newest = rollout(3, "running");
      const asking = { ...newest, plan: { ...newest.plan, strategy } };
      const told = (change: Partial<typeof device>) =>
        desiredFor({ ...device, ...change }, [asking, earlier], nobody)?.sequence;
      expect(told({})).toBe(3);
      expect(told(strategy === "shadow" ? { canShadow: false } : { canHold: false })).toBe(2);
      expect(told(strategy === "shadow" ? { canHold: false } : { canShadow: false })).toBe(3);
    }
  });

  test("reaches nobody new while paused or held, and lets a device that is under way finish", () => {
    for (const name of ["paused", "held"] as const) {
      expect(desiredFor(device, [rollout(2, name)], nobody)).toBeNull();
      expect(desiredFor(device, [rollout(2, name)], () => member("offered"))).toMatchObject({ sequence: 2 });
    }
  });

  test("of a shadow is offered beside what serves, stays while people think, and ends without a way back", () => {
    const shadow = (name: RolloutStateName, change: Partial<RolloutState> = {}) => {
      const state = rollout(2, name, change);
      return { ...state, plan: { ...state.plan, strategy: "shadow" as const } };
    };
    expect(desiredFor(device, [shadow("running")], nobody)).toMatchObject({ kind: "shadow", sequence: 2 });
    expect(desiredFor({ ...device, runningSequence: 0 }, [shadow("running")], nobody)).toBeNull();
    for (const name of ["paused", "held"] as const) {
      expect(desiredFor(device, [shadow(name)], nobody)).toBeNull();
      expect(desiredFor(device, [shadow(name)], () => member("confirmed"))).toMatchObject({ kind: "shadow" });
    }
    const back = shadow("rolling-back", { rollbackScope: "fleet" });
    for (const ended of [back, shadow("completed"), shadow("aborted")]) {
      expect(desiredFor(device, [ended], () => member("confirmed"))).toBeNull();
    }
    // What an older rollout wants of the device counts again.
    const older = rollout(3, "completed");
    expect(desiredFor(device, [shadow("completed"), older], nobody)).toMatchObject({ sequence: 3 });
  });

  test("goes back to what this device ran before, and only for those who took it", () => {
    const back = rollout(2, "rolling-back", { rollbackScope: "fleet" });
    const on2 = { ...device, runningSequence: 2 };
    expect(desiredFor(on2, [back], () => member("returning"))).toMatchObject({
      kind: "rollback",
      sequence: 1,
    });
    expect(desiredFor(device, [back], nobody)).toBeNull();
    expect(
      desiredFor({ ...device, runningSequence: 2 }, [back], () =>
        member("returning", { previousSequence: 0 }),
      ),
    ).toBeNull();
  });

  test("never is an older release, but for a rollback", () => {
    expect(desiredFor({ ...device, runningSequence: 3 }, [rollout(2, "completed")], nobody)).toBeNull();
  });

  test("is the same failing release again only once its pause is over", () => {
    const failed = (retryAtMs: number | null) => () =>
      member("failed", { code: "download-failed", retryAtMs });
    expect(desiredFor(device, [rollout(2, "running")], failed(null))).toBeNull();
    expect(desiredFor(device, [rollout(2, "running")], failed(NOW_MS + 1))).toBeNull();
    expect(desiredFor(device, [rollout(2, "running")], failed(NOW_MS))).toMatchObject({ sequence: 2 });
  });

  test("comes late to waves that are open while a later wave waits for approval", () => {
    const first = rollout(2, "awaiting-approval");
    expect(desiredFor(device, [first], nobody)).toBeNull();
    const second = {
      ...first,
      currentWave: 1,
      waves: [...first.waves, { ...first.waves[0]!, threshold: null }],
    };
    expect(desiredFor(device, [second], nobody)).toMatchObject({ sequence: 2 });
  });

  test("is for devices that match the query, are of the product and not revoked", () => {
    const north = rollout(2, "running");
    const with_ = (query: object) => ({ ...north, plan: { ...north.plan, query } });
    expect(desiredFor(device, [with_({ tags: { site: "north" } })], nobody)).not.toBeNull();
    expect(desiredFor(device, [with_({ tags: { site: "south" } })], nobody)).toBeNull();
    expect(desiredFor(device, [with_({ hardware: ["mcu"] })], nobody)).toBeNull();
    expect(desiredFor({ ...device, revokedAtMs: 1 }, [north], nobody)).toBeNull();
  });

  test("does not change because the device has begun to do what it was told", () => {
    const open = rollout(2, "running", { running: [0] });
    const asking = { ...open, plan: { ...open.plan, query: { health: { lastUpdateFailed: false } } } };
    const fresh = { ...device, runningSequence: 0 };
    expect(desiredFor(fresh, [asking], nobody)).toMatchObject({ sequence: 2 });
    expect(desiredFor(device, [asking], nobody)).toBeNull();
    const retried = { ...device, lastUpdateFailed: true };
    const failed = () => member("failed", { retryAtMs: NOW_MS });
    expect(desiredFor(retried, [asking], failed)).toMatchObject({ sequence: 2 });
  });

  test("joins a completed rollout when the device appears later", () => {
    expect(desiredFor({ ...device, runningSequence: 0 }, [rollout(2, "completed")], nobody)).toMatchObject({
      sequence: 2,
    });
  });

  test("is left alone by a completed rollout whose last wave was a part, by size and by draw", () => {
    const part = (share: number) => rollout(2, "completed", { share });
    expect(desiredFor(device, [part(0)], nobody)).toBeNull();
    const ids = Array.from({ length: 200 }, (_, i) => `late-${i}`);
    const taken = ids.filter((id) => desiredFor({ ...device, id }, [part(0.5)], nobody) !== null);
    expect(taken).toEqual(ids.filter((id) => cohortOf("r2", id) < 0.5));
    // An older one that was for all speaks for the others.
    expect(
      desiredFor({ ...device, runningSequence: 0 }, [part(0), rollout(1, "completed")], nobody),
    ).toMatchObject({
      sequence: 1,
    });
  });
});

describe("cohorts", () => {
  test("spread evenly and independently of the order of ids", () => {
    const cohorts = Array.from({ length: 4000 }, (_, i) => cohortOf("salt", `cam-${i}`));
    for (let tenth = 0; tenth < 10; tenth++) {
      const inside = cohorts.filter((c) => c >= tenth / 10 && c < (tenth + 1) / 10).length;
      expect(inside).toBeGreaterThan(330);
      expect(inside).toBeLessThan(470);
    }
  });
});
