import { DEFAULT_GATES, type RolloutPlan, type RolloutView } from "@mote/protocol";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { spareSlot } from "../device-agent/src/core/slots.js";
import { startInferenceEngine, type WorkerEngine } from "../device-agent/src/node/inference-engine.js";
import { PRODUCT, tinyRelease } from "../device-agent/src/testing/tiny-release.js";
import { eventually, TestBench } from "../ota-server/src/testing/server.js";
import { Agents, publishTiny } from "./agents.js";

/** A release that is brought to every spare slot first and then switched to at once. Real server, real agents, both ways. */

const GATES = { ...DEFAULT_GATES, telemetry: [], minConfirmedShare: 0.6 };
const FLEET = ["by-http", "by-mqtt", "away"];

let engine: WorkerEngine;
let bench: TestBench;
let agents: Agents;

beforeAll(() => {
  engine = startInferenceEngine();
});
afterAll(() => engine.stop());
beforeEach(async () => {
  bench = await TestBench.start();
  agents = new Agents(bench, engine);
  for (const id of FLEET) await agents.enrol(id);
  await publishTiny(
    bench,
    [1, 2].map((sequence) => tinyRelease({ sequence, strength: 0.1 + sequence / 100 })),
  );
  for (const id of FLEET) await agents.start(id, id === "by-mqtt" ? "mqtt" : undefined);
  const { id } = await create({ version: "1.0.0" });
  for (const device of FLEET) await agents.reported(device, "confirmed", 1);
  await stateOf(id, "completed");
}, 120_000);
afterEach(async () => {
  await agents.close();
  await bench.close();
});

function create(change: Partial<RolloutPlan>): Promise<RolloutView> {
  return bench.operator.createRollout({
    product: PRODUCT,
    version: "2.0.0",
    query: {},
    waves: [{ name: "all", share: 1, soakS: 0 }],
    gates: GATES,
    onFailure: "hold",
    preconditions: {},
    approvals: 0,
    ...change,
  });
}

/** Staged on all three, and waiting for somebody's word. */
async function staged(): Promise<RolloutView> {
  const { id } = await create({
    strategy: "blue-green",
    waves: [
      { name: "canary", count: 1, soakS: 0 },
      { name: "all", share: 1, soakS: 0 },
    ],
    switch: { approvals: 1, soakS: 0 },
  });
  return eventually(async () => {
    const rollout = await bench.operator.rollout(id);
    return rollout.waves[1]!.staged === 3 && rollout.state === "awaiting-approval" && rollout;
  }, "three staged devices");
}

function stateOf(id: string, wanted: RolloutView["state"]): Promise<boolean> {
  return eventually(
    async () => (await bench.operator.rollout(id)).state === wanted,
    `the rollout to be ${wanted}`,
  );
}

const runs = async (id: string) => (await bench.operator.device(id)).device.runningSequence;

it("switches all that is staged in one moment, and who was away or came later when they are there", async () => {
  const { id, reason } = await staged();
  expect(reason).toContain('wave "switch" waits for 1 approval');
  for (const device of FLEET) {
    const { update, ...state } = agents.state(device);
    expect([update.state, spareSlot({ update, ...state })?.sequence, await runs(device)]).toEqual([
      "staged",
      2,
      1,
    ]);
  }
  await agents.stop("away");
  await bench.operator.act(id, "approve", { comment: "go" });
  for (const device of ["by-http", "by-mqtt"]) {
    const proved = await agents.reported(device, "staged", 2);
    const confirmed = await agents.reported(device, "confirmed", 2);
    expect(confirmed.downloadedBytes).toBe(proved.downloadedBytes);
  }
  await stateOf(id, "completed");
  await agents.start("away");
  await agents.reported("away", "confirmed", 2);

  await agents.enrol("late");
  await agents.start("late");
  await agents.reported("late", "confirmed", 2);
  expect((await bench.operator.device("late")).reports.some(({ report }) => report.phase === "staged")).toBe(
    false,
  );

  // Back to what the other slot still holds.
  await bench.operator.act(id, "abort", { rollback: true });
  await stateOf(id, "rolled-back");
  for (const device of FLEET) {
    const back = await eventually(async () => {
      const { reports } = await bench.operator.device(device);
      const all = reports.filter(({ report }) => report.phase === "confirmed" && report.targetSequence === 1);
      return all.length === 2 && all.find(({ report }) => report.offerId === `${id}:rollback`)!.report;
    }, `${device} to be back`);
    expect([back.codec, back.downloadedBytes]).toEqual(["held", 0]);
  }
}, 300_000);

it("that is ended before the switch empties the spare slots, and nothing of it has ever run", async () => {
  const { id } = await staged();
  await agents.stop("away");
  await bench.operator.act(id, "abort", { comment: "no" });
  await agents.start("away");
  for (const device of FLEET) {
    await eventually(async () => {
      const state = agents.state(device);
      return state.update.state === "idle" && spareSlot(state) === null;
    }, `${device} to have dropped it`);
    expect(await runs(device)).toBe(1);
    const { reports } = await bench.operator.device(device);
    expect(reports.some(({ report }) => report.phase === "probation" && report.targetSequence === 2)).toBe(
      false,
    );
  }
  await eventually(async () => {
    const { devices } = await bench.operator.rolloutDevices(id, { state: "returned" });
    return devices.length === 3;
  }, "the server to know that it is gone");
}, 300_000);
