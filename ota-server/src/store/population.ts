import { type RawBuilder, sql } from "kysely";
import { listHardware } from "./census.js";
import { type DeviceFilter, filtered } from "./deviceFilter.js";
import { type DeviceRecord, deviceFromRow } from "./devices.js";
import { DRAW_MODULUS, drawsAt, placeSql, type Shuffle } from "./draw.js";
import type { Db } from "./store.js";

/** Who could take a release, and in what order a rollout draws them. */
export interface PopulationQuestion {
  readonly filter: DeviceFilter;
  /** Devices unseen since are no members. */
  readonly seenSinceMs: number;
  /** Classes that the release has a variant for. */
  readonly hardware: readonly string[];
  /** Devices that run it already have nothing to get, and those that run a newer one stay out. */
  readonly sequence: number;
  /** Rollout whose devices count though they run it by now: it brought them there. Null while it has none. */
  readonly takenBy: string | null;
  /** Devices that run an older one stay out: 1 for a release that is compared with another on the same device. */
  readonly leastSequence?: number;
  /** What a device must be able to do; those that have not said yet whether they can are taken for able. */
  readonly ability?: "canShadow" | "canHold";
  readonly shuffle: Shuffle;
}

/** Places are counted in so many buckets; those of which every place is wanted are few. */
export const BUCKETS = 1024;
export const BUCKET_WIDTH = Math.ceil(DRAW_MODULUS / BUCKETS);

export function bucketOf(place: number): number {
  return Math.floor(place / BUCKET_WIDTH);
}

export interface Population {
  /** Devices that the filter matches, whatever else they are. */
  readonly matched: number;
  /** Eligible devices by bucket. */
  readonly buckets: readonly number[];
  /** The places of the eligible devices in each of the buckets that were asked for, in order. */
  readonly places: ReadonlyMap<number, readonly number[]>;
  readonly unseen: number;
  readonly newer: number;
  /** Run the release, and not by the rollout that asks. */
  readonly there: number;
  /** Run less than `leastSequence`. */
  readonly older: number;
  /** Have said that they lack the ability. */
  readonly unable: number;
  /** Eligible, and have not said whether they have it. */
  readonly unsaid: number;
  /** By hardware class that the release has no variant for. */
  readonly unsupported: ReadonlyMap<string, number>;
}

/**
 * One reading of the devices' table, and some thousand numbers back, however large the fleet. Grouped by the draw alone:
 * PostgreSQL knows how many groups that gives (migrations.ts) and shares the reading among its workers.
 *
 * @param listed buckets whose places are told one by one.
 */
export async function countPopulation(
  db: Db,
  question: PopulationQuestion,
  listed: ReadonlySet<number>,
): Promise<Population> {
  const { filter, seenSinceMs, hardware, sequence, leastSequence = 0, shuffle } = question;
  const classes = filter.product === undefined ? [] : await listHardware(db, filter.product);
  const strange = classes.filter((name) => !hardware.includes(name));
  // What is left when the others are counted is of the last one.
  const counting = strange.slice(0, -1);
  // Literals, not parameters: PostgreSQL must see that what is selected is what is grouped by.
  const seen = sql<boolean>`last_seen_ms >= ${sql.lit(seenSinceMs)}`;
  const supported = sql<boolean>`${seen} and ${isIn(hardware)}`;
  const { ability } = question;
  const fit = ability === undefined ? supported : sql<boolean>`${supported} and ${isAble(ability)}`;
  const taking = sql<boolean>`${fit} and ${isToTake(question)}`;
  const counted = (condition: RawBuilder<boolean>) => sql<number>`count(*) filter (where ${condition})`;
  const rows = await filtered(db, filter)
    .select(({ fn }) => [
      groupSql(shuffle, listed).as("group"),
      fn.countAll<number>().as("matched"),
      counted(seen).as("seen"),
      counted(supported).as("supported"),
      // Nobody runs less than nothing.
      ...(leastSequence === 0
        ? []
        : [counted(sql`${fit} and running_sequence < ${sql.lit(leastSequence)}`).as("older")]),
      counted(sql`${fit} and running_sequence > ${sql.lit(sequence)}`).as("newer"),
      counted(taking).as("eligible"),
      ...(ability === undefined
        ? []
        : [counted(fit).as("fit"), counted(sql`${taking} and ${columnOf(ability)} is null`).as("unsaid")]),
      ...counting.map((name, i) => counted(sql`${seen} and hardware = ${sql.lit(name)}`).as(`strange_${i}`)),
    ])
    .groupBy(sql`1`)
    .execute();
  const buckets = new Array<number>(BUCKETS).fill(0);
  const places = new Map<number, number[]>([...listed].map((bucket) => [bucket, []]));
  const unsupported = new Map<string, number>();
  let [matched, unseen, newer, older, there, unable, unsaid] = [0, 0, 0, 0, 0, 0, 0];
  for (const row of rows) {
    const group = Number(row.group);
    const [eligible, here] = [Number(row.eligible), Number(row.older ?? 0)];
    const bucket = group < 0 ? bucketOf(placeOfGroup(group)) : group;
    buckets[bucket]! += eligible;
    for (let i = 0; i < eligible && group < 0; i++) places.get(bucket)!.push(placeOfGroup(group));
    matched += Number(row.matched);
    unseen += Number(row.matched) - Number(row.seen);
    older += here;
    newer += Number(row.newer);
    const able = Number(row.fit ?? row.supported);
    unable += Number(row.supported) - able;
    unsaid += Number(row.unsaid ?? 0);
    there += able - Number(row.newer) - eligible - here;
    let left = Number(row.seen) - Number(row.supported);
    strange.forEach((name, i) => {
      const devices = i < counting.length ? Number((row as Record<string, unknown>)[`strange_${i}`]) : left;
      left -= devices;
      if (devices > 0) unsupported.set(name, (unsupported.get(name) ?? 0) + devices);
    });
  }
  for (const list of places.values()) list.sort((a, b) => a - b);
  return { matched, buckets, places, unseen, newer, older, there, unable, unsaid, unsupported };
}

