import { EMPTY_SUMS, mergeSums, type TelemetrySums } from "@mote/protocol";
import { expect, test } from "vitest";
import { onEachStore } from "../testing/stores.js";
import { addManySums, addSums, sumTelemetry, type TelemetryKey } from "./telemetry.js";

/** More than two statements' worth, and some over. */
const COUNT = 63;

const sumsOf = (i: number): TelemetrySums => ({
  ...EMPTY_SUMS,
  windows: 1 + i,
  inferences: 10 * i,
  errors: i % 3,
  latencySumUs: 900 * i,
  latencyMaxUs: 1000 + i,
  confidence: EMPTY_SUMS.confidence.map((_, bin) => (bin === i % 20 ? i : 0)),
  outputs: Array.from({ length: i % 5 }, (_, label) => label + i),
});
const keyOf = (i: number): TelemetryKey => ({
  // Some devices with two buckets, some with two releases.
  deviceId: `cam-${i >> 1}`,
  releaseSequence: i % 4 === 1 ? 2 : 1,
  bucketMs: i % 4 === 3 ? 600_000 : 0,
});
const many = Array.from({ length: COUNT }, (_, i) => ({ key: keyOf(i), sums: sumsOf(i) }));

onEachStore("sums of many devices", (store) => {
  const stored = ({ deviceId, releaseSequence, bucketMs }: TelemetryKey) =>
    store().read((db) => sumTelemetry(db, deviceId, releaseSequence, bucketMs, bucketMs + 1));

  test("are stored each under its own key, however many statements that takes", async () => {
    await store().write((db) => addManySums(db, many));
    for (const { key, sums } of many) expect(await stored(key)).toEqual(sums);
  });

  test("are added to what is held, of those alone that there is something of", async () => {
    const fresh = { key: { ...keyOf(0), deviceId: "new" }, sums: sumsOf(9) };
    const more = [...many.slice(10, 50), fresh];
    await store().write((db) => addManySums(db, more));
    for (const [i, { key, sums }] of many.entries()) {
      expect(await stored(key)).toEqual(i >= 10 && i < 50 ? mergeSums(sums, sums) : sums);
    }
    expect(await stored(fresh.key)).toEqual(fresh.sums);
  });

  test("come to the same one by one", async () => {
    const alone = many.map(({ key, sums }) => ({ key: { ...key, deviceId: `${key.deviceId}-alone` }, sums }));
    await store().write(async (db) => {
      for (const { key, sums } of alone) await addSums(db, key, sums);
      for (const { key, sums } of alone.slice(10, 50)) await addSums(db, key, sums);
    });
    for (const [i, { key }] of many.entries()) expect(await stored(alone[i]!.key)).toEqual(await stored(key));
  });
});
