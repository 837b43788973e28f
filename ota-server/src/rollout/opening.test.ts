import { DEFAULT_GATES, type RolloutPlan } from "@mote/protocol";
import { beforeAll, expect, test } from "vitest";
import { putDevice, setRunning } from "../store/devices.js";
import type { Store } from "../store/store.js";
import { makeRelease, releaseRecord } from "../testing/release.js";
import { onEachStore } from "../testing/stores.js";
import { cohortOf } from "./cohort.js";
import { openWave } from "./opening.js";
import { checkPlan, dryRun, newRollout } from "./plan.js";

const NOW = 1_795_000_000_000;
/** Which of the two is larger only the fleet tells: here the second comes to less than the first. */
const plan: RolloutPlan = {
  product: "digits",
  version: "2.0.0",
  query: {},
  waves: [
    { name: "half", share: 0.5, soakS: 0 },
    { name: "few", count: 2, soakS: 0 },
  ],
  gates: { ...DEFAULT_GATES, telemetry: [] },
  onFailure: "hold",
  preconditions: {},
  approvals: 0,
  salt: "s",
};
const release = releaseRecord(makeRelease(2).manifest);

onEachStore("a wave that comes to fewer devices than the one before", (opened) => {
  let store: Store;
  beforeAll(async () => {
    store = opened();
    for (let i = 0; i < 12; i++) {
      const device = {
        id: `cam-${i}`,
        product: "digits",
        hardware: "gateway",
        tags: {},
        publicKey: "ab",
        enrolledAtMs: 1,
      };
      await store.write((db) => putDevice(db, device));
      await store.write((db) => setRunning(db, device.id, 1, NOW));
    }
  });

  test("is warned of before, and lets nobody out whom the one before has let in", async () => {
    const { warnings } = await store.read((db) => dryRun(db, plan, release, NOW));
    expect(warnings).toContain(
      'Wave "few" comes to 2 devices, fewer than the 6 of the wave before: it would reach nobody new.',
    );
    const first = newRollout("r2", 2, plan, release, NOW);
    const half = await openWave(store, first, release, NOW);
    expect(half.members).toBe(6);
    const [one, other] = first.waves;
    const waves = [{ ...one!, threshold: half.threshold, openedAtMs: NOW }, other!];
    const few = await openWave(store, { ...first, waves, currentWave: 1 }, release, NOW);
    expect([few.threshold, few.members]).toEqual([half.threshold, 6]);
  });

  test("is refused where the plan itself says that it is smaller", () => {
    const waves = (...sizes: object[]) => sizes.map((size, i) => ({ name: `wave ${i}`, soakS: 0, ...size }));
    for (const sizes of [
      [{ share: 0.5 }, { share: 0.2 }],
      [{ count: 9 }, { count: 2 }],
      [{ count: 9 }, { share: 0.5 }, { count: 2 }],
    ]) {
      expect(() => checkPlan({ ...plan, waves: waves(...sizes) })).toThrow(/waves that grow.*smaller wave/);
    }
  });

  test("is refused where another has its name", () => {
    const waves = [
      { name: "canary", count: 2, soakS: 0 },
      { name: "canary", share: 1, soakS: 0 },
    ];
    expect(() => checkPlan({ ...plan, waves })).toThrow(/different names.*two named "canary"/);
  });
});

onEachStore("a canary that finds no more devices than it wants", (opened) => {
  test("takes those, and leaves devices that come later to their waves", async () => {
    const store = opened();
    const enrol = (id: string) => {
      const facts = { product: "digits", hardware: "gateway", tags: {}, publicKey: "ab" };
      return store.write((db) => putDevice(db, { id, enrolledAtMs: NOW - 60_000, ...facts }));
    };
    const waves = [
      { name: "canary", count: 3, soakS: 0 },
      { name: "all", share: 1, soakS: 0 },
    ];
    const state = newRollout("r3", 3, { ...plan, waves }, release, NOW);
    const places = Array.from({ length: 200 }, (_, i) => `late-${i}`).map((id) => ({
      id,
      cohort: cohortOf(state.salt, id),
    }));
    places.sort((a, b) => a.cohort - b.cohort);
    // Two have enrolled a minute ago, and not polled yet.
    await enrol(places[10]!.id);
    await enrol(places[60]!.id);
    const canary = await openWave(store, state, release, NOW);
    expect([canary.members, canary.control]).toEqual([2, 0]);
    expect(places.filter(({ cohort }) => cohort < canary.threshold)).toHaveLength(61);
    const [first, second] = state.waves;
    const after = [{ ...first!, threshold: canary.threshold, openedAtMs: NOW }, second!];
    const all = await openWave(store, { ...state, waves: after, currentWave: 1 }, release, NOW);
    expect([all.threshold, all.members]).toEqual([1, 2]);
  });
});
