import { sql } from "kysely";
import type { Db } from "./db.js";
import { type DeviceFilter, filtered, hasTagName } from "./deviceFilter.js";

/** Hardware classes of a product's devices: read off the index, one step for each class, however many devices. */
export async function listHardware(db: Db, product: string): Promise<string[]> {
  const { rows } = await sql<{ hardware: string }>`
    with recursive classes(hardware) as (
      select (select min(hardware) from devices where product = ${product})
      union all
      select (select min(d.hardware) from devices d where d.product = ${product} and d.hardware > c.hardware)
      from classes c where c.hardware is not null)
    select hardware from classes where hardware is not null`.execute(db);
  return rows.map((row) => row.hardware);
}

/** Is there a device that matches? As quick as the first is found. */
export async function hasDevice(db: Db, filter: DeviceFilter): Promise<boolean> {
  return (await filtered(db, filter).select("id").limit(1).executeTakeFirst()) !== undefined;
}

/** Does any device of the product have a tag of this name? */
export async function hasTagNamed(db: Db, product: string, name: string): Promise<boolean> {
  const query = filtered(db, { product }).select("id").where(hasTagName(name)).limit(1);
  return (await query.executeTakeFirst()) !== undefined;
}

/** What some devices of the product are like, so that a person can be shown what there is. */
export async function sampleDevices(
  db: Db,
  product: string,
  limit: number,
): Promise<{ tags: Readonly<Record<string, string>>; agentVersion: string }[]> {
  const rows = await filtered(db, { product }).select(["tags", "agent_version"]).limit(limit).execute();
  return rows.map((row) => ({ tags: JSON.parse(row.tags), agentVersion: row.agent_version }));
}

/** Those of the ids that are enrolled devices of the product. */
export async function knownIds(db: Db, product: string, ids: readonly string[]): Promise<Set<string>> {
  const rows = await filtered(db, { product, ids }).select("id").execute();
  return new Set(rows.map((row) => row.id));
}
