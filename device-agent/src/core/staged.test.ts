import { NetworkError, UNKNOWN_CONDITIONS } from "@mote/protocol";
import { describe, expect, it } from "vitest";
import type { Cut, MemoryDevice } from "../testing/memory-device.js";
import { digestOf } from "../testing/tiny-release.js";
import { install, offerOf, runs, v1, v2, world } from "../testing/two-releases.js";
import { servingSlot, spareSlot } from "./slots.js";
import type { AgentState, UpdateOffer } from "./state.js";

/** A release that is fetched and proved, and then held in the spare slot until the word to switch. */

const held: UpdateOffer = { ...offerOf(v2), activate: "hold" };
const isStaged = ({ update }: AgentState) => update.state === "staged";
const isIdle = ({ update }: AgentState) => update.state === "idle";
const stage = (device: MemoryDevice, cut: Cut | null = null) =>
  device.live((updater) => updater.offered(held), isStaged, cut);
const slots = (state: AgentState) => [servingSlot(state), spareSlot(state)].map((slot) => slot?.sequence);

/** Has the release staged, and the old one serving. */
async function staged(): Promise<MemoryDevice> {
  const device = world();
  await install(device, v1);
  await stage(device);
  return device;
}

describe("a release that is held", () => {
  it("waits whole in the spare slot after a power cut at any change to storage, while the old one serves", async () => {
    const { changes } = await staged();
    expect(changes).toBeGreaterThan(10);
    for (let at = 1; at <= changes; at++) {
      for (const when of ["before", "after"] as const) {
        const device = world();
        await install(device, v1);
        const left = await stage(device, { at, when });
        expect(servingSlot(left)?.sequence, `cut ${when} change ${at}`).toBe(1);
        const healed = isStaged(left) ? left : await stage(device);
        expect(slots(healed), `after a cut ${when} change ${at}`).toEqual([1, 2]);
        expect(digestOf(device.files.get(v2.artifactSha256)!)).toBe(v2.artifactSha256);
        expect(healed.reports.at(-1)).toMatchObject({
          phase: "staged",
          runningSequence: 1,
          targetSequence: 2,
        });
      }
    }
  });

  it("serves after the switch without another byte, whenever the power is cut meanwhile, and keeps the old one to go back to", async () => {
    const rehearsal = await staged();
    await install(rehearsal, v2);
    const { changes } = rehearsal;
    expect(changes).toBeGreaterThan(4);
    for (let at = 1; at <= changes; at++) {
      for (const when of ["before", "after"] as const) {
        const device = await staged();
        const fetched = device.fetchedFrom.length;
        const left = await install(device, v2, { at, when });
        expect(servingSlot(left), `cut ${when} change ${at}`).not.toBeNull();
        const healed = await install(device, v2);
        expect(slots(healed), `after a cut ${when} change ${at}`).toEqual([2, 1]);
        const ends = healed.reports.filter(
          ({ phase, targetSequence }) => phase === "confirmed" && targetSequence === 2,
        );
        expect(ends).toHaveLength(1);
        const back = await device.live(
          (updater) => updater.offered({ ...offerOf(v1), id: "r2:rollback", kind: "rollback" }),
          runs(v1),
          null,
        );
        expect(slots(back)).toEqual([1, 2]);
        expect(device.fetchedFrom.length).toBe(fetched);
      }
    }
  });

  it("goes without ever having run when it is not wanted any more", async () => {
    const device = await staged();
    const state = await device.live((updater) => updater.offered(null), isIdle, null);
    expect(slots(state)).toEqual([1, undefined]);
    expect(state.reports.at(-1)).toMatchObject({ phase: "failed", code: "withdrawn", runningSequence: 1 });
    expect(
      state.reports.some(({ phase, targetSequence }) => phase === "probation" && targetSequence === 2),
    ).toBe(false);
    await device.live(() => {}, isIdle, null);
    expect(device.files.has(v2.artifactSha256)).toBe(false);
  });

  it("is not suspected for the restarts of a device that is switched off every evening", async () => {
    const device = await staged();
    for (let evening = 0; evening < 12; evening++) {
      await device.live(
        () => {},
        ({ update }) => update.restarts > evening,
        null,
      );
    }
    expect(slots(await install(device, v2))).toEqual([2, 1]);
  });

  it("is switched to while it still comes, and then is not held", async () => {
    const device = world();
    await install(device, v1);
    let chunks = 0;
    const state = await device.live(
      (updater) => {
        updater.offered(held);
        device.beforeChunk = async () => {
          if (++chunks === 1) updater.offered(offerOf(v2));
        };
      },
      runs(v2),
      null,
    );
    expect(slots(state)).toEqual([2, 1]);
  });

  it("switches only when nothing stands against it, and may be told to hold again before", async () => {
    const device = await staged();
    let isCritical = true;
    device.conditions = () => ({ ...UNKNOWN_CONDITIONS, freeBytes: 10, inCriticalTask: isCritical });
    // What is about the transfer alone is of no concern any more.
    const preconditions = { requireNoCriticalTask: true, minFreeBytes: 1_000_000_000 };
    const now: UpdateOffer = { ...offerOf(v2), preconditions };
    const waits = await device.live(
      (updater) => updater.offered(now),
      ({ reports }) => reports.at(-1)?.code === "waiting-preconditions",
      null,
    );
    expect([waits.update.state, waits.update.offer?.activate]).toEqual(["staged", undefined]);
    const again = await device.live(
      (updater) => updater.offered(held),
      ({ update }) => update.offer?.activate === "hold",
      null,
    );
    expect(again.update.state).toBe("staged");
    isCritical = false;
    expect(slots(await device.live((updater) => updater.offered(now), runs(v2), null))).toEqual([2, 1]);
  });
});

