import type { Random } from "./ports.js";

/**
 * Pause before try number `attempt` (1 for the first repetition): doubles from `firstMs` to `maxMs`, then drawn
 * uniformly from its upper half, so that devices that failed together do not come back together.
 */
export function backoffMs(attempt: number, firstMs: number, maxMs: number, random: Random): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(Math.max(attempt, 1) - 1, 30));
  return full * (0.5 + 0.5 * random());
}

/** An interval, earlier or later by up to `share` of it. */
export function jitteredMs(intervalMs: number, share: number, random: Random): number {
  return intervalMs * (1 + share * (2 * random() - 1));
}
