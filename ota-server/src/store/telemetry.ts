import { EMPTY_SUMS, mergeSums, type TelemetrySums } from "@mote/protocol";
import type { Db } from "./store.js";
import type { Tables } from "./tables.js";

type Row = Tables["telemetry"];

export interface TelemetryKey {
  readonly deviceId: string;
  readonly releaseSequence: number;
  /** Start of the bucket that the server's arrival time falls into. */
  readonly bucketMs: number;
}

/**
 * Counts a frame once: `frameSequence` must lie above the device's last one.
 *
 * @returns false for a repetition, which changes nothing.
 */
export async function addFrame(
  db: Db,
  key: TelemetryKey,
  enrolledAtMs: number,
  frameSequence: number,
  sums: TelemetrySums,
): Promise<boolean> {
  const isNew = await markFrame(db, key.deviceId, enrolledAtMs, frameSequence);
  if (isNew) await addSums(db, key, sums);
  return isNew;
}

/**
 * Remembers the highest frame that is counted, of the device that enrolled at that time and of no later one.
 *
 * @returns false when that frame or a higher one is counted already.
 */
export async function markFrame(
  db: Db,
  deviceId: string,
  enrolledAtMs: number,
  frameSequence: number,
): Promise<boolean> {
  const marked = await db
    .updateTable("devices")
    .set({ frame_sequence: frameSequence })
    .where("id", "=", deviceId)
    .where("enrolled_at_ms", "=", enrolledAtMs)
    .where("frame_sequence", "<", frameSequence)
    .executeTakeFirst();
  return marked.numUpdatedRows > 0n;
}

/** Adds to what the store holds for a device, release and bucket. */
export async function addSums(db: Db, key: TelemetryKey, sums: TelemetrySums): Promise<void> {
  const held = await db
    .selectFrom("telemetry")
    .selectAll()
    .where("device_id", "=", key.deviceId)
    .where("release_sequence", "=", key.releaseSequence)
    .where("bucket_ms", "=", key.bucketMs)
    .executeTakeFirst();
  const values = toRow(held === undefined ? sums : mergeSums(fromRow(held), sums));
  await db
    .insertInto("telemetry")
    .values({
      device_id: key.deviceId,
      release_sequence: key.releaseSequence,
      bucket_ms: key.bucketMs,
      ...values,
    })
    .onConflict((conflict) =>
      conflict.columns(["device_id", "release_sequence", "bucket_ms"]).doUpdateSet(values),
    )
    .execute();
}

/** Sum over the buckets of `[fromMs, toMs)`. */
export async function sumTelemetry(
  db: Db,
  deviceId: string,
  releaseSequence: number,
  fromMs: number,
  toMs: number,
): Promise<TelemetrySums> {
  const rows = await db
    .selectFrom("telemetry")
    .selectAll()
    .where("device_id", "=", deviceId)
    .where("release_sequence", "=", releaseSequence)
    .where("bucket_ms", ">=", fromMs)
    .where("bucket_ms", "<", toMs)
    .execute();
  return rows.reduce<TelemetrySums>((sum, row) => mergeSums(sum, fromRow(row)), EMPTY_SUMS);
}

/** A device's whole history by release, newest release first. */
export async function telemetryByRelease(
  db: Db,
  deviceId: string,
): Promise<{ releaseSequence: number; sums: TelemetrySums }[]> {
  const rows = await db.selectFrom("telemetry").selectAll().where("device_id", "=", deviceId).execute();
  const sums = new Map<number, TelemetrySums>();
  for (const row of rows) {
    sums.set(row.release_sequence, mergeSums(sums.get(row.release_sequence) ?? EMPTY_SUMS, fromRow(row)));
  }
  return [...sums]
    .sort(([a], [b]) => b - a)
    .map(([releaseSequence, total]) => ({ releaseSequence, sums: total }));
}

export async function countWindows(db: Db): Promise<number> {
  const row = await db
    .selectFrom("telemetry")
    .select(({ fn }) => fn.sum<number>("windows").as("count"))
    .executeTakeFirstOrThrow();
  return Number(row.count ?? 0);
}

/**
 * Merges the buckets of `[fromMs, toMs)` into buckets of `bucketMs`, for one device and release, so that history stays
 * bounded.
 *
 * @returns how many rows went away.
 */
export async function rollUp(db: Db, fromMs: number, toMs: number, bucketMs: number): Promise<number> {
  const rows = await db
    .selectFrom("telemetry")
    .selectAll()
    .where("bucket_ms", ">=", fromMs)
    .where("bucket_ms", "<", toMs)
    .execute();
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const start = Math.floor(row.bucket_ms / bucketMs) * bucketMs;
    const key = `${row.device_id}/${row.release_sequence}/${start}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  let gone = 0;
  for (const group of groups.values()) {
    const { device_id, release_sequence, bucket_ms } = group[0]!;
    const start = Math.floor(bucket_ms / bucketMs) * bucketMs;
    if (group.length === 1 && bucket_ms === start) continue;
    for (const row of group) {
      await db
        .deleteFrom("telemetry")
        .where("device_id", "=", device_id)
        .where("release_sequence", "=", release_sequence)
        .where("bucket_ms", "=", row.bucket_ms)
        .execute();
    }
    const sums = group.reduce<TelemetrySums>((sum, row) => mergeSums(sum, fromRow(row)), EMPTY_SUMS);
    await addSums(db, { deviceId: device_id, releaseSequence: release_sequence, bucketMs: start }, sums);
    gone += group.length - 1;
  }
  return gone;
}

function toRow(sums: TelemetrySums): Omit<Row, "device_id" | "release_sequence" | "bucket_ms"> {
  return {
    windows: sums.windows,
    inferences: sums.inferences,
    errors: sums.errors,
    abstained: sums.abstained,
    latency_sum_us: sums.latencySumUs,
    latency_max_us: sums.latencyMaxUs,
    energy_sum_uj: sums.energySumUj,
    probes_seen: sums.probesSeen,
    probes_correct: sums.probesCorrect,
    confidence: JSON.stringify(sums.confidence),
    outputs: JSON.stringify(sums.outputs),
  };
}

function fromRow(row: Row): TelemetrySums {
  return {
    windows: row.windows,
    inferences: row.inferences,
    errors: row.errors,
    abstained: row.abstained,
    latencySumUs: row.latency_sum_us,
    latencyMaxUs: row.latency_max_us,
    energySumUj: row.energy_sum_uj,
    probesSeen: row.probes_seen,
    probesCorrect: row.probes_correct,
    confidence: JSON.parse(row.confidence),
    outputs: JSON.parse(row.outputs),
  };
}

/** Windows on one release, of each device that a rollout has offered it to. */
export async function windowsByDevice(
  db: Db,
  rolloutId: string,
  releaseSequence: number,
): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom("telemetry")
    .innerJoin("rollout_devices", "rollout_devices.device_id", "telemetry.device_id")
    .select(({ fn }) => ["telemetry.device_id as id", fn.sum<number>("telemetry.windows").as("windows")])
    .where("rollout_devices.rollout_id", "=", rolloutId)
    .where("telemetry.release_sequence", "=", releaseSequence)
    .groupBy("telemetry.device_id")
    .execute();
  return new Map(rows.map((row) => [row.id, Number(row.windows)]));
}
