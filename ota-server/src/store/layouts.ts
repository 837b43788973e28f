import { type ParamsLayout, parseParamsLayout } from "@mote/protocol";
import type { Db } from "./store.js";

/** Of the architectures named, as far as a bundle brought one. */
export async function findLayouts(db: Db, architectureHashes: readonly string[]): Promise<ParamsLayout[]> {
  if (architectureHashes.length === 0) return [];
  const rows = await db
    .selectFrom("layouts")
    .select("layout")
    .where("architecture_hash", "in", architectureHashes)
    .execute();
  return rows.map(({ layout }) => parseParamsLayout(layout));
}

/** The last one that came stands. */
export async function putLayout(db: Db, layout: ParamsLayout): Promise<void> {
  const text = JSON.stringify(layout);
  await db
    .insertInto("layouts")
    .values({ architecture_hash: layout.architectureHash, layout: text })
    .onConflict((conflict) => conflict.column("architecture_hash").doUpdateSet({ layout: text }))
    .execute();
}
