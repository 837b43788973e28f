import { DRAW_MODULUS, drawOf, placeOf, shuffleOf } from "../store/draw.js";

/**
 * A device's place in a rollout: a number of [0, 1) that only the salt and the device's id decide. So membership needs
 * no table, and the draw is the randomization that the gates' tests rest on. The store draws by the same figures
 * (store/draw.ts).
 */
export function cohortOf(salt: string, deviceId: string): number {
  return placeOf(shuffleOf(salt), drawOf(deviceId)) / DRAW_MODULUS;
}
