import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EMPTY_SUMS } from "@mote/protocol";
import { expect, test } from "vitest";
import { Store } from "../store/store.js";
import { addSums, sumTelemetry } from "../store/telemetry.js";
import { bucketAt, KEEP_MS, rollUpTelemetry } from "./retention.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = 1_795_000_000_000;

test("a bucket widens with its age, never before the whole of the wider one is old enough", () => {
  expect(bucketAt(NOW - 5 * HOUR, NOW)).toBe(NOW - 5 * HOUR);
  for (const [ageMs, widthMs] of [
    [8 * HOUR, HOUR],
    [9 * DAY, DAY],
    [90 * DAY, 7 * DAY],
  ] as const) {
    const start = bucketAt(NOW - ageMs, NOW)!;
    expect(start % widthMs).toBe(0);
    expect(NOW - ageMs - start).toBeLessThan(widthMs);
    // Rolling up again changes nothing.
    expect(bucketAt(start, NOW)).toBe(start);
  }
  expect(bucketAt(NOW - KEEP_MS - 1, NOW)).toBeNull();
});

test("a year of a device's windows stays a few hundred rows, and every sum stays what it was", async () => {
  const store = await Store.openEmbedded(mkdtempSync(join(tmpdir(), "mote-retention-")));
  const windows = 365 * 24;
  for (let day = 0; day < 365; day++) {
    await store.write(async (db) => {
      for (let hour = 0; hour < 24; hour++) {
        const bucketMs = NOW - day * DAY - hour * HOUR - 1;
        const sums = { ...EMPTY_SUMS, windows: 1, inferences: hour, latencyMaxUs: day, outputs: [hour, 1] };
        await addSums(db, { deviceId: "cam-1", releaseSequence: 1, bucketMs }, sums);
      }
    });
  }
  const total = () => store.read((db) => sumTelemetry(db, "cam-1", 1, 0, NOW));
  const before = await total();
  expect(before.windows).toBe(windows);
  const gone = await rollUpTelemetry(store, () => NOW);
  expect(await total()).toEqual(before);
  // Hours of a week, days of sixty, weeks of the rest.
  expect(windows - gone).toBeLessThan(7 * 24 + 24 + 60 + 7 + 53);
  expect(await rollUpTelemetry(store, () => NOW)).toBe(0);
  await rollUpTelemetry(store, () => NOW + KEEP_MS + 8 * DAY);
  expect((await total()).windows).toBe(0);
  await store.close();
}, 60_000);
