import { UNKNOWN_CONDITIONS } from "@mote/protocol";
import { describe, expect, it } from "vitest";
import type { Cut, MemoryDevice } from "../testing/memory-device.js";
import { digestOf } from "../testing/tiny-release.js";
import { install, offerOf, runs, v1, v2, world } from "../testing/two-releases.js";
import { confirmedSlot, servingSlot, shadowSlot } from "./slots.js";
import type { AgentState, UpdateOffer } from "./state.js";

/** The power is cut at every single change that an update makes to storage, before it takes effect and after. */

describe("a power cut", () => {
  it("at any change to storage leaves a device that serves, and that finishes the update", async () => {
    const rehearsal = world();
    await install(rehearsal, v1);
    await install(rehearsal, v2);
    const { changes } = rehearsal;
    expect(changes).toBeGreaterThan(20);

    for (let at = 1; at <= changes; at++) {
      for (const when of ["before", "after"] as const) {
        const device = world();
        await install(device, v1);
        const left = await install(device, v2, { at, when });
        expect(device.changes).toBe(at);
        const serving = confirmedSlot(left);
        expect(serving, `cut ${when} change ${at}`).not.toBeNull();
        // Whichever release is confirmed, its bytes are all there.
        expect(digestOf(device.files.get(serving!.artifactSha256)!)).toBe(serving!.artifactSha256);

        const healed = await install(device, v2);
        expect(confirmedSlot(healed)?.sequence, `after a cut ${when} change ${at}`).toBe(2);
        const ends = healed.reports.filter(
          ({ phase, targetSequence }) => phase === "confirmed" && targetSequence === 2,
        );
        expect(ends, `reports after a cut ${when} change ${at}`).toHaveLength(1);
        expect(new Set(healed.reports.map(({ id }) => id)).size).toBe(healed.reports.length);
      }
    }
  });

  it("again and again ends in one release or the other, whole, and in an idle device", async () => {
    const device = world();
    await install(device, v1);
    for (let life = 0; life < 20; life++) await install(device, v2, { at: 3, when: "after" });
    const settled = await device.live(
      () => {},
      ({ update }) => update.state === "idle" || update.state === "waiting",
      null,
    );
    const serving = confirmedSlot(settled)!;
    expect([1, 2]).toContain(serving.sequence);
    expect(digestOf(device.files.get(serving.artifactSha256)!)).toBe(serving.artifactSha256);
    expect(confirmedSlot(await install(device, v2))?.sequence).toBe(2);
  });
});

describe("a power cut of a device that takes a release into its shadow", () => {
  const shadow: UpdateOffer = { ...offerOf(v2), id: "r2:shadow", kind: "shadow", shadowShare: 0.5 };
  const isShadowing = ({ update }: AgentState) => update.state === "shadowing";
  const take = (device: MemoryDevice, cut: Cut | null = null) =>
    device.live((updater) => updater.offered(shadow), isShadowing, cut);

  it("at any change to storage leaves the old release serving, and the new one in the shadow", async () => {
    const rehearsal = world();
    await install(rehearsal, v1);
    await take(rehearsal);
    const { changes } = rehearsal;
    expect(changes).toBeGreaterThan(10);
    for (let at = 1; at <= changes; at++) {
      for (const when of ["before", "after"] as const) {
        const device = world();
        await install(device, v1);
        const left = await take(device, { at, when });
        expect(servingSlot(left)?.sequence, `cut ${when} change ${at}`).toBe(1);
        const healed = isShadowing(left) ? left : await take(device);
        expect([servingSlot(healed), shadowSlot(healed)].map((slot) => slot?.sequence)).toEqual([1, 2]);
        const shadow = shadowSlot(healed)!;
        expect(digestOf(device.files.get(shadow.artifactSha256)!)).toBe(shadow.artifactSha256);
      }
    }
  });

  it("is promoted without a download, and withdrawn without a trace in what serves", async () => {
    const device = world();
    await install(device, v1);
    await take(device);
    const withdrawn = await device.live(
      (updater) => updater.offered(null),
      ({ update }) => update.state === "idle",
      null,
    );
    expect(servingSlot(withdrawn)?.sequence).toBe(1);
    expect(withdrawn.reports.at(-1)).toMatchObject({
      phase: "failed",
      code: "withdrawn",
      runningSequence: 1,
    });
    const fetched = device.fetchedFrom.length;
    const promoted = await install(device, v2);
    expect(confirmedSlot(promoted)?.sequence).toBe(2);
    expect(device.fetchedFrom.length).toBe(fetched);
    expect(promoted.reports.at(-1)).toMatchObject({ phase: "confirmed", codec: "held", downloadedBytes: 0 });
  });

  it("that comes again and again gives the shadow up, not the device", async () => {
    const device = world();
    await install(device, v1);
    await take(device);
    for (let life = 0; life < 5; life++) {
      await device.live(
        () => {},
        ({ update }) => update.restarts > life,
        null,
      );
    }
    const state = await device.live(
      () => {},
      ({ update }) => update.state === "idle",
      null,
    );
    expect(servingSlot(state)?.sequence).toBe(1);
    expect(state.reports.at(-1)).toMatchObject({ phase: "failed", code: "interrupted" });
  });
});

describe("a critical task that begins during the download", () => {
  it("ends the transfer, says why, and lets the rest follow from where it stopped", async () => {
    const device = world();
    let asked = 0;
    let isCritical = false;
    device.conditions = () => {
      // The task is over after the device has looked a few times.
      if (isCritical && ++asked > 3) isCritical = false;
      return { ...UNKNOWN_CONDITIONS, inCriticalTask: isCritical };
    };
    let chunks = 0;
    device.beforeChunk = async (signal) => {
      // Golden inputs and outputs come first; the model's second third is held up until the transfer is cut off.
      if (++chunks !== 8) return;
      isCritical = true;
      await new Promise((_, reject) =>
        signal?.addEventListener("abort", () => reject(new Error("cut off")), { once: true }),
      );
    };
    const offer = { ...offerOf(v1), preconditions: { requireNoCriticalTask: true } };
    const state = await device.live((updater) => updater.offered(offer), runs(v1), null);
    expect(device.log.find(({ event }) => event === "preconditions-lost")).toMatchObject({
      unmet: ["requireNoCriticalTask"],
    });
    const waits = state.reports.filter(({ phase }) => phase === "waiting");
    expect(waits.at(-1)).toMatchObject({ code: "waiting-preconditions", detail: "requireNoCriticalTask" });
    expect(device.fetchedFrom.some((from) => from > 0)).toBe(true);
    expect(state.reports.at(-1)).toMatchObject({ phase: "confirmed", targetSequence: 1 });
  });
});
