import { type FieldFigures, probeAccuracy, type TrendPoint } from "@mote/protocol";
import { sql } from "kysely";
import type { Db } from "./db.js";
import type { Tables } from "./tables.js";

/** Figures for people: what devices measured, over a sample or over time. */

const SAMPLE = 200;

interface Sums {
  windows: number;
  inferences: number;
  errors: number;
  latency: number;
  energy: number;
  seen: number;
  correct: number;
  confidence_count: number;
  confidence_sum: number;
}

/** Of some devices that run the release now, since then; null when none of them has sent a window. */
export async function fieldFigures(
  db: Db,
  product: string,
  sequence: number,
  sinceMs: number,
): Promise<FieldFigures | null> {
  const { rows } = await sql<Sums & { devices: number }>`
    with sample as (select id from devices where product = ${product} and running_sequence = ${sequence}
      and revoked_at_ms is null limit ${sql.lit(SAMPLE)})
    select count(distinct t.device_id) as devices, sum(t.windows) as windows, sum(t.inferences) as inferences,
      sum(t.errors) as errors, sum(t.latency_sum_us) as latency, sum(t.energy_sum_uj) as energy,
      sum(t.probes_seen) as seen, sum(t.probes_correct) as correct,
      sum(t.confidence_count) as confidence_count, sum(t.confidence_sum) as confidence_sum
    from sample s join telemetry t on t.device_id = s.id and t.release_sequence = ${sql.lit(sequence)}
      and t.bucket_ms >= ${sql.lit(sinceMs)}`.execute(db);
  const row = rows[0]!;
  if (Number(row.devices) === 0) return null;
  return { devices: Number(row.devices), inferences: Number(row.inferences), ...ratesOf(row) };
}

/** The device's newest stretches of telemetry, oldest first. */
export async function trendOf(db: Db, deviceId: string, limit: number): Promise<TrendPoint[]> {
  const rows = await db
    .selectFrom("telemetry")
    .selectAll()
    .where("device_id", "=", deviceId)
    // What runs in shadow (a negative sequence) does not serve.
    .where("release_sequence", ">=", 0)
    .orderBy("bucket_ms", "desc")
    .orderBy("release_sequence", "desc")
    .limit(limit)
    .execute();
  return rows.reverse().map(trendPoint);
}

function trendPoint(row: Tables["telemetry"]): TrendPoint {
  const { bucket_ms, release_sequence, windows, inferences, abstained } = row;
  return {
    atMs: bucket_ms,
    releaseSequence: release_sequence,
    windows,
    inferences,
    abstainedRate: share(abstained, inferences),
    ...ratesOf({
      ...row,
      latency: row.latency_sum_us,
      energy: row.energy_sum_uj,
      seen: row.probes_seen,
      correct: row.probes_correct,
    }),
  };
}

function ratesOf(sums: Sums) {
  const [inferences, errors] = [Number(sums.inferences), Number(sums.errors)];
  return {
    errorRate: share(errors, inferences + errors),
    meanConfidence: share(sums.confidence_sum, Number(sums.confidence_count)),
    probeAccuracy: probeAccuracy({ probesSeen: Number(sums.seen), probesCorrect: Number(sums.correct) }),
    meanLatencyUs: share(sums.latency, inferences),
    energyUj: share(sums.energy, inferences),
  };
}

function share(part: number, all: number): number | null {
  return all === 0 ? null : Number(part) / all;
}
