import { type RawBuilder, sql } from "kysely";
import { type DeviceFilter, type DeviceRecord, filtered } from "./devices.js";
import { DRAW_MODULUS, placeSql, type Shuffle } from "./draw.js";
import type { Db } from "./store.js";

/** Who could take a release, and in what order a rollout draws them. */
export interface PopulationQuestion {
  readonly filter: DeviceFilter;
  /** Devices unseen since are no members. */
  readonly seenSinceMs: number;
  /** Classes that the release has a variant for. */
  readonly hardware: readonly string[];
  /** Devices that run a newer one stay out. */
  readonly sequence: number;
  readonly shuffle: Shuffle;
}

/** Places are counted in so many buckets: enough to find any device by rank in two readings of the table. */
export const BUCKETS = 4096;
const BUCKET_WIDTH = Math.ceil(DRAW_MODULUS / BUCKETS);

export interface Population {
  /** Eligible devices by bucket. */
  readonly buckets: readonly number[];
  readonly unseen: number;
  readonly newer: number;
  /** By hardware class that the release has no variant for. */
  readonly unsupported: ReadonlyMap<string, number>;
}

/** One reading of the devices' table, and some thousand numbers back, however large the fleet. */
export async function countPopulation(db: Db, question: PopulationQuestion): Promise<Population> {
  const { seenSinceMs, hardware, sequence, shuffle } = question;
  // Literals, not parameters: PostgreSQL must see that what is selected is what is grouped by.
  const why = sql<number>`case
    when last_seen_ms is null or last_seen_ms < ${sql.lit(seenSinceMs)} then 1
    when ${not(hardware)} then 2
    when running_sequence > ${sql.lit(sequence)} then 3 else 0 end`;
  const bucket = placeSql(shuffle);
  const rows = await filtered(db, question.filter)
    .select(({ fn }) => [
      why.as("why"),
      sql<string>`case when ${not(hardware)} then hardware else '' end`.as("class"),
      sql<number>`case when ${why} = 0 then ${bucket} / ${sql.lit(BUCKET_WIDTH)} else -1 end`.as("bucket"),
      fn.countAll<number>().as("devices"),
    ])
    .groupBy(sql`1, 2, 3`)
    .execute();
  const buckets = new Array<number>(BUCKETS).fill(0);
  const unsupported = new Map<string, number>();
  const excluded = [0, 0, 0, 0];
  for (const row of rows) {
    const devices = Number(row.devices);
    if (row.why === 0) buckets[row.bucket]! += devices;
    else excluded[row.why]! += devices;
    if (row.why === 2) unsupported.set(row.class, (unsupported.get(row.class) ?? 0) + devices);
  }
  return { buckets, unseen: excluded[1]!, newer: excluded[3]!, unsupported };
}

function not(hardware: readonly string[]): RawBuilder<boolean> {
  if (hardware.length === 0) return sql<boolean>`true`;
  return sql<boolean>`hardware not in (${sql.join(hardware.map((name) => sql.lit(name)))})`;
}

function eligible(db: Db, { filter, seenSinceMs, hardware, sequence }: PopulationQuestion) {
  return filtered(db, filter)
    .where("last_seen_ms", ">=", seenSinceMs)
    .where("hardware", "in", [...hardware])
    .where("running_sequence", "<=", sequence);
}

/** What the eligible devices said of themselves when they last polled. */
export async function listConditions(
  db: Db,
  question: PopulationQuestion,
): Promise<Pick<DeviceRecord, "id" | "batteryPercent" | "freeBytes" | "conditions" | "tags">[]> {
  const rows = await eligible(db, question)
    .select(["id", "battery_percent", "free_bytes", "conditions", "tags"])
    .execute();
  return rows.map((row) => ({
    id: row.id,
    batteryPercent: row.battery_percent,
    freeBytes: row.free_bytes,
    conditions: row.conditions === null ? null : JSON.parse(row.conditions),
    tags: JSON.parse(row.tags),
  }));
}

/** The eligible devices of these buckets, in the order of their places. */
export async function listPlaces(
  db: Db,
  question: PopulationQuestion,
  buckets: readonly number[],
): Promise<{ id: string; place: number }[]> {
  if (buckets.length === 0) return [];
  const place = placeSql(question.shuffle);
  return eligible(db, question)
    .select(["id", place.as("place")])
    .where(
      sql<boolean>`${place} / ${sql.lit(BUCKET_WIDTH)} in (${sql.join(buckets.map((one) => sql.lit(one)))})`,
    )
    .orderBy("place")
    .orderBy("id")
    .execute();
}

/** Devices beyond a wave that could serve as its control, the nearest to it first. */
export async function listControls(
  db: Db,
  question: Pick<PopulationQuestion, "filter" | "shuffle">,
  beyond: { readonly place: number; readonly notRunning: number; readonly limit: number },
): Promise<{ id: string; sequence: number }[]> {
  const place = placeSql(question.shuffle);
  const rows = await filtered(db, question.filter)
    .select(["id", "running_sequence", place.as("place")])
    .where("running_sequence", "!=", beyond.notRunning)
    .where(place, ">=", Math.ceil(beyond.place))
    .orderBy("place")
    .limit(beyond.limit)
    .execute();
  return rows.map((row) => ({ id: row.id, sequence: row.running_sequence }));
}
