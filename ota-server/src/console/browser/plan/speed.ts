import type { RolloutPlan } from "@mote/protocol";
import { numberOf, textOf } from "./whom.js";

/** How fast a rollout goes and how long it is waited for, as the form holds it, and what of the plan that says. Pure. */

export interface Speed {
  readonly perHour: string;
  readonly concurrent: string;
  /** Of the whole rollout. */
  readonly patienceHours: string;
  readonly approvalHours: string;
  /** Empty like the pause: as the server does it. */
  readonly attempts: string;
  readonly pauseMinutes: string;
}

export const AS_IT_COMES: Speed = {
  perHour: "",
  concurrent: "",
  patienceHours: "",
  approvalHours: "",
  attempts: "",
  pauseMinutes: "",
};

type Said = Pick<RolloutPlan, "limits" | "retries" | "approvalExpiresS">;

export function speedSaid(speed: Speed): Said {
  const [installsPerHour, concurrent] = [numberOf(speed.perHour), numberOf(speed.concurrent)];
  const [patience, approval] = [numberOf(speed.patienceHours), numberOf(speed.approvalHours)];
  const [maxAttempts, pause] = [numberOf(speed.attempts), numberOf(speed.pauseMinutes)];
  const limits = {
    ...(installsPerHour === undefined ? {} : { installsPerHour }),
    ...(concurrent === undefined ? {} : { concurrent }),
    ...(patience === undefined ? {} : { deadlineS: 3600 * patience }),
  };
  const isPatient = maxAttempts !== undefined && pause !== undefined;
  return {
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(isPatient ? { retries: { maxAttempts, backoffS: 60 * pause } } : {}),
    ...(approval === undefined ? {} : { approvalExpiresS: 3600 * approval }),
  };
}

export function speedOf({ limits = {}, retries, approvalExpiresS }: Said): Speed {
  return {
    perHour: textOf(limits.installsPerHour),
    concurrent: textOf(limits.concurrent),
    patienceHours: textOf(limits.deadlineS, 3600),
    approvalHours: textOf(approvalExpiresS, 3600),
    attempts: textOf(retries?.maxAttempts),
    pauseMinutes: textOf(retries?.backoffS, 60),
  };
}
