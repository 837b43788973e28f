import { sql } from "kysely";
import type { Db } from "./db.js";
import { type Member, type MemberState, memberFromRow } from "./rollouts.js";

/** What people see of a rollout's devices: counted in the database, or a page of them, however many there are. */

/** Devices of a wave that are alike. */
export interface MemberTally {
  readonly wave: number;
  readonly state: MemberState;
  /** Reason that the device gave; null for devices that don't wait. */
  readonly waitsFor: string | null;
  /** Of failed ones: they will be told again. */
  readonly isRetrying: boolean;
  readonly devices: number;
}

export async function tallyMembers(db: Db, rolloutId: string): Promise<MemberTally[]> {
  const waitsFor = sql<string | null>`case when state = 'offered' and code = 'waiting-preconditions'
    then coalesce(detail, 'unknown') end`;
  const isRetrying = sql<number>`case when state = 'failed' and retry_at_ms is not null then 1 else 0 end`;
  const rows = await db
    .selectFrom("rollout_devices")
    .select(({ fn }) => [
      "wave",
      "state",
      waitsFor.as("waits_for"),
      isRetrying.as("is_retrying"),
      fn.countAll<number>().as("devices"),
    ])
    .where("rollout_id", "=", rolloutId)
    .groupBy(sql`1, 2, 3, 4`)
    .execute();
  return rows.map((row) => ({
    wave: row.wave,
    state: row.state as MemberState,
    waitsFor: row.waits_for,
    isRetrying: row.is_retrying === 1,
    devices: Number(row.devices),
  }));
}

/** In the order of their ids, from `after` on. */
export async function pageMembers(
  db: Db,
  rolloutId: string,
  page: { readonly state?: MemberState; readonly after?: string; readonly limit: number },
): Promise<Member[]> {
  let query = db
    .selectFrom("rollout_devices")
    .selectAll()
    .where("rollout_id", "=", rolloutId)
    .orderBy("device_id")
    .limit(page.limit);
  if (page.state !== undefined) query = query.where("state", "=", page.state);
  if (page.after !== undefined) query = query.where("device_id", ">", page.after);
  return (await query.execute()).map(memberFromRow);
}

/** The device's way through its rollouts, the newest first. */
export async function membersOfDevice(db: Db, deviceId: string, limit: number): Promise<Member[]> {
  const rows = await db
    .selectFrom("rollout_devices")
    .selectAll()
    .where("device_id", "=", deviceId)
    .orderBy("offered_at_ms", "desc")
    .limit(limit)
    .execute();
  return rows.map(memberFromRow);
}
