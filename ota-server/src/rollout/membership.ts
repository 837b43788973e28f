import type { UpdateReport } from "@mote/protocol";
import type { Clock } from "../clock.js";
import type { Events } from "../events.js";
import { findMember, findMembers, type Member, putMember } from "../store/rollouts.js";
import type { Db, Store } from "../store/store.js";
import { type Desired, type Device, desiredFor } from "./desired.js";
import { isLimited, limitReached } from "./limits.js";
import { memberAfterReport } from "./members.js";
import type { RolloutList } from "./rolloutList.js";

export interface MembershipParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly events: Events;
}

/** A rollout that lets nobody in is counted again after this, not at every poll of a waiting fleet. */
const FULL_MS = 1000;

/** What the rollouts want of one device, and what is remembered of it: a row appears when a device is told. */
export class Membership {
  private readonly parts: MembershipParts;
  private readonly rollouts: RolloutList;
  /** Until when a rollout at its limit needs no counting. */
  private readonly fullUntilMs = new Map<string, number>();

  constructor(parts: MembershipParts, rollouts: RolloutList) {
    this.parts = parts;
    this.rollouts = rollouts;
  }

  /** What the device should run, by its rows in the rollouts of its product. */
  desiredBy(device: Device, memberOf: (rolloutId: string) => Member | null): Desired | null {
    return desiredFor(device, this.rollouts.of(device.product).states, memberOf, this.parts.clock());
  }

  async desired(db: Db, device: Device): Promise<{ desired: Desired; member: Member | null } | null> {
    const rows = await findMembers(db, this.rollouts.of(device.product).ids, device.id);
    const memberOf = (id: string) => rows.find((row) => row.rolloutId === id) ?? null;
    const desired = this.desiredBy(device, memberOf);
    return desired === null ? null : { desired, member: memberOf(desired.rollout.id) };
  }

  /**
   * Remembers that a device was told, before it is told.
   *
   * @returns false when the rollout's limits let nobody new in at this moment: the device is to come again.
   */
  async recordOffer(device: Device, desired: Desired, member: Member | null): Promise<boolean> {
    const { rollout, kind, wave, isHeld } = desired;
    const isRetry = member?.state === "failed";
    if (member?.state === "staged" && !isHeld) {
      await this.recordSwitch(member);
      return true;
    }
    if ((member !== null && !isRetry) || kind === "rollback") return true;
    const offeredAtMs = this.parts.clock();
    const fullForMs = (this.fullUntilMs.get(rollout.id) ?? 0) - offeredAtMs;
    // Longer than it can be: the clock was set back.
    if (fullForMs > 0 && fullForMs <= FULL_MS) return false;
    const isTold = await this.parts.store.write(async (db) => {
      // Counted in the transaction that adds to the count: two devices at once can't both be the last one.
      if (isLimited(rollout) && (await limitReached(db, rollout, offeredAtMs)) !== null) return false;
      await putMember(db, {
        rolloutId: rollout.id,
        deviceId: device.id,
        wave: member?.wave ?? Math.max(0, wave),
        previousSequence: member?.previousSequence ?? device.runningSequence,
        state: "offered",
        code: null,
        attempts: (member?.attempts ?? 0) + 1,
        offeredAtMs,
        settledAtMs: null,
        downloadedBytes: member?.downloadedBytes ?? 0,
        codec: null,
        detail: null,
        retryAtMs: null,
      });
      return true;
    });
    if (!isTold) {
      this.fullUntilMs.set(rollout.id, offeredAtMs + FULL_MS);
      return false;
    }
    this.parts.events.emit({
      type: "rollout",
      atMs: offeredAtMs,
      rolloutId: rollout.id,
      deviceId: device.id,
    });
    return true;
  }

  /** All switch at once: no limit holds a device back that has only to begin. Its time to confirm starts now. */
  private async recordSwitch(member: Member): Promise<void> {
    const offeredAtMs = this.parts.clock();
    const switching = { ...member, state: "offered", code: null, offeredAtMs, settledAtMs: null } as const;
    await this.parts.store.write((db) => putMember(db, switching));
    const { rolloutId, deviceId } = member;
    this.parts.events.emit({ type: "rollout", atMs: offeredAtMs, rolloutId, deviceId });
  }

  /** Within the transaction that stores the report. */
  async recordReport(db: Db, deviceId: string, report: UpdateReport): Promise<void> {
    const rolloutId = report.offerId?.split(":")[0];
    const state = rolloutId === undefined ? undefined : this.rollouts.get(rolloutId);
    if (state === undefined) return;
    const member = await findMember(db, state.id, deviceId);
    if (member === null) return;
    const next = memberAfterReport(member, report, state, this.parts.clock());
    if (next !== member) await putMember(db, next);
  }

  /** A poll says what a device runs: those that were to go back and are back are ticked off. */
  async recordRunning(db: Db, deviceId: string, runningSequence: number): Promise<void> {
    for (const { id, name } of this.rollouts.all()) {
      if (name !== "rolling-back") continue;
      const member = await findMember(db, id, deviceId);
      if (member?.state !== "returning" || member.previousSequence !== runningSequence) continue;
      await putMember(db, { ...member, state: "returned", settledAtMs: this.parts.clock() });
    }
  }
}
