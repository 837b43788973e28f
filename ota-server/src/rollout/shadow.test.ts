import { CONFIDENCE_BINS, DEFAULT_GATES, EMPTY_SUMS, type RolloutPlan } from "@mote/protocol";
import { beforeAll, expect, test } from "vitest";
import { findDevice, putDevice, setRunning, updateDeviceState } from "../store/devices.js";
import { putMember } from "../store/rollouts.js";
import type { Store } from "../store/store.js";
import { addFrame, shadowKey, telemetryByRelease } from "../store/telemetry.js";
import { makeRelease, releaseRecord } from "../testing/release.js";
import { onEachStore, toldMember } from "../testing/stores.js";
import { Baselines, collectEvidence, middleWindows } from "./evidence.js";
import { dryRun, newRollout } from "./plan.js";

const NOW = 1_795_000_000_000;
const plan: RolloutPlan = {
  product: "digits",
  version: "2.0.0",
  query: {},
  strategy: "shadow",
  waves: [{ name: "all", share: 1, soakS: 0 }],
  gates: {
    ...DEFAULT_GATES,
    telemetry: [
      { metric: "agreement", margin: 0.05 },
      { metric: "latency", margin: 0.5 },
      { metric: "errorRate", margin: 0.01 },
    ],
  },
  onFailure: "hold",
  preconditions: {},
  approvals: 0,
};
const made = makeRelease(2).manifest;
const [variant] = made.variants;
const manifest = {
  ...made,
  variants: [variant!, { ...variant!, id: "mcu", hardware: ["cortex-m4f"], runtime: "mote-c" as const }],
};
const release = releaseRecord(manifest);

onEachStore("a shadow rollout", (opened) => {
  let store: Store;
  beforeAll(async () => {
    store = opened();
    const add = async (id: string, hardware: string, sequence: number) => {
      const device = { id, product: "digits", hardware, tags: {}, publicKey: "ab", enrolledAtMs: 1 };
      await store.write((db) => putDevice(db, device));
      await store.write((db) => setRunning(db, id, sequence, NOW));
    };
    for (let i = 0; i < 12; i++) await add(`cam-${i}`, "gateway", 1);
    await add("mcu-1", "cortex-m4f", 1);
    await add("new-1", "gateway", 0);
    await add("other-1", "toaster", 1);
  });

  test("reaches the devices that can run two models, and says of the others why not", async () => {
    const { eligible, waves, excluded } = await store.read((db) => dryRun(db, plan, release, NOW));
    expect(eligible).toBe(12);
    expect(waves[0]).toMatchObject({ devices: 12 });
    expect(excluded).toEqual(
      expect.arrayContaining([
        { reason: "hardware cortex-m4f can't run two models side by side", devices: 1 },
        { reason: "no variant for hardware toaster", devices: 1 },
        { reason: "runs no release yet whose shadow it could be", devices: 1 },
      ]),
    );
    await store.write(async (db) => {
      const device = (await findDevice(db, "cam-0"))!;
      await updateDeviceState(db, "cam-0", { ...device, canShadow: false });
    });
    const told = await store.read((db) => dryRun(db, plan, release, NOW));
    expect(told.eligible).toBe(11);
    expect(told.excluded).toContainEqual({
      reason: expect.stringContaining(
        "can't run two models side by side (an older agent, or a hawkBit client)",
      ),
      devices: 1,
    });
    const staged = await store.read((db) =>
      dryRun(db, { ...plan, strategy: "staged", gates: DEFAULT_GATES }, release, NOW),
    );
    expect(staged.eligible).toBe(14);
  });

  test("compares each device with itself, and keeps a shadow's telemetry apart from what the release does later", async () => {
    const base = newRollout("r2", 2, plan, release, NOW);
    const rollout = { ...base, waves: [{ ...base.waves[0]!, openedAtMs: NOW, members: 12, control: 0 }] };
    const sums = (change: object) => ({
      ...EMPTY_SUMS,
      windows: 3,
      inferences: 300,
      latencySumUs: 300 * 1000,
      confidence: EMPTY_SUMS.confidence.map((_, i) => (i === CONFIDENCE_BINS - 1 ? 300 : 0)),
      ...change,
    });
    const ids = Array.from({ length: 12 }, (_, i) => `cam-${i}`);
    await store.write(async (db) => {
      for (const [i, deviceId] of ids.entries()) {
        await putMember(db, { ...toldMember("r2", deviceId), previousSequence: 1, state: "confirmed" });
        const at = (releaseSequence: number) => ({ deviceId, releaseSequence, bucketMs: NOW });
        await addFrame(db, at(1), 1, 1, sums({}));
        const shadow = sums({ latencySumUs: 300 * 1500, errors: 30, compared: 270, agreed: 270 - i });
        await addFrame(db, at(shadowKey(2)), 1, 2, shadow);
      }
    });
    const members = ids.map((id) => ({ ...toldMember("r2", id), previousSequence: 1 }));
    const windows = await store.read((db) => middleWindows(db, rollout, members, NOW));
    expect(windows).toBe(3);
    const evidence = await store.read((db) => collectEvidence(db, rollout, members, NOW, new Baselines()));
    const of = (metric: string) => evidence.find((one) => one.metric === metric)!;
    expect(evidence.every(({ control }) => control === null)).toBe(true);
    expect([...of("agreement").wave].sort()).toEqual(ids.map((_, i) => expect.closeTo(i / 270)));
    expect(of("latency").wave).toEqual(ids.map(() => expect.closeTo(0.5)));
    expect(of("errorRate").wave).toEqual(ids.map(() => expect.closeTo(30 / 330)));
    // Served by the release itself nobody has been yet; and a shadow's errors are not the device's.
    const staged = { ...rollout, plan: { ...plan, strategy: "staged" as const } };
    expect(await store.read((db) => middleWindows(db, staged, members, NOW))).toBe(0);
    expect((await store.read((db) => findDevice(db, "cam-3")))!.errorRate).toBe(0);
    const history = await store.read((db) => telemetryByRelease(db, "cam-3"));
    expect(history.map(({ releaseSequence, sums: { agreed } }) => [releaseSequence, agreed])).toEqual([
      [1, 0],
      [-2, 267],
    ]);
  });
});
