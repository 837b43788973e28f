import { EMPTY_SUMS } from "@mote/protocol";
import { beforeAll, expect, test } from "vitest";
import { onEachStore, toldMember } from "../testing/stores.js";
import { listControls, putControls } from "./controls.js";
import type { DeviceFilter } from "./deviceFilter.js";
import {
  findDevice,
  listDevices,
  putDevice,
  setLastUpdateFailed,
  setOnline,
  updateDeviceState,
} from "./devices.js";
import { putMember } from "./rollouts.js";
import { addFrame } from "./telemetry.js";

const ENROLLED_MS = 5;

onEachStore("how devices are", (store) => {
  const frame = (deviceId: string, sequence: number, errors: number, inferences: number, windows = 1) =>
    store().write((db) =>
      addFrame(db, { deviceId, releaseSequence: 2, bucketMs: 0 }, ENROLLED_MS, sequence, {
        ...EMPTY_SUMS,
        errors,
        inferences,
        windows,
      }),
    );
  const find = async (filter: DeviceFilter) =>
    (await store().read((db) => listDevices(db, filter, { limit: 10 }))).map(({ id }) => id);

  beforeAll(async () => {
    const fixed = { product: "digits", hardware: "gateway", tags: {}, publicKey: "ab", enrolledAtMs: 5 };
    await store().write(async (db) => {
      for (const id of ["a", "b", "c"]) await putDevice(db, { id, ...fixed });
      await updateDeviceState(db, "a", {
        lastSeenMs: 100,
        runningSequence: 2,
        artifactSha256: null,
        held: [],
        floor: 3,
        codecs: [],
        agentVersion: "0.1.0",
        batteryPercent: null,
        freeBytes: null,
        conditions: null,
        canShadow: null,
        canHold: null,
      });
      await setOnline(db, "b", true, 50);
      await setLastUpdateFailed(db, "b", true);
      await putMember(db, toldMember("r1", "c"));
    });
    await frame("c", 0, 5, 10);
  });

  const cases: [string, DeviceFilter["state"], string[]][] = [
    ["by a release", { sequences: [2] }, ["a"]],
    ["by one of several releases", { sequences: [0, 2] }, ["a", "b", "c"]],
    ["by no release at all", { sequences: [] }, []],
    ["by their agent", { agentVersions: ["0.1.0"] }, ["a"]],
    ["by their connection", { online: true }, ["b"]],
    ["by when they were seen", { seenSinceMs: 60.5 }, ["a"]],
    ["by their last update", { lastUpdateFailed: false }, ["a", "c"]],
    ["below the floor", { belowFloor: true }, ["a"]],
    ["not below the floor", { belowFloor: false }, ["b", "c"]],
    ["by their errors, the unknown among the good", { maxErrorRate: 0.4 }, ["a", "b"]],
    ["by several things at once", { belowFloor: false, lastUpdateFailed: false }, ["c"]],
  ];
  test.each(cases)("are found %s", async (_, state, ids) => {
    expect(await find({ state: state! })).toEqual(ids);
  });

  test("do not matter for a rollout's own members", async () => {
    expect(await find({ state: { sequences: [2] }, orMemberOf: "r1" })).toEqual(["a", "c"]);
    expect(await find({ state: { sequences: [2] }, orMemberOf: "r2" })).toEqual(["a"]);
    expect(await find({ hardware: ["mcu"], state: { sequences: [2] }, orMemberOf: "r1" })).toEqual([]);
  });

  test("include errors, averaged over the last sixty windows or so", async () => {
    const rate = async () => (await store().read((db) => findDevice(db, "a")))!.errorRate;
    await frame("a", 0, 0, 0);
    expect(await rate()).toBeNull();
    await frame("a", 1, 1, 10);
    expect(await rate()).toBeCloseTo(0.1);
    await frame("a", 2, 0, 0);
    expect(await rate()).toBeCloseTo(0.1);
    await frame("a", 3, 0, 10);
    expect(await rate()).toBeCloseTo((0.1 * 59) / 60);
    await frame("a", 4, 600, 600, 600);
    expect(await rate()).toBeGreaterThan(0.99);
  });

  test("whom a wave is compared with stays until the next one opens", async () => {
    const put = (...ids: string[]) => {
      const controls = ids.map((deviceId) => ({ deviceId, sequence: 1 }));
      return store().write((db) => putControls(db, "r1", controls));
    };
    await put("b", "a");
    expect(await store().read((db) => listControls(db, "r1"))).toHaveLength(2);
    await put("c");
    expect(await store().read((db) => listControls(db, "r1"))).toEqual([{ deviceId: "c", sequence: 1 }]);
    expect(await store().read((db) => listControls(db, "r2"))).toEqual([]);
  });
});
