import type { Clock } from "../clock.js";
import type { Store } from "../store/store.js";
import { compactTelemetry } from "../store/telemetry.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Weeks begin where 1970 did, on a Thursday. */
const WEEK_MS = 7 * DAY_MS;

/** Older telemetry is kept in wider buckets: sums stay exact, time gets coarser, the store stays bounded. */
export const RETENTION = [
  { olderThanMs: 60 * DAY_MS, bucketMs: WEEK_MS },
  { olderThanMs: 7 * DAY_MS, bucketMs: DAY_MS },
  { olderThanMs: 6 * HOUR_MS, bucketMs: HOUR_MS },
] as const;

/** What is older goes. */
export const KEEP_MS = 2 * 365 * DAY_MS;

/** Start of the bucket that a bucket belongs into at `nowMs`: the widest whose whole span is old enough; null: none. */
export function bucketAt(bucketMs: number, nowMs: number): number | null {
  if (bucketMs < nowMs - KEEP_MS) return null;
  for (const tier of RETENTION) {
    const start = Math.floor(bucketMs / tier.bucketMs) * tier.bucketMs;
    if (start + tier.bucketMs <= nowMs - tier.olderThanMs) return start;
  }
  return bucketMs;
}

/**
 * Goes through the devices once, a few in each transaction, so that nobody waits for it. Idempotent: what was cut off is
 * done by the next turn.
 *
 * @returns how many rows went away.
 */
export async function rollUpTelemetry(store: Store, clock: Clock): Promise<number> {
  const nowMs = clock();
  const beforeMs = nowMs - RETENTION.at(-1)!.olderThanMs;
  let gone = 0;
  for (let after = ""; ; ) {
    const done = await store.write((db) =>
      compactTelemetry(db, after, beforeMs, (bucketMs) => bucketAt(bucketMs, nowMs)),
    );
    gone += done.gone;
    if (done.last === null) return gone;
    after = done.last;
  }
}
