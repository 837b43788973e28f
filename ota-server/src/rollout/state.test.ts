import { DEFAULT_GATES } from "@mote/protocol";
import { describe, expect, it } from "vitest";
import { makeRelease } from "../testing/release.js";
import { newRollout } from "./plan.js";
import { approvalsFor, rolloutFromJson } from "./state.js";

const { manifest } = makeRelease(2);
const record = {
  product: "digits",
  version: "2.0.0",
  sequence: 2,
  target: "",
  manifestSha256: "",
  manifestLength: 0,
  manifest,
  uploadedAtMs: 0,
};
const plan = {
  product: "digits",
  version: "2.0.0",
  query: {},
  waves: [{ name: "all", share: 1, soakS: 0 }],
  gates: DEFAULT_GATES,
  onFailure: "hold" as const,
  preconditions: {},
  approvals: 1,
};

describe("a stored rollout", () => {
  it("comes back as it was", () => {
    const state = newRollout("r1", 1, plan, record, 0);
    expect(rolloutFromJson(JSON.stringify(state))).toEqual(state);
    expect(state.artifacts).toEqual([manifest.variants[0]!.artifact.sha256]);
  });

  it("of an older server has nothing of what that server did not know, and its approvals count", () => {
    const { artifacts, breakGlass, isOverdue, ...old } = newRollout("r1", 1, plan, record, 0);
    expect([artifacts.length, breakGlass, isOverdue]).toEqual([1, null, false]);
    const approvals = [{ by: "ann", atMs: 1, comment: "" }];
    const state = rolloutFromJson(JSON.stringify({ ...old, approvals }));
    expect(state).toMatchObject({ artifacts: [], breakGlass: null, isOverdue: false });
    expect(approvalsFor(state, 0, 1e12)).toHaveLength(1);
  });
});
