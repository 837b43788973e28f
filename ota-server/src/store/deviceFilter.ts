import { type Expression, type SqlBool, sql } from "kysely";
import type { Db } from "./db.js";

/** How a device is: what changes by itself. What is unknown of a device speaks for it. */
export interface DeviceStateFilter {
  /** Running releases; 0 is none. */
  readonly sequences?: readonly number[];
  readonly agentVersions?: readonly string[];
  readonly online?: boolean;
  readonly seenSinceMs?: number;
  readonly lastUpdateFailed?: boolean;
  readonly belowFloor?: boolean;
  readonly maxErrorRate?: number;
}

export interface DeviceFilter {
  readonly product?: string;
  readonly hardware?: readonly string[];
  readonly ids?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
  /** Beginning of the id. */
  readonly prefix?: string;
  readonly includeRevoked?: boolean;
  readonly revoked?: boolean;
  readonly state?: DeviceStateFilter;
  /** A rollout whose members match whatever their state has become since they were told. */
  readonly orMemberOf?: string;
}

/** Devices that match, for this room's own questions. */
export function filtered(db: Db, filter: DeviceFilter) {
  let query = db.selectFrom("devices");
  if (filter.product !== undefined) query = query.where("product", "=", filter.product);
  if (filter.hardware !== undefined) query = query.where("hardware", "in", [...filter.hardware]);
  if (filter.ids !== undefined) query = query.where("id", "in", [...filter.ids]);
  if (filter.includeRevoked !== true) query = query.where("revoked_at_ms", "is", null);
  if (filter.revoked !== undefined) {
    query = query.where("revoked_at_ms", filter.revoked ? "is not" : "is", null);
  }
  // Ids are ASCII: what begins with the prefix lies between it and the prefix followed by the last character.
  if (filter.prefix !== undefined) {
    query = query.where("id", ">=", filter.prefix).where("id", "<", `${filter.prefix}~`);
  }
  for (const [name, value] of Object.entries(filter.tags ?? {})) query = query.where(hasTag(name, value));
  const conditions = conditionsOf(filter.state ?? {});
  if (conditions.length === 0) return query;
  const { orMemberOf } = filter;
  if (orMemberOf === undefined) return query.where((where) => where.and(conditions));
  return query.where((where) => {
    const members = db.selectFrom("rollout_devices").select("device_id").where("rollout_id", "=", orMemberOf);
    return where.or([where.and(conditions), where("id", "in", members)]);
  });
}

/** Tags are a JSON object with sorted keys and no spaces, so one entry is one substring. */
export function hasTag(name: string, value: string): Expression<SqlBool> {
  return contains(`${JSON.stringify(name)}:${JSON.stringify(value)}`);
}

export function hasTagName(name: string): Expression<SqlBool> {
  return contains(`${JSON.stringify(name)}:`);
}

/** "%" and "_" match themselves. */
function contains(entry: string): Expression<SqlBool> {
  return sql<SqlBool>`tags like ${`%${entry.replace(/[\\%_]/g, "\\$&")}%`} escape '\\'`;
}

function conditionsOf(state: DeviceStateFilter): Expression<SqlBool>[] {
  const { sequences, agentVersions, online, seenSinceMs, lastUpdateFailed, belowFloor, maxErrorRate } = state;
  const conditions: Expression<SqlBool>[] = [];
  if (sequences !== undefined) conditions.push(isOneOf("running_sequence", sequences));
  if (agentVersions !== undefined) conditions.push(isOneOf("agent_version", agentVersions));
  if (online !== undefined) conditions.push(sql`online = ${sql.lit(online ? 1 : 0)}`);
  if (seenSinceMs !== undefined) conditions.push(sql`last_seen_ms >= ${sql.lit(Math.ceil(seenSinceMs))}`);
  if (lastUpdateFailed !== undefined)
    conditions.push(sql`update_failed = ${sql.lit(lastUpdateFailed ? 1 : 0)}`);
  if (belowFloor !== undefined) {
    const isBelow = sql<SqlBool>`(running_sequence > 0 and running_sequence < floor)`;
    conditions.push(belowFloor ? isBelow : sql`not ${isBelow}`);
  }
  if (maxErrorRate !== undefined) {
    conditions.push(sql`(error_rate is null or error_rate <= ${sql.lit(maxErrorRate)})`);
  }
  return conditions;
}

function isOneOf(column: "running_sequence" | "agent_version", values: readonly (string | number)[]) {
  if (values.length === 0) return sql<SqlBool>`1 = 0`;
  return sql<SqlBool>`${sql.ref(column)} in (${sql.join(values)})`;
}
