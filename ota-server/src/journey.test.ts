import { findTarget, judgeManifest, pinRoot, type RolloutPlan, refresh } from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import { afterEach, expect, test } from "vitest";
import type { TestDevice } from "./testing/device.js";
import { makeRelease, sha256 } from "./testing/release.js";
import { eventually, TestBench } from "./testing/server.js";

/** A release's walk through the whole server: real HTTP, real MQTT, real store, real signatures. */

let bench: TestBench;
afterEach(() => bench.close());

const GOOD = { confidence: 0.93, accuracy: 0.95 };
const WORSE = { confidence: 0.6, accuracy: 0.55 };

function plan(version: string, change: Partial<RolloutPlan> = {}): RolloutPlan {
  return {
    product: "digits",
    version,
    query: {},
    waves: [
      { name: "canary", count: 5, soakS: 0 },
      { name: "all", share: 1, soakS: 0 },
    ],
    gates: {
      maxFailureShare: 0.2,
      minConfirmedShare: 0.8,
      installTimeoutS: 60,
      telemetry: [
        { metric: "confidence", margin: 0.05 },
        { metric: "accuracy", margin: 0.05 },
        { metric: "errorRate", margin: 0.02 },
      ],
      falseStopRate: 0.05,
      deadlineS: 600,
    },
    onFailure: "rollback-fleet",
    preconditions: {},
    approvals: 0,
    ...change,
  };
}

/** Everybody polls, updates and sends a window, until the rollout ends. */
async function live(
  devices: readonly TestDevice[],
  id: string,
  qualityOf: (device: TestDevice) => { confidence: number; accuracy: number },
): Promise<string> {
  let windows = 0;
  return eventually(async () => {
    // Devices differ, and so do windows: a gate must see through that.
    windows++;
    await Promise.all(
      devices.map(async (device, i) => {
        await device.update();
        const { confidence, accuracy } = qualityOf(device);
        const wobble = 0.02 * Math.sin(7 * i + windows);
        await device.sendWindow({ confidence: confidence + wobble, accuracy: accuracy + wobble });
      }),
    );
    const { state } = await bench.operator.rollout(id);
    return ["completed", "rolled-back", "held", "aborted"].includes(state) ? state : null;
  }, `rollout ${id} to end`);
}

async function fleetOnFirst(count: number): Promise<{ devices: TestDevice[] }> {
  bench = await TestBench.start();
  await bench.publishRoot();
  const releases = [makeRelease(1), makeRelease(2), makeRelease(3)];
  await bench.signers.publish(bench.operator, releases, bench.now());
  const devices = await bench.devices(count);
  await Promise.all(devices.map((device) => device.poll()));
  const first = await bench.operator.createRollout(
    plan("1.0.0", { waves: [{ name: "all", share: 1, soakS: 0 }] }),
  );
  expect(await live(devices, first.id, () => GOOD)).toBe("completed");
  // A past to be compared with.
  for (let i = 0; i < 4; i++) await Promise.all(devices.map((device) => device.sendWindow(GOOD)));
  return { devices };
}

test("a better release passes its canary and reaches everybody; a worse one is stopped at the canary and taken back", async () => {
  const { devices } = await fleetOnFirst(23);

  const second = await bench.operator.createRollout(plan("2.0.0"));
  const better = { confidence: 0.96, accuracy: 0.97 };
  expect(await live(devices, second.id, (device) => (device.sequence === 2 ? better : GOOD))).toBe(
    "completed",
  );
  expect(devices.every((device) => device.sequence === 2)).toBe(true);
  for (let i = 0; i < 4; i++) await Promise.all(devices.map((device) => device.sendWindow(better)));

  const third = await bench.operator.createRollout(plan("3.0.0"));
  let reached = 0;
  const verdict = await live(devices, third.id, (device) => {
    reached = Math.max(reached, devices.filter((one) => one.sequence === 3).length);
    return device.sequence === 3 ? WORSE : better;
  });
  expect(verdict).toBe("rolled-back");
  expect(reached).toBe(5);
  expect(devices.every((device) => device.sequence === 2)).toBe(true);
  const view = await bench.operator.rollout(third.id);
  expect(view.waves[0]).toMatchObject({ state: "stopped", members: 5, control: 18 });
  expect(view.waves[0]!.gates.some((gate) => gate.verdict === "stop")).toBe(true);
  expect(view.rollback).toEqual({ done: 5, pending: 0 });
  const fleet = await bench.operator.fleet();
  expect(fleet.products).toEqual([
    { product: "digits", devices: 23, versions: [{ sequence: 2, version: "2.0.0", devices: 23 }] },
  ]);
});

test("the server restarts in mid-rollout and carries on with the same members", async () => {
  const { devices } = await fleetOnFirst(10);
  const rollout = await bench.operator.createRollout(plan("2.0.0"));
  await Promise.all(devices.slice(0, 7).map((device) => device.update()));
  const standing = async () => {
    const { state, currentWave, waves } = await bench.operator.rollout(rollout.id);
    const figures = waves.map(({ openedAtMs, members, control, offered, confirmed }) => [
      openedAtMs,
      members,
      control,
      offered,
      confirmed,
    ]);
    return { state, currentWave, figures };
  };
  const before = await standing();
  expect(before.figures[0]!.slice(1)).toEqual([5, 5, expect.any(Number), expect.any(Number)]);
  await Promise.all(devices.map((device) => device.disconnect()));
  await bench.server.close();

  await bench.restart();
  expect(await standing()).toEqual(before);
  const moved = devices.map((device) => device.at(bench.server));
  await Promise.all(moved.map((device) => device.connect()));
  expect(await live(moved, rollout.id, () => GOOD)).toBe("completed");
  expect(moved.every((device) => device.sequence === 2)).toBe(true);
  await Promise.all(moved.map((device) => device.disconnect()));
});

test("what the server hands out satisfies a device that trusts nothing but its pinned root", async () => {
  bench = await TestBench.start();
  const root = await bench.publishRoot();
  const release = makeRelease(1);
  await bench.signers.publish(bench.operator, [release], bench.now());
  const [device] = await bench.devices(1);
  await device!.poll();
  await bench.operator.createRollout(plan("1.0.0", { waves: [{ name: "all", share: 1, soakS: 0 }] }));
  const offer = await eventually(() => device!.poll(), "an offer");
  const deps = { sha256: nodeSha256, verify: nodeVerify };
  const state = await refresh(pinRoot(root), {
    ...deps,
    fetch: (file, maxBytes) => device!.client.metadata(file, maxBytes),
    persist: async () => {},
    clockMs: null,
  });
  const target = findTarget(state, offer.target, deps);
  const manifestBytes = await download(device!, target.sha256);
  const question = { target, manifestBytes, state, hardware: "gateway", product: "digits" };
  const { variant } = judgeManifest(question, deps);
  expect(offer.routes.map((route) => route.codec)).toEqual(["full"]);
  expect(sha256(await download(device!, variant.artifact.sha256))).toBe(variant.artifact.sha256);
});

async function download(device: TestDevice, digest: string): Promise<Uint8Array> {
  const { chunks } = await device.client.blob(digest, 0, device.token);
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}
