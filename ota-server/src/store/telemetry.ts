import { EMPTY_SUMS, mergeSums, type TelemetrySums } from "@mote/protocol";
import { sql } from "kysely";
import { confidenceOf } from "./confidence.js";
import { tally } from "./counters.js";
import { parameter, prepared } from "./prepared.js";
import type { Db } from "./store.js";
import type { Tables } from "./tables.js";

type Row = Tables["telemetry"];

export interface TelemetryKey {
  readonly deviceId: string;
  /** Below zero for a release in the shadow of another (shadowKey). */
  readonly releaseSequence: number;
  /** Start of the bucket that the server's arrival time falls into. */
  readonly bucketMs: number;
}

/** What a release did in the shadow must never be summed with what it did while it served: its key has the other sign. */
export function shadowKey(releaseSequence: number): number {
  return -releaseSequence;
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
  const isNew = await markFrame(db, key.deviceId, enrolledAtMs, frameSequence, healthOf(key, sums));
  if (isNew) await addSums(db, key, sums);
  return isNew;
}

/** What counts for a device's health: not the errors of a release that nobody asked. */
export function healthOf(
  key: TelemetryKey,
  sums: TelemetrySums,
): Pick<TelemetrySums, "windows" | "errors" | "inferences"> {
  return key.releaseSequence < 0 ? { windows: 0, errors: 0, inferences: 0 } : sums;
}

/** Windows over which a device's error rate is averaged: an hour of windows of a minute. */
const RATE_WINDOWS = 60;

/**
 * Remembers the highest frame that is counted, of the device that enrolled at that time and of no later one, and moves
 * the device's error rate by the share that these windows have of the last sixty.
 *
 * @param more what is counted with it.
 * @returns false when that frame or a higher one is counted already.
 */
export async function markFrame(
  db: Db,
  deviceId: string,
  enrolledAtMs: number,
  frameSequence: number,
  { windows, errors, inferences }: Pick<TelemetrySums, "windows" | "errors" | "inferences">,
): Promise<boolean> {
  const rate = inferences === 0 ? null : errors / inferences;
  const weight = 1 - (1 - 1 / RATE_WINDOWS) ** windows;
  const parameters = [frameSequence, weight, rate, rate, deviceId, enrolledAtMs, frameSequence] as const;
  const { numAffectedRows = 0n } = await markById(db, parameters);
  return numAffectedRows > 0n;
}

const markById = prepared<unknown, readonly (number | string | null)[]>((db) =>
  db
    .updateTable("devices")
    .set({
      frame_sequence: parameter<number>(),
      // Without inferences it stays; the first that there is begins it.
      error_rate: sql<number>`coalesce(error_rate + ${parameter()} * (${parameter()} - error_rate), ${parameter()}, error_rate)`,
    })
    .where("id", "=", parameter<string>())
    .where("enrolled_at_ms", "=", parameter<number>())
    .where("frame_sequence", "<", parameter<number>()),
);

/** Which frame of a device was counted last, of the self that enrolled then. */
export interface FrameMark {
  readonly enrolledAtMs: number;
  readonly frameSequence: number;
}

/** Devices that `readFrameMarks` takes. */
export const MARKS_AT_ONCE = 25;

/** By device; those that are not enrolled are missing. @param ids one to MARKS_AT_ONCE. */
export async function readFrameMarks(db: Db, ids: readonly string[]): Promise<Map<string, FrameMark>> {
  // One text for any number of devices: the first stands in for those that are not there.
  const all = Array.from({ length: MARKS_AT_ONCE }, (_, at) => ids[at] ?? ids[0]!);
  const { rows } = await marksById(db, all);
  return new Map(
    rows.map(({ id, enrolled_at_ms: enrolledAtMs, frame_sequence: frameSequence }) => [
      id,
      { enrolledAtMs, frameSequence },
    ]),
  );
}

const marksById = prepared<
  Pick<Tables["devices"], "id" | "enrolled_at_ms" | "frame_sequence">,
  readonly string[]
>((db) =>
  db
    .selectFrom("devices")
    .select(["id", "enrolled_at_ms", "frame_sequence"])
    .where("id", "in", times(MARKS_AT_ONCE, parameter<string>())),
);

/** What a device has sent for one release and bucket. */
export interface KeyedSums {
  readonly key: TelemetryKey;
  readonly sums: TelemetrySums;
}

/** Adds to what the store holds for a device, release and bucket. */
export async function addSums(db: Db, key: TelemetryKey, sums: TelemetrySums): Promise<void> {
  await addBatch(db, [{ key, sums }], ONE);
}

/** Rows of one statement: a statement costs more than a row does. */
const BATCH_ROWS = 25;

