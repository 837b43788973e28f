import type { ReportedConditions } from "@mote/protocol";
import { touchAllDevices, touchDevice } from "./changes.js";
import { type DeviceFilter, filtered } from "./deviceFilter.js";
import { drawOf } from "./draw.js";
import { parameter, prepared } from "./prepared.js";
import type { Db } from "./store.js";

export interface DeviceRecord {
  readonly id: string;
  readonly product: string;
  readonly hardware: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Hex, 32 bytes. */
  readonly publicKey: string;
  readonly enrolledAtMs: number;
  readonly revokedAtMs: number | null;
  readonly lastSeenMs: number | null;
  readonly online: boolean;
  readonly runningSequence: number;
  readonly artifactSha256: string | null;
  readonly held: readonly string[];
  readonly floor: number;
  readonly codecs: readonly string[];
  readonly agentVersion: string;
  readonly batteryPercent: number | null;
  readonly freeBytes: number | null;
  /** Null from agents that don't tell. */
  readonly conditions: ReportedConditions | null;
  /** It can run a second model beside the one that serves; null until it has said. */
  readonly canShadow: boolean | null;
  /** It can keep a proved release in its spare slot until the switch; null until it has said. */
  readonly canHold: boolean | null;
  readonly frameSequence: number;
  /** The last update that it told the outcome of. */
  readonly lastUpdateFailed: boolean;
  /** Errors per inference over its last hour or so of windows; null before any. */
  readonly errorRate: number | null;
}

/** What a poll tells about a device. */
export type DeviceState = Pick<
  DeviceRecord,
  | "lastSeenMs"
  | "runningSequence"
  | "artifactSha256"
  | "held"
  | "floor"
  | "codecs"
  | "agentVersion"
  | "batteryPercent"
  | "freeBytes"
  | "conditions"
  | "canShadow"
  | "canHold"
>;

type Row = Awaited<ReturnType<typeof selectDevice>>;

function selectDevice(db: Db, id: string) {
  return db.selectFrom("devices").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
}

export function deviceFromRow(row: Row): DeviceRecord {
  return {
    id: row.id,
    product: row.product,
    hardware: row.hardware,
    tags: JSON.parse(row.tags),
    publicKey: row.public_key,
    enrolledAtMs: row.enrolled_at_ms,
    revokedAtMs: row.revoked_at_ms,
    lastSeenMs: row.last_seen_ms,
    online: row.online === 1,
    runningSequence: row.running_sequence,
    artifactSha256: row.artifact_sha256,
    held: JSON.parse(row.held),
    floor: row.floor,
    codecs: JSON.parse(row.codecs),
    agentVersion: row.agent_version,
    batteryPercent: row.battery_percent,
    freeBytes: row.free_bytes,
    conditions: row.conditions === null ? null : JSON.parse(row.conditions),
    canShadow: flagFrom(row.can_shadow),
    canHold: flagFrom(row.can_hold),
    frameSequence: row.frame_sequence,
    lastUpdateFailed: row.update_failed === 1,
    errorRate: row.error_rate,
  };
}

function flagFrom(value: number | null): boolean | null {
  return value === null ? null : value === 1;
}

function flagTo(value: boolean | null): number | null {
  return value === null ? null : Number(value);
}

const deviceById = prepared<Row, [id: string]>((db) =>
  db.selectFrom("devices").selectAll().where("id", "=", parameter<string>()),
);

export async function findDevice(db: Db, id: string): Promise<DeviceRecord | null> {
  const [row] = (await deviceById(db, [id])).rows;
  return row === undefined ? null : deviceFromRow(row);
}

/** In the order of their ids, from `after` on. */
export async function listDevices(
  db: Db,
  filter: DeviceFilter,
  page: { after?: string; limit: number },
): Promise<DeviceRecord[]> {
  let query = filtered(db, filter).selectAll().orderBy("id").limit(page.limit);
  if (page.after !== undefined) query = query.where("id", ">", page.after);
  return (await query.execute()).map(deviceFromRow);
}

export async function countDevices(db: Db, filter: DeviceFilter): Promise<number> {
  const row = await filtered(db, filter)
    .select(({ fn }) => fn.countAll<number>().as("devices"))
    .executeTakeFirstOrThrow();
  return Number(row.devices);
}

export async function countByRelease(
  db: Db,
): Promise<{ product: string; sequence: number; devices: number; online: number }[]> {
  const rows = await db
    .selectFrom("devices")
    .select(({ fn }) => [
      "product",
      "running_sequence",
      fn.countAll<number>().as("devices"),
      fn.sum<number>("online").as("online"),
    ])
    .where("revoked_at_ms", "is", null)
    .groupBy(["product", "running_sequence"])
    .orderBy("product")
    .orderBy("running_sequence")
    .execute();
  return rows.map((row) => ({
    product: row.product,
    sequence: row.running_sequence,
    devices: Number(row.devices),
    online: Number(row.online),
  }));
}

export type NewDevice = Pick<
  DeviceRecord,
  "id" | "product" | "hardware" | "tags" | "publicKey" | "enrolledAtMs"
> &
  /** Left out of a device that will say. */
  Partial<Pick<DeviceRecord, "canShadow" | "canHold">>;

