import { DEFAULT_GATES, type RolloutStateName, type UpdateReport } from "@mote/protocol";
import { describe, expect, it } from "vitest";
import type { Member } from "../store/rollouts.js";
import { memberAfterReport } from "./members.js";

const ARTIFACT = "ab".repeat(32);
const rollout = {
  name: "running" as RolloutStateName,
  sequence: 2,
  artifacts: [ARTIFACT],
  plan: {
    product: "digits",
    version: "2.0.0",
    query: {},
    waves: [{ name: "all", share: 1, soakS: 0 }],
    gates: DEFAULT_GATES,
    onFailure: "hold" as const,
    preconditions: {},
    approvals: 0,
    retries: { maxAttempts: 2, backoffS: 60 },
  },
};
const member: Member = {
  rolloutId: "r2",
  deviceId: "cam-1",
  wave: 0,
  previousSequence: 1,
  state: "offered",
  code: null,
  attempts: 1,
  offeredAtMs: 0,
  settledAtMs: null,
  downloadedBytes: 0,
  codec: null,
  detail: null,
  retryAtMs: null,
};
const report = (change: Partial<UpdateReport> = {}): UpdateReport => ({
  id: "report-0001",
  offerId: "r2:update",
  atMs: 0,
  phase: "confirmed",
  code: "ok",
  runningSequence: 2,
  targetSequence: 2,
  artifactSha256: ARTIFACT,
  downloadedBytes: 7,
  codec: "tensor",
  detail: "",
  ...change,
});
const after = (change: Partial<UpdateReport>, from: Member = member) =>
  memberAfterReport(from, report(change), rollout, 1000);

describe("a device's row", () => {
  it("is confirmed by a report that fits the release, told of its artifact or not", () => {
    expect(after({})).toMatchObject({ state: "confirmed", settledAtMs: 1000, codec: "tensor" });
    expect(after({ artifactSha256: null }).state).toBe("confirmed");
  });

  it("counts a confirmation that contradicts itself as a failure, with the contradiction", () => {
    expect(after({ runningSequence: 1 })).toMatchObject({
      state: "failed",
      detail: "confirms 2 and says that it runs 1",
    });
    expect(after({ artifactSha256: "ff".repeat(32) })).toMatchObject({
      state: "failed",
      code: "digest-mismatch",
    });
  });

  it("of a shadow is there when the release runs beside the one that serves, and may still fail", () => {
    const shadow = { ...rollout, plan: { ...rollout.plan, strategy: "shadow" as const } };
    const told = (change: Partial<UpdateReport>, from: Member = member) =>
      memberAfterReport(from, report({ runningSequence: 1, ...change }), shadow, 1000);
    const there = told({ phase: "shadowing" });
    expect(there).toMatchObject({ state: "confirmed", codec: "tensor" });
    expect(told({ phase: "shadowing", artifactSha256: "ff".repeat(32) })).toMatchObject({ state: "failed" });
    expect(told({ phase: "failed", code: "interrupted" }, there)).toMatchObject({
      state: "failed",
      code: "interrupted",
    });
    expect(told({ phase: "failed", code: "withdrawn" }, there)).toBe(there);
    // In any other rollout that phase settles nothing.
    expect(after({ phase: "shadowing" })).toMatchObject({ state: "offered" });
  });

  it("of a blue-green rollout is staged when the release is proved in the spare slot, and confirmed after the switch", () => {
    const blueGreen = { ...rollout, plan: { ...rollout.plan, strategy: "blue-green" as const } };
    const told = (change: Partial<UpdateReport>, from: Member = member, name = rollout.name) =>
      memberAfterReport(from, report({ runningSequence: 1, ...change }), { ...blueGreen, name }, 1000);
    const staged = told({ phase: "staged" });
    expect(staged).toMatchObject({ state: "staged", codec: "tensor", settledAtMs: 1000 });
    expect(told({ phase: "staged", artifactSha256: "ff".repeat(32) })).toMatchObject({ state: "failed" });
    // Its confirmation may overtake that the server has told it to switch: what it runs is what counts.
    expect(told({ runningSequence: 2 }, staged)).toMatchObject({ state: "confirmed" });
    expect(told({ phase: "reverted", code: "golden-failed" }, staged)).toMatchObject({ state: "failed" });
    // Withdrawn for a moment it comes again; withdrawn for good it is back where it was.
    const gone = { phase: "failed", code: "withdrawn" } as const;
    expect(told(gone, staged)).toMatchObject({ state: "offered", settledAtMs: null });
    expect(told(gone, staged, "aborted")).toMatchObject({ state: "returned" });
    expect(after({ phase: "staged" })).toMatchObject({ state: "offered" });
  });

  it("is left alone by reports about other releases, by withdrawals, and once it is settled", () => {
    expect(after({ targetSequence: 3 })).toBe(member);
    expect(after({ phase: "failed", code: "withdrawn" })).toBe(member);
    const settled = { ...member, state: "confirmed" as const };
    expect(after({ phase: "failed", code: "internal" }, settled)).toBe(settled);
  });

  it("says what the device waits for, and starts its time again when it goes on", () => {
    const waiting = after({ phase: "waiting", code: "waiting-preconditions", detail: "windows" });
    expect(waiting).toMatchObject({ state: "offered", code: "waiting-preconditions", detail: "windows" });
    expect(after({ phase: "downloading" }, waiting)).toMatchObject({
      code: null,
      detail: null,
      offeredAtMs: 1000,
    });
  });

  it("is told again after a failure that may pass, and not after one that will not", () => {
    expect(after({ phase: "failed", code: "download-failed" })).toMatchObject({
      state: "failed",
      retryAtMs: 61_000,
    });
    expect(after({ phase: "reverted", code: "golden-failed" }).retryAtMs).toBeNull();
  });

  it("on its way back is back when it runs what it ran before", () => {
    const returning = { ...member, state: "returning" as const };
    expect(after({ runningSequence: 2 }, returning)).toBe(returning);
    expect(after({ runningSequence: 1, targetSequence: 1 }, returning).state).toBe("returned");
  });
});