const DAY_MS = 86_400_000;

/** Told to switch: how it ends. */
async function switched(device: MemoryDevice, offer = offerOf(v2)): Promise<AgentState> {
  return device.live((updater) => updater.offered(offer), isIdle, null);
}

describe("a release that was held and is no longer what people sign", () => {
  it("is refused at the switch once it is retired, though it was trusted when it came", async () => {
    const device = await staged();
    device.repository.nowMs += 60 * DAY_MS;
    device.repository.floors = { [v2.manifest.name]: 3 };
    device.repository.publish();
    const state = await switched(device);
    expect(state.reports.at(-1)).toMatchObject({ phase: "refused", code: "below-floor", runningSequence: 1 });
    expect(
      state.reports.some(({ phase, targetSequence }) => phase === "probation" && targetSequence === 2),
    ).toBe(false);
    expect(servingSlot(state)?.sequence).toBe(1);
  });

  it("is refused while nothing fresh says that it still stands", async () => {
    const device = await staged();
    device.repository.nowMs += 2 * DAY_MS;
    const state = await switched(device);
    expect(state.reports.at(-1)).toMatchObject({ phase: "refused", code: "metadata-expired" });
    expect(servingSlot(state)?.sequence).toBe(1);
    // It still lies there: with fresh metadata it is switched to without another byte.
    device.repository.publish();
    const fetched = device.fetchedFrom.length;
    expect(servingSlot(await install(device, v2))?.sequence).toBe(2);
    expect(device.fetchedFrom.length).toBe(fetched);
  });

  it("is not saved by a word that points to a release in good standing", async () => {
    const device = await staged();
    device.repository.targets = { [v1.path]: device.repository.targets[v1.path]! };
    device.repository.publish();
    const state = await switched(device, { ...offerOf(v2), target: v1.path });
    expect(state.reports.at(-1)).toMatchObject({ phase: "refused", code: "signature-invalid" });
    expect(servingSlot(state)?.sequence).toBe(1);
  });

  it("is refused where its version means another release by now", async () => {
    const device = await staged();
    const other = {
      ...device.repository.targets[v1.path]!,
      custom: device.repository.targets[v2.path]!.custom,
    };
    device.repository.targets = { ...device.repository.targets, [v2.path]: other };
    device.repository.publish();
    const state = await switched(device);
    expect(state.reports.at(-1)).toMatchObject({ phase: "refused", runningSequence: 1 });
    expect(servingSlot(state)?.sequence).toBe(1);
  });

  it("waits where the server can't be asked, and switches when it answers", async () => {
    const device = await staged();
    let silent = 3;
    device.beforeMetadata = async () => {
      if (silent-- > 0) throw new NetworkError({ expected: "an answer", got: "silence", todo: "Wait." });
    };
    expect(slots(await install(device, v2))).toEqual([2, 1]);
    expect(device.log.filter(({ event }) => event === "switch-delayed")).toHaveLength(3);
  });
});