/** `addSums` of many; no two of them with the same key. */
export async function addManySums(db: Db, many: readonly KeyedSums[]): Promise<void> {
  let at = 0;
  for (; at + BATCH_ROWS <= many.length; at += BATCH_ROWS) {
    await addBatch(db, many.slice(at, at + BATCH_ROWS), BATCH);
  }
  for (; at < many.length; at++) await addSums(db, many[at]!.key, many[at]!.sums);
}

async function addBatch(db: Db, batch: readonly KeyedSums[], { read, put }: typeof ONE): Promise<void> {
  const { rows } = await read(
    db,
    batch.flatMap(({ key }) => [key.deviceId, key.releaseSequence, key.bucketMs]),
  );
  const held = new Map(rows.map((row) => [placeOf(row.device_id, row.release_sequence, row.bucket_ms), row]));
  const parameters = batch.flatMap(({ key: { deviceId, releaseSequence, bucketMs }, sums }) => {
    tally(db, "windows", sums.windows);
    const row = held.get(placeOf(deviceId, releaseSequence, bucketMs));
    const values = telemetryRow(row === undefined ? sums : mergeSums(fromRow(row), sums));
    return [deviceId, releaseSequence, bucketMs, ...SUM_COLUMNS.map((column) => values[column])];
  });
  await put(db, parameters);
}

const placeOf = (...place: readonly [string, number, number]): string => place.join("/");

const rowsByKey = (count: number) =>
  prepared<Row, readonly (string | number)[]>((db) => {
    // The casts name the columns' types; a list of parameters has none of its own.
    const key = sql`(cast(${parameter()} as text), cast(${parameter()} as bigint), cast(${parameter()} as bigint))`;
    const query = sql<Row>`
      with wanted(device_id, release_sequence, bucket_ms) as (values ${sql.join(times(count, key))})
      select t.* from wanted w join telemetry t on t.device_id = w.device_id
        and t.release_sequence = w.release_sequence and t.bucket_ms = w.bucket_ms`;
    return { compile: () => query.compile(db) };
  });

type SumColumn = keyof ReturnType<typeof telemetryRow>;

/** In the order in which `putRow` takes them. */
const SUM_COLUMNS = Object.keys(telemetryRow(EMPTY_SUMS)) as SumColumn[];

const putRows = (count: number) =>
  prepared<unknown, readonly unknown[]>((db) => {
    const each = <T>(value: (column: SumColumn) => T) =>
      Object.fromEntries(SUM_COLUMNS.map((column) => [column, value(column)])) as Record<SumColumn, T>;
    const row = {
      device_id: parameter<never>(),
      release_sequence: parameter<never>(),
      bucket_ms: parameter<never>(),
      ...each(() => parameter<never>()),
    };
    return db
      .insertInto("telemetry")
      .values(times(count, row))
      .onConflict((conflict) =>
        conflict
          .columns(["device_id", "release_sequence", "bucket_ms"])
          .doUpdateSet(each((column) => sql.ref<never>(`excluded.${column}`))),
      );
  });

const ONE = { read: rowsByKey(1), put: putRows(1) };
const BATCH = { read: rowsByKey(BATCH_ROWS), put: putRows(BATCH_ROWS) };

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

/** Devices whose history is rewritten in one transaction. */
const COMPACT_DEVICES = 20;
/** Rows of one statement; SQLite takes 32,766 parameters. */
const COMPACT_ROWS = 500;

/**
 * Merges the buckets of some devices into wider ones, so that history stays bounded; no sum changes.
 *
 * @param after id of the device that was done last, "" at the beginning.
 * @param beforeMs younger buckets stay as they are.
 * @param bucketOf start of the bucket that a bucket belongs into; null where it is to go.
 * @returns how many rows went away, and the last device; null when there is none left.
 */
export async function compactTelemetry(
  db: Db,
  after: string,
  beforeMs: number,
  bucketOf: (bucketMs: number) => number | null,
): Promise<{ gone: number; last: string | null }> {
  const ids = await db
    .selectFrom("telemetry")
    .select("device_id")
    .distinct()
    .where("device_id", ">", after)
    .orderBy("device_id")
    .limit(COMPACT_DEVICES)
    .execute();
  const last = ids.at(-1)?.device_id ?? null;
  if (last === null) return { gone: 0, last };
  const rows = await db
    .selectFrom("telemetry")
    .selectAll()
    .where("device_id", ">", after)
    .where("device_id", "<=", last)
    .where("bucket_ms", "<", beforeMs)
    .execute();
  const groups = new Map<string, { readonly start: number | null; readonly rows: Row[] }>();
  for (const row of rows) {
    const start = bucketOf(row.bucket_ms);
    const key = `${row.device_id}/${row.release_sequence}/${start}`;
    const group = groups.get(key) ?? { start, rows: [] };
    group.rows.push(row);
    groups.set(key, group);
  }
  const changed = [...groups.values()].filter(
    (group) => group.rows.length > 1 || group.rows[0]!.bucket_ms !== group.start,
  );
  const old = changed.flatMap((group) => group.rows);
  const merged = changed.flatMap(({ start, rows: parts }) =>
    start === null ? [] : [mergeRows(start, parts)],
  );
  for (let i = 0; i < old.length; i += COMPACT_ROWS) await deleteRows(db, old.slice(i, i + COMPACT_ROWS));
  for (let i = 0; i < merged.length; i += COMPACT_ROWS) {
    await db
      .insertInto("telemetry")
      .values(merged.slice(i, i + COMPACT_ROWS))
      .execute();
  }
  return { gone: old.length - merged.length, last };
}

