import { mergedPreconditions, type Preconditions } from "@mote/protocol";
import { countBusyMembers } from "../store/rollouts.js";
import type { Db } from "../store/store.js";
import type { Desired } from "./desired.js";
import type { RolloutState } from "./state.js";

const HOUR_MS = 3_600_000;

export function isLimited({ plan, breakGlass }: RolloutState): boolean {
  const { installsPerHour, concurrent } = plan.limits ?? {};
  return breakGlass === null && (installsPerHour !== undefined || concurrent !== undefined);
}

/** Why no further device may be told now; null when one may. */
export async function limitReached(db: Db, rollout: RolloutState, nowMs: number): Promise<string | null> {
  const { installsPerHour, concurrent } = rollout.plan.limits ?? {};
  const { toldSince, atIt } = await countBusyMembers(db, rollout.id, nowMs - HOUR_MS);
  if (concurrent !== undefined && atIt >= concurrent)
    return `${atIt} devices are at it, ${concurrent} may be`;
  if (installsPerHour !== undefined && toldSince >= installsPerHour) {
    return `${toldSince} devices were told within the hour, ${installsPerHour} may be`;
  }
  return null;
}

/** What a device must meet before it takes what it is offered. */
export function preconditionsOf({ rollout, kind, wave }: Desired): Preconditions {
  // Going back is for the device's own good, and broken glass waits for nothing.
  if (kind === "rollback" || rollout.breakGlass !== null) return {};
  return mergedPreconditions(rollout.plan.preconditions, rollout.plan.waves[wave]?.preconditions);
}
