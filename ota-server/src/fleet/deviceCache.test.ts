import { expect, test } from "vitest";
import { putDevice, revokeDevice, setTags } from "../store/devices.js";
import { putMember } from "../store/rollouts.js";
import type { Store } from "../store/store.js";
import { onEachStore, toldMember } from "../testing/stores.js";
import { DEVICE_CACHE_LIMITS, DeviceCache } from "./deviceCache.js";

const ENROLLED_MS = 5;
const IDS = ["r1", "r2"];

async function enrol(store: Store, id: string): Promise<void> {
  const fixed = { product: "digits", hardware: "gateway", tags: {}, publicKey: "ab" };
  await store.write((db) => putDevice(db, { id, enrolledAtMs: ENROLLED_MS, ...fixed }));
}

onEachStore("devices in memory", (store) => {
  test("are read once, and forgotten before a change of theirs is acknowledged", async () => {
    const cache = new DeviceCache(store(), () => 0);
    await enrol(store(), "a");
    expect(cache.peek("a")).toBeNull();
    const known = await cache.find("a");
    expect(cache.peek("a")).toBe(known);
    await store().write((db) => setTags(db, "a", { site: "north" }));
    expect(cache.peek("a")).toBeNull();
    expect((await cache.find("a"))!.device.tags).toEqual({ site: "north" });
    await store().write((db) => revokeDevice(db, "a", 7));
    expect((await cache.find("a"))!.device.revokedAtMs).toBe(7);
    expect(await cache.find("nobody")).toBeNull();
  });

  test("have their rows in rollouts, which are read again when the device is told", async () => {
    const cache = new DeviceCache(store(), () => 0);
    await enrol(store(), "b");
    const known = await cache.withMembers((await cache.find("b"))!, IDS);
    expect(known.members.size).toBe(0);
    expect(cache.peek("b")).toBe(known);
    expect(await cache.withMembers(known, IDS)).toBe(known);
    await store().write((db) => putMember(db, toldMember("r2", "b")));
    const again = await cache.withMembers((await cache.find("b"))!, IDS);
    expect(again.members.get("r2")).toMatchObject({ state: "offered" });
  });

  test("are not kept as they were read when a change has overtaken the reading", async () => {
    const cache = new DeviceCache(store(), () => 0);
    await enrol(store(), "c");
    for (let round = 0; round < 20; round++) {
      const tags = { round: String(round) };
      const reading = cache.find("c");
      await Promise.all([reading, store().write((db) => setTags(db, "c", tags))]);
      expect((await cache.find("c"))!.device.tags).toEqual(tags);
    }
  });

  test("stay what they are when a change is undone", async () => {
    const cache = new DeviceCache(store(), () => 0);
    await enrol(store(), "d");
    await cache.find("d");
    const undone = store().write(async (db) => {
      await setTags(db, "d", { site: "south" });
      throw new Error("undone");
    });
    await expect(undone).rejects.toThrow("undone");
    expect((await cache.find("d"))!.device.tags).toEqual({});
  });

  test("grow old: some of what is known of them is announced by nobody", async () => {
    let nowMs = 0;
    const cache = new DeviceCache(store(), () => nowMs);
    await enrol(store(), "e");
    await cache.find("e");
    nowMs = DEVICE_CACHE_LIMITS.maxAgeMs + 1;
    expect(cache.peek("e")).toBeNull();
    nowMs = -1;
    expect(cache.peek("e")).toBeNull();
  });
});