function mergeRows(start: number, rows: readonly Row[]): Row {
  const { device_id, release_sequence } = rows[0]!;
  const sums = rows.reduce<TelemetrySums>((sum, row) => mergeSums(sum, fromRow(row)), EMPTY_SUMS);
  return { device_id, release_sequence, bucket_ms: start, ...telemetryRow(sums) };
}

async function deleteRows(db: Db, rows: readonly Row[]): Promise<void> {
  const keys = rows.map(
    ({ device_id, release_sequence, bucket_ms }) =>
      sql`(${device_id}, ${sql.lit(release_sequence)}, ${sql.lit(bucket_ms)})`,
  );
  await sql`delete from telemetry
    where (device_id, release_sequence, bucket_ms) in (values ${sql.join(keys)})`.execute(db);
}

/** The columns of these sums. */
export function telemetryRow(sums: TelemetrySums): Omit<Row, "device_id" | "release_sequence" | "bucket_ms"> {
  const confidence = confidenceOf(sums.confidence);
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
    compared: sums.compared,
    agreed: sums.agreed,
    confidence: JSON.stringify(sums.confidence),
    confidence_count: confidence.count,
    confidence_sum: confidence.sum,
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
    compared: row.compared,
    agreed: row.agreed,
    confidence: JSON.parse(row.confidence),
    outputs: JSON.parse(row.outputs),
  };
}

/** What gates compare, of a device's windows over a time. */
export interface DeviceSums {
  readonly windows: number;
  readonly inferences: number;
  readonly errors: number;
  readonly latencySumUs: number;
  readonly probesSeen: number;
  readonly probesCorrect: number;
  readonly compared: number;
  readonly agreed: number;
  readonly confidenceCount: number;
  readonly confidenceSum: number;
}

export interface SumsWanted {
  readonly deviceId: string;
  readonly releaseSequence: number;
  /** Buckets of `[fromMs, toMs)`. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Devices of one question. An embedded store answers in the caller's own turn: others have theirs in between. */
const SUM_DEVICES = 50;

/** Sums for many devices, by device. Devices without a window are missing. */
export async function sumByDevice(db: Db, wanted: readonly SumsWanted[]): Promise<Map<string, DeviceSums>> {
  const sums = new Map<string, DeviceSums>();
  for (let at = 0; at < wanted.length; at += SUM_DEVICES) {
    if (at > 0) await new Promise((resolve) => setImmediate(resolve));
    const rows = await sumsOf(db, wanted.slice(at, at + SUM_DEVICES));
    for (const row of rows) sums.set(row.deviceId, row);
  }
  return sums;
}

async function sumsOf(db: Db, wanted: readonly SumsWanted[]): Promise<(DeviceSums & { deviceId: string })[]> {
  const values = wanted.map(
    ({ deviceId, releaseSequence, fromMs, toMs }) =>
      // The casts name the columns' types; a list of parameters has none of its own.
      sql`(cast(${deviceId} as text), cast(${releaseSequence} as bigint), cast(${fromMs} as bigint), cast(${toMs} as bigint))`,
  );
  const { rows } = await sql<DeviceSums & { deviceId: string }>`
    with wanted(device_id, release_sequence, from_ms, to_ms) as (values ${sql.join(values)})
    select t.device_id as "deviceId", sum(t.windows) as windows, sum(t.inferences) as inferences,
      sum(t.errors) as errors, sum(t.latency_sum_us) as "latencySumUs", sum(t.probes_seen) as "probesSeen",
      sum(t.probes_correct) as "probesCorrect", sum(t.compared) as compared, sum(t.agreed) as agreed,
      sum(t.confidence_count) as "confidenceCount",
      sum(t.confidence_sum) as "confidenceSum"
    from wanted w join telemetry t on t.device_id = w.device_id and t.release_sequence = w.release_sequence
      and t.bucket_ms >= w.from_ms and t.bucket_ms < w.to_ms
    group by t.device_id`.execute(db);
  return rows;
}

function times<T>(count: number, one: T): T[] {
  return Array.from({ length: count }, () => one);
}