/** A place that is listed is a group of its own, by a number below zero; the others count in their bucket. */
function groupSql(shuffle: Shuffle, listed: ReadonlySet<number>): RawBuilder<number> {
  const place = placeSql(shuffle);
  const bucket = sql<number>`${place} / ${sql.lit(BUCKET_WIDTH)}`;
  if (listed.size === 0) return bucket;
  if (listed.size === BUCKETS) return sql<number>`-1 - ${place}`;
  const wanted = sql.join([...listed].map((one) => sql.lit(one)));
  return sql<number>`case when ${bucket} in (${wanted}) then -1 - ${place} else ${bucket} end`;
}

function placeOfGroup(group: number): number {
  return -1 - group;
}

function isIn(hardware: readonly string[]): RawBuilder<boolean> {
  if (hardware.length === 0) return sql<boolean>`1 = 0`;
  return sql<boolean>`hardware in (${sql.join(hardware.map((name) => sql.lit(name)))})`;
}

function columnOf(ability: "canShadow" | "canHold"): RawBuilder<number | null> {
  return sql.ref(ability === "canShadow" ? "can_shadow" : "can_hold");
}

function isAble(ability: "canShadow" | "canHold"): RawBuilder<boolean> {
  const column = columnOf(ability);
  return sql<boolean>`(${column} is null or ${column} = 1)`;
}

/** By what a device runs: may the release be news to it, or has the rollout brought it there? */
function isToTake({ sequence, leastSequence = 0, takenBy }: PopulationQuestion): RawBuilder<boolean> {
  const before = sql<boolean>`running_sequence >= ${sql.lit(leastSequence)} and running_sequence < ${sql.lit(sequence)}`;
  if (takenBy === null) return sql<boolean>`(${before})`;
  const member = sql`select 1 from rollout_devices where rollout_id = ${takenBy} and device_id = devices.id`;
  return sql<boolean>`(${before} or (running_sequence = ${sql.lit(sequence)} and exists (${member})))`;
}

function eligible(db: Db, question: PopulationQuestion) {
  const { filter, seenSinceMs, hardware, ability } = question;
  const seen = filtered(db, filter)
    .where("last_seen_ms", ">=", seenSinceMs)
    .where("hardware", "in", [...hardware])
    .where(isToTake(question));
  return ability === undefined ? seen : seen.where(isAble(ability));
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

/**
 * How many devices are eligible, by a sample of the smallest draws: an index finds it, whatever the fleet's size.
 *
 * @returns of so many devices of the sample, what share of all devices it is; 1 where it holds them all.
 */
export async function sampleEligible(
  db: Db,
  question: PopulationQuestion,
  size: number,
): Promise<{ found: number; share: number }> {
  const { product } = question.filter;
  let draws = db.selectFrom("devices").select("draw").orderBy("draw").offset(size).limit(1);
  if (product !== undefined) draws = draws.where("product", "=", product);
  const beyond = (await draws.executeTakeFirst())?.draw ?? DRAW_MODULUS;
  const row = await eligible(db, question)
    .select(({ fn }) => fn.countAll<number>().as("found"))
    .where(sql<boolean>`draw < ${sql.lit(beyond)}`)
    .executeTakeFirstOrThrow();
  return { found: Number(row.found), share: beyond / DRAW_MODULUS };
}

/** The places of the eligible devices of each of these buckets, in order. One reading of the table. */
export async function listPlaces(
  db: Db,
  question: PopulationQuestion,
  buckets: readonly number[],
): Promise<Map<number, number[]>> {
  const listed = new Map<number, number[]>(buckets.map((bucket) => [bucket, []]));
  if (buckets.length === 0) return listed;
  const place = placeSql(question.shuffle);
  const wanted = sql.join(buckets.map((one) => sql.lit(one)));
  const rows = await eligible(db, question)
    .select(place.as("place"))
    .where(sql<boolean>`${place} / ${sql.lit(BUCKET_WIDTH)} in (${wanted})`)
    .execute();
  for (const row of rows) listed.get(bucketOf(row.place))!.push(row.place);
  for (const list of listed.values()) list.sort((a, b) => a - b);
  return listed;
}

/** Places of one question: told to expect few draws (migrations.ts), PostgreSQL would read the whole table for many. */
const PLACES_AT_ONCE = 20;

/** The eligible devices at these places, which ascend, in their order. An index finds them. */
export async function listAtPlaces(
  db: Db,
  question: PopulationQuestion,
  places: readonly number[],
): Promise<{ id: string; place: number; sequence: number }[]> {
  const draws = drawsAt(question.shuffle, [...new Set(places)]);
  const found: { id: string; place: number; sequence: number }[] = [];
  for (let at = 0; at < draws.length; at += PLACES_AT_ONCE) {
    const some = draws.slice(at, at + PLACES_AT_ONCE).map((draw) => sql.lit(draw));
    const rows = await eligible(db, question)
      .select(["id", "running_sequence as sequence", placeSql(question.shuffle).as("place")])
      .where(sql<boolean>`draw in (${sql.join(some)})`)
      .orderBy("place")
      .orderBy("id")
      .execute();
    found.push(...rows);
  }
  return found;
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
