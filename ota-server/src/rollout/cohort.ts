import { createHash } from "node:crypto";

/**
 * A device's place in a rollout: a number of [0, 1) that only the salt and the device's id decide. So membership needs
 * no table, and the draw is the randomization that the gates' tests rest on.
 */
export function cohortOf(salt: string, deviceId: string): number {
  const digest = createHash("sha256").update(`${salt}\n${deviceId}`).digest();
  return digest.readUIntBE(0, 6) / 2 ** 48;
}

/**
 * The threshold below which exactly `count` of the devices lie. Exact counts matter in small fleets, where a share as a
 * bare probability could give a canary of one, or of half the fleet.
 *
 * @param cohorts of all eligible devices, any order.
 */
export function thresholdFor(cohorts: readonly number[], count: number): number {
  if (count >= cohorts.length) return 1;
  if (count <= 0) return 0;
  const sorted = [...cohorts].sort((a, b) => a - b);
  return (sorted[count - 1]! + sorted[count]!) / 2;
}
