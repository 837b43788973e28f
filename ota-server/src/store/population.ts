import { type RawBuilder, sql } from "kysely";
import { listHardware } from "./census.js";
import { type DeviceFilter, filtered } from "./deviceFilter.js";
import { type DeviceRecord, deviceFromRow } from "./devices.js";
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
  /** Devices that run an older one stay out: 1 for a release that is compared with another on the same device. */
  readonly leastSequence?: number;
  readonly shuffle: Shuffle;
}

/** Places are counted in so many buckets: enough to find any device by rank in two readings of the table. */
const BUCKETS = 1024;
export const BUCKET_WIDTH = Math.ceil(DRAW_MODULUS / BUCKETS);

export interface Population {
  /** Eligible devices by bucket. */
  readonly buckets: readonly number[];
  readonly unseen: number;
  readonly newer: number;
  /** Run less than `leastSequence`. */
  readonly older: number;
  /** By hardware class that the release has no variant for. */
  readonly unsupported: ReadonlyMap<string, number>;
}

/**
 * One reading of the devices' table, and some thousand numbers back, however large the fleet. Grouped by the draw alone:
 * PostgreSQL knows how many groups that gives (migrations.ts) and shares the reading among its workers.
 */
export async function countPopulation(db: Db, question: PopulationQuestion): Promise<Population> {
  const { filter, seenSinceMs, hardware, sequence, leastSequence = 0, shuffle } = question;
  const classes = filter.product === undefined ? [] : await listHardware(db, filter.product);
  const strange = classes.filter((name) => !hardware.includes(name));
  // Literals, not parameters: PostgreSQL must see that what is selected is what is grouped by.
  const seen = sql<boolean>`last_seen_ms >= ${sql.lit(seenSinceMs)}`;
  const supported = sql<boolean>`${seen} and ${isIn(hardware)}`;
  const counted = (condition: RawBuilder<boolean>) => sql<number>`count(*) filter (where ${condition})`;
  const rows = await filtered(db, filter)
    .select(({ fn }) => [
      sql<number>`${placeSql(shuffle)} / ${sql.lit(BUCKET_WIDTH)}`.as("bucket"),
      fn.countAll<number>().as("matched"),
      counted(seen).as("seen"),
      counted(supported).as("supported"),
      counted(sql`${supported} and running_sequence < ${sql.lit(leastSequence)}`).as("older"),
      counted(
        sql`${supported} and running_sequence between ${sql.lit(leastSequence)} and ${sql.lit(sequence)}`,
      ).as("eligible"),
      ...strange.map((name, i) => counted(sql`${seen} and hardware = ${sql.lit(name)}`).as(`strange_${i}`)),
    ])
    .groupBy(sql`1`)
    .execute();
  const buckets = new Array<number>(BUCKETS).fill(0);
  const unsupported = new Map<string, number>();
  let [unseen, newer, older] = [0, 0, 0];
  for (const row of rows) {
    buckets[row.bucket] = Number(row.eligible);
    unseen += Number(row.matched) - Number(row.seen);
    older += Number(row.older);
    newer += Number(row.supported) - Number(row.eligible) - Number(row.older);
    strange.forEach((name, i) => {
      const devices = Number((row as unknown as Record<string, unknown>)[`strange_${i}`]);
      if (devices > 0) unsupported.set(name, (unsupported.get(name) ?? 0) + devices);
    });
  }
  return { buckets, unseen, newer, older, unsupported };
}

function isIn(hardware: readonly string[]): RawBuilder<boolean> {
  if (hardware.length === 0) return sql<boolean>`1 = 0`;
  return sql<boolean>`hardware in (${sql.join(hardware.map((name) => sql.lit(name)))})`;
}

function eligible(
  db: Db,
  { filter, seenSinceMs, hardware, sequence, leastSequence = 0 }: PopulationQuestion,
) {
  return filtered(db, filter)
    .where("last_seen_ms", ">=", seenSinceMs)
    .where("hardware", "in", [...hardware])
    .where("running_sequence", ">=", leastSequence)
    .where("running_sequence", "<=", sequence);
}

/**
 * What eligible devices said of themselves when they last polled.
 *
 * @param share of them, by the draw: a sample that is uniform, found by an index, and the same each time; 1 is all.
 */
export async function listConditions(
  db: Db,
  question: PopulationQuestion,
  share: number,
): Promise<Pick<DeviceRecord, "id" | "batteryPercent" | "freeBytes" | "conditions" | "tags">[]> {
  const devices = eligible(db, question).select([
    "id",
    "battery_percent",
    "free_bytes",
    "conditions",
    "tags",
  ]);
  // A literal: PostgreSQL must see how few that gives.
  const sampled = sql<boolean>`draw < ${sql.lit(Math.ceil(share * DRAW_MODULUS))}`;
  const rows = await (share < 1 ? devices.where(sampled) : devices).execute();
  return rows.map((row) => ({
    id: row.id,
    batteryPercent: row.battery_percent,
    freeBytes: row.free_bytes,
    conditions: row.conditions === null ? null : JSON.parse(row.conditions),
    tags: JSON.parse(row.tags),
  }));
}

/** Releases that the eligible devices run now; 0 for none. */
export async function listRunning(db: Db, question: PopulationQuestion): Promise<number[]> {
  const rows = await eligible(db, question).select("running_sequence").distinct().execute();
  return rows.map((row) => row.running_sequence);
}

/** The eligible devices of these buckets, in the order of their places. */
export async function listPlaces(
  db: Db,
  question: PopulationQuestion,
  buckets: readonly number[],
): Promise<{ id: string; place: number; sequence: number }[]> {
  if (buckets.length === 0) return [];
  const place = placeSql(question.shuffle);
  return eligible(db, question)
    .select(["id", "running_sequence as sequence", place.as("place")])
    .where(
      sql<boolean>`${place} / ${sql.lit(BUCKET_WIDTH)} in (${sql.join(buckets.map((one) => sql.lit(one)))})`,
    )
    .orderBy("place")
    .orderBy("id")
    .execute();
}

/** The first eligible devices in the order of their places: a sample that the shuffle draws. */
export async function listDrawn(
  db: Db,
  question: PopulationQuestion,
  limit: number,
): Promise<DeviceRecord[]> {
  const rows = await eligible(db, question)
    .selectAll()
    .orderBy(placeSql(question.shuffle))
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(deviceFromRow);
}
