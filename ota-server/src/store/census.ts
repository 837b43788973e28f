import { type Expression, type SqlBool, sql } from "kysely";
import type { Db } from "./db.js";
import { type DeviceFilter, filtered, hasTag, hasTagName } from "./deviceFilter.js";

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

/** Something that a device may have: a tag, a tag's name, an agent's version. */
export type Trait =
  | { readonly tag: readonly [name: string, value: string] }
  | { readonly tagName: string }
  | { readonly agentVersion: string };

/** Which of these does no device of the product have? One reading of the devices for all of them. */
export async function traitsOfNobody<T extends Trait>(
  db: Db,
  product: string,
  traits: readonly T[],
): Promise<T[]> {
  if (traits.length === 0) return [];
  const row = (await filtered(db, { product })
    .select(traits.map((trait, i) => sql<number>`count(*) filter (where ${hasTrait(trait)})`.as(`t${i}`)))
    .executeTakeFirstOrThrow()) as Record<string, number>;
  return traits.filter((_, i) => Number(row[`t${i}`]) === 0);
}

function hasTrait(trait: Trait): Expression<SqlBool> {
  if ("tag" in trait) return hasTag(...trait.tag);
  if ("tagName" in trait) return hasTagName(trait.tagName);
  return sql<SqlBool>`agent_version = ${trait.agentVersion}`;
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
