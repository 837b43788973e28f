import type { Clock } from "../clock.js";
import type { Store } from "../store/store.js";
import { rollUp } from "../store/telemetry.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Older telemetry is kept in wider buckets: sums stay exact, time gets coarser, the store stays bounded. */
export const RETENTION = [
  { olderThanMs: 2 * DAY_MS, bucketMs: HOUR_MS },
  { olderThanMs: 60 * DAY_MS, bucketMs: DAY_MS },
] as const;

/** Rows are read into memory, so one turn takes one slice of time. */
const SLICE_MS = DAY_MS;
const LOOK_BACK_SLICES = 8;

/** Rolls up the slices that have just grown old. Idempotent; a slice that was missed is done by a later turn. */
export async function rollUpTelemetry(store: Store, clock: Clock): Promise<number> {
  let gone = 0;
  for (const { olderThanMs, bucketMs } of RETENTION) {
    const end = Math.floor((clock() - olderThanMs) / SLICE_MS) * SLICE_MS;
    for (let slice = 1; slice <= LOOK_BACK_SLICES; slice++) {
      const from = end - slice * SLICE_MS;
      gone += await store.write((db) => rollUp(db, from, from + SLICE_MS, bucketMs));
    }
  }
  return gone;
}
