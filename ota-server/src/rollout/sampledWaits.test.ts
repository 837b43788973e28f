import { DEFAULT_GATES, LINK_TYPES, type RolloutPlan } from "@mote/protocol";
import { beforeAll, expect, test } from "vitest";
import { putDevice, putSighting, setRunning } from "../store/devices.js";
import { DRAW_MODULUS, drawOf } from "../store/draw.js";
import { listConditions } from "../store/population.js";
import type { Store } from "../store/store.js";
import { makeRelease, releaseRecord } from "../testing/release.js";
import { onEachStore } from "../testing/stores.js";
import { dryRun } from "./plan.js";
import { Candidates } from "./population.js";
import { countWaits } from "./waits.js";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const FLEET = 400;
const release = releaseRecord(makeRelease(2).manifest);
const preconditions: RolloutPlan["preconditions"] = {
  minBatteryPercent: 50,
  links: ["wifi", "ethernet"],
  allowMetered: false,
  minFreeBytes: 5000,
  maxTemperatureC: 40,
  requireIdle: true,
  windows: [{ from: "12:30", to: "14:00" }],
};
const plan: RolloutPlan = {
  product: "digits",
  version: "2.0.0",
  query: {},
  waves: [{ name: "all", share: 1, soakS: 0 }],
  gates: DEFAULT_GATES,
  onFailure: "hold",
  preconditions,
  approvals: 0,
};

/** One of many kinds of devices, the same each time: digits of the draw in mixed bases. */
function deviceOf(id: string) {
  let rest = drawOf(id);
  const pick = <T>(values: readonly T[]): T => {
    const value = values[rest % values.length]!;
    rest = Math.floor(rest / values.length);
    return value;
  };
  return {
    id,
    batteryPercent: pick([null, 10, 49, 50, 90]),
    freeBytes: pick([null, 4999, 5000]),
    conditions: pick([true, true, true, false])
      ? {
          charging: pick([null, true, false]),
          metered: pick([null, true, false]),
          link: pick([null, ...LINK_TYPES]),
          temperatureC: pick([null, 39.5, 40.5]),
          busy: pick([true, false]),
          inCriticalTask: false,
          timeZone: pick([null, "UTC", "Europe/Berlin", "Asia/Tokyo"]),
        }
      : null,
    tags: pick([{}, { timezone: "America/New_York" }]) as Record<string, string>,
  };
}

onEachStore("who would wait", (opened) => {
  let store: Store;
  const fleet = Array.from({ length: FLEET }, (_, i) => deviceOf(`cam-${i}`));

  beforeAll(async () => {
    store = opened();
    await store.write(async (db) => {
      for (const { id, tags, ...seen } of fleet) {
        const rest = { product: "digits", hardware: "gateway", publicKey: "ab", enrolledAtMs: 1 };
        await putDevice(db, { id, tags, ...rest });
        await setRunning(db, id, 1, NOW);
        await putSighting(db, { id, lastSeenMs: NOW, ...seen });
      }
    });
  });

  test("is counted by what each device told", async () => {
    const { waits, sampled, eligible } = await store.read((db) => dryRun(db, plan, release, NOW));
    expect([sampled, eligible]).toEqual([FLEET, FLEET]);
    expect(waits).toHaveLength(Object.keys(preconditions).length);
    const byReason = (all: typeof waits) => all.toSorted((a, b) => (a.reason < b.reason ? -1 : 1));
    expect(byReason(waits)).toEqual(byReason(countWaits(preconditions, fleet, NOW)));
  });

  test("is counted in a sample that the draw decides, and scaled up", async () => {
    const share = 0.4;
    const read = await store.read(async (db) => {
      const target = { plan, running: null, id: null };
      const { question } = await Candidates.count(db, target, release, "any", NOW);
      return listConditions(db, question, share);
    });
    const sample = fleet.filter(({ id }) => drawOf(id) < share * DRAW_MODULUS);
    expect(read.map(({ id }) => id).sort()).toEqual(sample.map(({ id }) => id).sort());
    // Five standard deviations of a binomial count.
    expect(Math.abs(sample.length - share * FLEET)).toBeLessThan(5 * Math.sqrt(FLEET * share * (1 - share)));
    const all = new Map(countWaits(preconditions, fleet, NOW).map((one) => [one.reason, one.devices]));
    for (const { reason, devices } of countWaits(preconditions, read, NOW, FLEET)) {
      const within = sample.filter((device) =>
        countWaits(preconditions, [device], NOW).some((one) => one.reason === reason),
      );
      expect(devices).toBe(Math.round((within.length * FLEET) / sample.length));
      expect(Math.abs(devices - all.get(reason)!)).toBeLessThan(FLEET / 5);
    }
  });
});
