import { sql } from "kysely";
import type { Db } from "./db.js";

/** What would take a reading of a whole table to count. */
export type CounterName = "windows" | "reports";

/** By transaction: counted while it runs, written once before it commits, gone with it when it is undone. */
const tallies = new WeakMap<Db, Map<CounterName, number>>();

/** @param db the connection of a write. */
export function tally(db: Db, name: CounterName, more: number): void {
  const held = tallies.get(db) ?? new Map<CounterName, number>();
  tallies.set(db, held.set(name, (held.get(name) ?? 0) + more));
}

/** The last statements of a transaction: servers that share a database wait for each other here, and only here. */
export async function writeTallies(db: Db): Promise<void> {
  for (const [name, more] of [...(tallies.get(db) ?? [])].sort()) {
    await db
      .insertInto("counters")
      .values({ name, value: more })
      .onConflict((conflict) =>
        conflict.column("name").doUpdateSet({ value: sql<number>`counters.value + ${more}` }),
      )
      .execute();
  }
}

export async function readCounter(db: Db, name: CounterName): Promise<number> {
  const row = await db.selectFrom("counters").select("value").where("name", "=", name).executeTakeFirst();
  return row?.value ?? 0;
}
