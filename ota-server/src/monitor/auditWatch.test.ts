import { beforeAll, expect, test } from "vitest";
import { appendAudit } from "../store/audit.js";
import type { Store } from "../store/store.js";
import { onEachStore } from "../testing/stores.js";
import { AuditWatch } from "./auditWatch.js";

onEachStore("the watch over the audit", (opened) => {
  let store: Store;
  let nowMs = 1000;
  const watch = (entriesPerLook: number) => new AuditWatch(store, () => nowMs, entriesPerLook);
  const change = (number: number, by: string) =>
    store.write((db) => db.updateTable("audit").set({ by_whom: by }).where("number", "=", number).execute());

  beforeAll(async () => {
    store = opened();
    for (let i = 1; i <= 25; i++) {
      const entry = { atMs: i, by: "ann", action: "POST /x", status: 200, detail: "" };
      await store.write((db) => appendAudit(db, entry));
    }
  });

  test("walks a long log in parts, and says since when all of it is known to be whole", async () => {
    const looks = watch(10);
    expect(await looks.look()).toEqual({ brokenAt: null, wholeAtMs: null });
    nowMs = 2000;
    expect(await looks.look()).toEqual({ brokenAt: null, wholeAtMs: null });
    // The round is over; it began when the first part was walked.
    expect(await looks.look()).toEqual({ brokenAt: null, wholeAtMs: 1000 });
  });

  test("finds a change behind it in its next round, and lets go of it when a whole round finds none", async () => {
    const looks = watch(10);
    await looks.look();
    await change(3, "nobody");
    const verdicts = [];
    for (let i = 0; i < 3; i++) verdicts.push((await looks.look()).brokenAt);
    expect(verdicts).toEqual([null, null, 3]);
    await change(3, "ann");
    for (let i = 0; i < 2; i++) expect((await looks.look()).brokenAt).toBe(3);
    expect((await looks.look()).brokenAt).toBeNull();
  });

  test("finds at once that the end it has seen was cut off", async () => {
    const looks = watch(100);
    expect((await looks.look()).brokenAt).toBeNull();
    await store.write((db) => db.deleteFrom("audit").where("number", ">", 20).execute());
    expect((await looks.look()).brokenAt).toBe(25);
    // Whoever has not seen it can't know.
    expect((await watch(100).look()).brokenAt).toBeNull();
  });
});
