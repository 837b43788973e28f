import type { Member } from "../store/rollouts.js";
import { mayBeAble } from "./ability.js";
import { isBlueGreenPlan, isSwitched } from "./blueGreen.js";
import { cohortOf } from "./cohort.js";
import { type Matchable, matches } from "./query.js";
import { isRetryDue } from "./retries.js";
import { isShadowPlan } from "./shadow.js";
import { currentThreshold, type RolloutState, waveOf } from "./state.js";

export type Device = Matchable;

/** What a device should run, and which rollout says so. */
export interface Desired {
  readonly rollout: RolloutState;
  readonly kind: "update" | "rollback" | "shadow";
  readonly sequence: number;
  /** Wave that the device belongs to; -1 where the rollout is over. */
  readonly wave: number;
  /** It is to keep the release in its spare slot until the switch. */
  readonly isHeld: boolean;
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
      // The shadow has said what it had to say; the release stays in the spare slot until somebody promotes it.
      if (isShadowPlan(rollout.plan)) return "silent";
      return askOpen(rollout, device, member, nowMs);
    case "aborted":
      if (isShadowPlan(rollout.plan)) return "silent";
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
  // It is no member, not even after the switch; an earlier rollout may still speak for it.
  if (!mayBeAble(rollout.plan, device)) return "silent";
  const isShadow = isShadowPlan(rollout.plan);
  // Nothing serves that it could be the shadow of.
  if (isShadow && device.runningSequence === 0) return "silent";
  const cohort = cohortOf(rollout.salt, device.id);
  if (cohort >= currentThreshold(rollout)) return "silent";
  // Paused and held rollouts reach nobody new; a device that is under way finishes.
  const isStopped = rollout.name === "paused" || rollout.name === "held";
  // A shadow that is there stays while people think, and so does what is staged: it is what they think about.
  const isUnderWay =
    member?.state === "offered" || member?.state === "staged" || (isShadow && member?.state === "confirmed");
  if (isStopped && !isUnderWay) return isShadow ? "silent" : null;
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
  const kind = isShadowPlan(rollout.plan) ? "shadow" : "update";
  return { rollout, kind, sequence: rollout.sequence, wave, isHeld: isHeld(rollout, member) };
}

function isHeld(rollout: RolloutState, member: Member | null): boolean {
  if (!isBlueGreenPlan(rollout.plan)) return false;
  // Who has not switched yet when people stop to think does not switch meanwhile.
  const isStopped = rollout.name === "paused" || rollout.name === "held";
  return !isSwitched(rollout) || (isStopped && member?.state === "staged");
}

function askReturning(rollout: RolloutState, member: Member | null): Desired | null | "silent" {
  // A shadow ends by being offered no longer: its device has run what it ran all the time.
  if (member === null || isShadowPlan(rollout.plan)) return "silent";
  if (!inScope(rollout, member.wave)) return null;
  return {
    rollout,
    kind: "rollback",
    sequence: member.previousSequence,
    wave: member.wave,
    isHeld: false,
  };
}

/** Does a rollback reach the devices of this wave? */
export function inScope(rollout: RolloutState, wave: number): boolean {
  return rollout.rollbackScope === "fleet" || wave >= rollout.currentWave;
}
