import type { Db } from "./store.js";

/** Signed envelopes for MCUs by file name; one release and hardware class has one. */

export async function findEnvelope(db: Db, file: string): Promise<Uint8Array | null> {
  const row = await db.selectFrom("envelopes").select("body").where("file", "=", file).executeTakeFirst();
  return row === undefined ? null : new Uint8Array(row.body);
}

export async function putEnvelope(db: Db, file: string, body: Uint8Array, atMs: number): Promise<void> {
  const values = { body, stored_at_ms: atMs };
  await db
    .insertInto("envelopes")
    .values({ file, ...values })
    .onConflict((conflict) => conflict.column("file").doUpdateSet(values))
    .execute();
}