/** A device that enrols anew (a new token, a new key) starts from nothing: its frames count from zero again. */
export async function putDevice(db: Db, device: NewDevice): Promise<void> {
  const fresh = {
    product: device.product,
    hardware: device.hardware,
    tags: canonicalTags(device.tags),
    public_key: device.publicKey,
    enrolled_at_ms: device.enrolledAtMs,
    revoked_at_ms: null,
    // Else a rollout right after enrolment would draw its canary from the few that have polled already.
    last_seen_ms: device.enrolledAtMs,
    online: 0,
    running_sequence: 0,
    artifact_sha256: null,
    held: "[]",
    floor: 0,
    codecs: "[]",
    agent_version: "",
    frame_sequence: -1,
    conditions: null,
    can_shadow: flagTo(device.canShadow ?? null),
    can_hold: flagTo(device.canHold ?? null),
    update_failed: 0,
    error_rate: null,
  };
  await db
    .insertInto("devices")
    .values({ id: device.id, draw: drawOf(device.id), battery_percent: null, free_bytes: null, ...fresh })
    .onConflict((conflict) => conflict.column("id").doUpdateSet(fresh))
    .execute();
  touchDevice(db, device.id);
}

export async function setTags(db: Db, id: string, tags: Readonly<Record<string, string>>): Promise<void> {
  await db
    .updateTable("devices")
    .set({ tags: canonicalTags(tags) })
    .where("id", "=", id)
    .execute();
  touchDevice(db, id);
}

function canonicalTags(tags: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1))));
}

const stateById = prepared<unknown, readonly (string | number | null)[]>((db) =>
  db
    .updateTable("devices")
    .set({
      last_seen_ms: parameter<number | null>(),
      running_sequence: parameter<number>(),
      artifact_sha256: parameter<string | null>(),
      held: parameter<string>(),
      floor: parameter<number>(),
      codecs: parameter<string>(),
      agent_version: parameter<string>(),
      battery_percent: parameter<number | null>(),
      free_bytes: parameter<number | null>(),
      conditions: parameter<string | null>(),
      can_shadow: parameter<number | null>(),
      can_hold: parameter<number | null>(),
    })
    .where("id", "=", parameter<string>()),
);

/** What a poll tells that nothing is decided by at once. */
export type DeviceSighting = Pick<DeviceRecord, "id" | "batteryPercent" | "freeBytes" | "conditions"> & {
  readonly lastSeenMs: number;
};

const sightingById = prepared<unknown, readonly (string | number | null)[]>((db) =>
  db
    .updateTable("devices")
    .set({
      last_seen_ms: parameter<number>(),
      battery_percent: parameter<number | null>(),
      free_bytes: parameter<number | null>(),
      conditions: parameter<string | null>(),
    })
    .where("id", "=", parameter<string>()),
);

/** Touches nothing that is kept in memory: what is told here comes with each poll anew. */
export async function putSighting(db: Db, seen: DeviceSighting): Promise<void> {
  const conditions = seen.conditions === null ? null : JSON.stringify(seen.conditions);
  await sightingById(db, [seen.lastSeenMs, seen.batteryPercent, seen.freeBytes, conditions, seen.id]);
}

export async function updateDeviceState(db: Db, id: string, state: DeviceState): Promise<void> {
  await stateById(db, [
    state.lastSeenMs,
    state.runningSequence,
    state.artifactSha256,
    JSON.stringify(state.held),
    state.floor,
    JSON.stringify(state.codecs),
    state.agentVersion,
    state.batteryPercent,
    state.freeBytes,
    state.conditions === null ? null : JSON.stringify(state.conditions),
    flagTo(state.canShadow),
    flagTo(state.canHold),
    id,
  ]);
  touchDevice(db, id);
}

/** @param serverId of the server that the device is connected to; what another one says of it stays. */
export async function setOnline(
  db: Db,
  id: string,
  online: boolean,
  atMs: number,
  serverId: string | null = null,
): Promise<void> {
  let query = db
    .updateTable("devices")
    .set({ online: online ? 1 : 0, last_seen_ms: atMs, served_by: online ? serverId : null })
    .where("id", "=", id);
  if (!online && serverId !== null) {
    query = query.where((where) =>
      where.or([where("served_by", "=", serverId), where("served_by", "is", null)]),
    );
  }
  await query.execute();
  touchDevice(db, id);
}

/** After a start nobody is connected yet. */
export async function setAllOffline(db: Db): Promise<void> {
  await db.updateTable("devices").set({ online: 0 }).where("online", "=", 1).execute();
  touchAllDevices(db);
}

export async function setRunning(db: Db, id: string, sequence: number, atMs: number): Promise<void> {
  await db
    .updateTable("devices")
    .set({ running_sequence: sequence, last_seen_ms: atMs })
    .where("id", "=", id)
    .execute();
  touchDevice(db, id);
}

const updateFailedById = prepared<unknown, readonly [number, string]>((db) =>
  db.updateTable("devices").set({ update_failed: parameter<number>() }).where("id", "=", parameter<string>()),
);

/** What has become of the update that a device was told of last. */
export async function setLastUpdateFailed(db: Db, id: string, failed: boolean): Promise<void> {
  await updateFailedById(db, [failed ? 1 : 0, id]);
  touchDevice(db, id);
}

export async function revokeDevice(db: Db, id: string, atMs: number): Promise<boolean> {
  const result = await db
    .updateTable("devices")
    .set({ revoked_at_ms: atMs, online: 0 })
    .where("id", "=", id)
    .where("revoked_at_ms", "is", null)
    .executeTakeFirst();
  touchDevice(db, id);
  return result.numUpdatedRows > 0n;
}
