import type { Member } from "../store/rollouts.js";
import { cohortOf } from "./cohort.js";
import { type Matchable, matches } from "./query.js";
import { isRetryDue } from "./retries.js";
import { currentThreshold, type RolloutState, waveOf } from "./state.js";

export type Device = Matchable;

/** What a device should run, and which rollout says so. */
export interface Desired {
  readonly rollout: RolloutState;
  readonly kind: "update" | "rollback";
  readonly sequence: number;
  /** Wave that the device belongs to; -1 where the rollout is over. */
  readonly wave: number;
}

/**
 * Pure. The newest rollout that speaks for a device decides; null when none does, or when the device is to be left as
 * it is.
 *
 * @param rollouts of the device's product, newest first.
 * @param memberOf the device's row in a rollout, if it ever heard of it.
 */
export function desiredFor(
  device: Device,
  rollouts: readonly RolloutState[],
  memberOf: (rolloutId: string) => Member | null,
  nowMs: number,
): Desired | null {
  for (const rollout of rollouts) {
    const answer = ask(rollout, device, memberOf(rollout.id), nowMs);
    if (answer === "silent") continue;
    if (answer === null || answer.sequence === device.runningSequence || answer.sequence === 0) return null;
    return answer;
  }
  return null;
}

function ask(
  rollout: RolloutState,
  device: Device,
  member: Member | null,
  nowMs: number,
): Desired | null | "silent" {
  switch (rollout.name) {
    case "awaiting-approval":
      // A later wave waits; those before it are open.
      return rollout.currentWave === 0 ? "silent" : askOpen(rollout, device, member, nowMs);
    case "running":
    case "paused":
    case "held":
      return askOpen(rollout, device, member, nowMs);
    case "rolling-back":
    case "rolled-back":
      return askReturning(rollout, member);
    case "completed":
      if (!matches(rollout, device, member !== null)) return "silent";
      return update(rollout, device, member, waveOf(rollout, cohortOf(rollout.salt, device.id)), nowMs);
    case "aborted":
      return member?.state === "confirmed" ? null : "silent";
  }
}

function askOpen(
  rollout: RolloutState,
  device: Device,
  member: Member | null,
  nowMs: number,
): Desired | null | "silent" {
  if (!matches(rollout, device, member !== null)) return "silent";
  const cohort = cohortOf(rollout.salt, device.id);
  if (cohort >= currentThreshold(rollout)) return "silent";
  // Paused and held rollouts reach nobody new; a device that is under way finishes.
  const isStopped = rollout.name === "paused" || rollout.name === "held";
  if (isStopped && member?.state !== "offered") return null;
  return update(rollout, device, member, waveOf(rollout, cohort), nowMs);
}

function update(
  rollout: RolloutState,
  device: Device,
  member: Member | null,
  wave: number,
  nowMs: number,
): Desired | null {
  // An update never leads to an older release; only a rollback does.
  if (rollout.sequence < device.runningSequence) return null;
  if (member?.state === "failed" && !isRetryDue(member, nowMs)) return null;
  return { rollout, kind: "update", sequence: rollout.sequence, wave };
}

function askReturning(rollout: RolloutState, member: Member | null): Desired | null | "silent" {
  if (member === null) return "silent";
  if (!inScope(rollout, member.wave)) return null;
  return { rollout, kind: "rollback", sequence: member.previousSequence, wave: member.wave };
}

/** Does a rollback reach the devices of this wave? */
export function inScope(rollout: RolloutState, wave: number): boolean {
  return rollout.rollbackScope === "fleet" || wave >= rollout.currentWave;
}
