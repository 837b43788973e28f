import { expect, test, vi } from "vitest";
import { putDevice } from "../store/devices.js";
import { MARKS_AT_ONCE, markFrame } from "../store/telemetry.js";
import { onEachStore } from "../testing/stores.js";
import { MarkReader } from "./markReader.js";

const NONE = { windows: 0, errors: 0, inferences: 0 };
const COUNT = 2 * MARKS_AT_ONCE + 10;
const ids = Array.from({ length: COUNT }, (_, i) => `cam-${i}`);

onEachStore("marks", (store) => {
  test("that are asked for in one turn come in few statements, each device its own, none for who is not enrolled", async () => {
    await store().write(async (db) => {
      for (const [i, id] of ids.entries()) {
        const enrolledAtMs = 100 + i;
        await putDevice(db, {
          id,
          product: "digits",
          hardware: "gateway",
          tags: {},
          publicKey: "00",
          enrolledAtMs,
        });
        await markFrame(db, id, enrolledAtMs, 1000 + i, NONE);
      }
    });
    const reads = vi.spyOn(store(), "read");
    const marks = new MarkReader(store());
    const asked = ["stranger", ...ids, ids[0]!];
    const found = await Promise.all(asked.map((id) => marks.read(id)));
    expect(reads).toHaveBeenCalledTimes(Math.ceil(asked.length / MARKS_AT_ONCE));
    reads.mockRestore();
    const own = ids.map((_, i) => ({ enrolledAtMs: 100 + i, frameSequence: 1000 + i }));
    expect(found).toEqual([null, ...own, own[0]]);
    // Later, alone.
    expect(await marks.read(ids[7]!)).toEqual(own[7]);
  });

  test("that can't be read fail for all who asked, and the next are read", async () => {
    const marks = new MarkReader(store());
    const reads = vi.spyOn(store(), "read").mockRejectedValueOnce(new Error("away"));
    const failed = await Promise.allSettled([marks.read("cam-0"), marks.read("cam-1")]);
    expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    reads.mockRestore();
    expect(await marks.read("cam-0")).toMatchObject({ frameSequence: 1000 });
  });
});
