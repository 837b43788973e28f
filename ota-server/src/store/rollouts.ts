import type { RolloutDeviceState } from "@mote/protocol";
import { sql } from "kysely";
import { touchAllDevices, touchDevice, touchRollouts } from "./changes.js";
import { drawOf } from "./draw.js";
import type { Db } from "./store.js";
import type { Tables } from "./tables.js";

/** `state` is the rollout room's own document; the rest is what it is looked up by. */
export interface RolloutRecord {
  readonly id: string;
  readonly product: string;
  readonly sequence: number;
  readonly number: number;
  readonly active: boolean;
  readonly state: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export async function putRollout(db: Db, rollout: RolloutRecord): Promise<void> {
  const values = {
    active: rollout.active ? 1 : 0,
    state: rollout.state,
    updated_at_ms: rollout.updatedAtMs,
  };
  await db
    .insertInto("rollouts")
    .values({
      id: rollout.id,
      product: rollout.product,
      sequence: rollout.sequence,
      number: rollout.number,
      created_at_ms: rollout.createdAtMs,
      ...values,
    })
    .onConflict((conflict) => conflict.column("id").doUpdateSet(values))
    .execute();
  touchRollouts(db);
}

/** Newest first. */
export async function listRollouts(db: Db): Promise<RolloutRecord[]> {
  const rows = await db.selectFrom("rollouts").selectAll().orderBy("number", "desc").execute();
  return rows.map(rolloutFromRow);
}

/** Those under way, and those that were changed since. @param known when each was last changed, by id. */
export async function listChangedRollouts(
  db: Db,
  known: ReadonlyMap<string, number>,
): Promise<RolloutRecord[]> {
  const stamps = await db.selectFrom("rollouts").select(["id", "active", "updated_at_ms"]).execute();
  const changed = stamps.filter((row) => row.active === 1 || known.get(row.id) !== row.updated_at_ms);
  if (changed.length === 0) return [];
  const ids = changed.map((row) => row.id);
  const rows = await db.selectFrom("rollouts").selectAll().where("id", "in", ids).execute();
  return rows.map(rolloutFromRow);
}

function rolloutFromRow(row: Tables["rollouts"]): RolloutRecord {
  return {
    id: row.id,
    product: row.product,
    sequence: row.sequence,
    number: row.number,
    active: row.active === 1,
    state: row.state,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}

export type MemberState = RolloutDeviceState;

/** A device that has heard of a rollout. Membership itself is computed (rollout/membership.ts). */
export interface Member {
  readonly rolloutId: string;
  readonly deviceId: string;
  readonly wave: number;
  /** What it ran before; 0 for nothing. */
  readonly previousSequence: number;
  readonly state: MemberState;
  /** Code of the last report that settled it. */
  readonly code: string | null;
  readonly attempts: number;
  readonly offeredAtMs: number;
  readonly settledAtMs: number | null;
  readonly downloadedBytes: number;
  readonly codec: string | null;
  /** What it waits for, or why it failed. */
  readonly detail: string | null;
  /** When it may be told again after a failure; null when it is not to be. */
  readonly retryAtMs: number | null;
}

export async function findMember(db: Db, rolloutId: string, deviceId: string): Promise<Member | null> {
  const row = await db
    .selectFrom("rollout_devices")
    .selectAll()
    .where("rollout_id", "=", rolloutId)
    .where("device_id", "=", deviceId)
    .executeTakeFirst();
  return row === undefined ? null : memberFromRow(row);
}

/** A device's rows in these rollouts. */
export async function findMembers(
  db: Db,
  rolloutIds: readonly string[],
  deviceId: string,
): Promise<Member[]> {
  if (rolloutIds.length === 0) return [];
  const rows = await db
    .selectFrom("rollout_devices")
    .selectAll()
    .where("rollout_id", "in", [...rolloutIds])
    .where("device_id", "=", deviceId)
    .execute();
  return rows.map(memberFromRow);
}

/** Some of those that are on the release or on their way to it, of the newest waves first, drawn evenly. */
export async function sampleMembers(db: Db, rolloutId: string, limit: number): Promise<Member[]> {
  const rows = await db
    .selectFrom("rollout_devices")
    .selectAll()
    .where("rollout_id", "=", rolloutId)
    .where("state", "in", ["confirmed", "offered"])
    .orderBy("wave", "desc")
    .orderBy("draw")
    .limit(limit)
    .execute();
  return rows.map(memberFromRow);
}

export interface MemberCounts {
  readonly all: number;
  readonly staged: number;
  readonly confirmed: number;
  /** Failed, and not to be tried again. */
  readonly failed: number;
  /** Told, or due to come back, for longer than they may take. */
  readonly late: number;
  readonly returning: number;
  /** Had a release before. */
  readonly updated: number;
}

/** @param lateBeforeMs who was told before and is not done is late. */
export async function summarizeMembers(
  db: Db,
  rolloutId: string,
  lateBeforeMs: number,
): Promise<MemberCounts> {
  const isLate = sql<boolean>`(state = 'offered' and coalesce(code, '') <> 'waiting-preconditions'
      and offered_at_ms < ${lateBeforeMs}) or (state = 'failed' and retry_at_ms < ${lateBeforeMs})`;
  const row = await db
    .selectFrom("rollout_devices")
    .select(({ fn }) => [
      fn.countAll<number>().as("all"),
      fn.countAll<number>().filterWhere("state", "=", "staged").as("staged"),
      fn.countAll<number>().filterWhere("state", "=", "confirmed").as("confirmed"),
      fn
        .countAll<number>()
        .filterWhere("state", "=", "failed")
        .filterWhere("retry_at_ms", "is", null)
        .as("failed"),
      fn.countAll<number>().filterWhere(isLate).as("late"),
      fn.countAll<number>().filterWhere("state", "=", "returning").as("returning"),
      fn.countAll<number>().filterWhere("previous_sequence", "!=", 0).as("updated"),
    ])
    .where("rollout_id", "=", rolloutId)
    .executeTakeFirstOrThrow();
  return row;
}

/** Tells the members of these waves to go back, in one statement: no report can come in between. */
export async function returnMembers(db: Db, rolloutId: string, fromWave: number): Promise<void> {
  await db
    .updateTable("rollout_devices")
    .set({ state: "returning" })
    .where("rollout_id", "=", rolloutId)
    .where("wave", ">=", fromWave)
    .where("previous_sequence", "!=", 0)
    .where("state", "in", ["confirmed", "offered", "staged"])
    .execute();
  touchAllDevices(db);
}

export async function putMember(db: Db, member: Member): Promise<void> {
  const values = {
    state: member.state,
    code: member.code,
    attempts: member.attempts,
    offered_at_ms: member.offeredAtMs,
    settled_at_ms: member.settledAtMs,
    downloaded_bytes: member.downloadedBytes,
    codec: member.codec,
    detail: member.detail,
    retry_at_ms: member.retryAtMs,
  };
  await db
    .insertInto("rollout_devices")
    .values({
      rollout_id: member.rolloutId,
      device_id: member.deviceId,
      wave: member.wave,
      previous_sequence: member.previousSequence,
      draw: drawOf(member.deviceId),
      ...values,
    })
    .onConflict((conflict) => conflict.columns(["rollout_id", "device_id"]).doUpdateSet(values))
    .execute();
  touchDevice(db, member.deviceId);
}

/** Members that were told since `sinceMs`, and members that are at it now (not those that wait for something). */
export async function countBusyMembers(
  db: Db,
  rolloutId: string,
  sinceMs: number,
): Promise<{ toldSince: number; atIt: number }> {
  const row = await db
    .selectFrom("rollout_devices")
    .select(({ fn }) => [
      fn.countAll<number>().filterWhere("offered_at_ms", ">", sinceMs).as("told"),
      fn
        .countAll<number>()
        .filterWhere("state", "=", "offered")
        .filterWhere((where) =>
          where.or([where("code", "is", null), where("code", "!=", "waiting-preconditions")]),
        )
        .as("busy"),
    ])
    .where("rollout_id", "=", rolloutId)
    .executeTakeFirst();
  return { toldSince: Number(row?.told ?? 0), atIt: Number(row?.busy ?? 0) };
}

/** How many members are in each state, by wave. */
export async function countMembers(
  db: Db,
  rolloutId: string,
): Promise<{ wave: number; state: MemberState; devices: number }[]> {
  const rows = await db
    .selectFrom("rollout_devices")
    .select(({ fn }) => ["wave", "state", fn.countAll<number>().as("devices")])
    .where("rollout_id", "=", rolloutId)
    .groupBy(["wave", "state"])
    .execute();
  return rows.map((row) => ({
    wave: row.wave,
    state: row.state as MemberState,
    devices: Number(row.devices),
  }));
}

type Row = Omit<Tables["rollout_devices"], "draw">;

export function memberFromRow(row: Row): Member {
  return {
    rolloutId: row.rollout_id,
    deviceId: row.device_id,
    wave: row.wave,
    previousSequence: row.previous_sequence,
    state: row.state as MemberState,
    code: row.code,
    attempts: row.attempts,
    offeredAtMs: row.offered_at_ms,
    settledAtMs: row.settled_at_ms,
    downloadedBytes: row.downloaded_bytes,
    codec: row.codec,
    detail: row.detail,
    retryAtMs: row.retry_at_ms,
  };
}
