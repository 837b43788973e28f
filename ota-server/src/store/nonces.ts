import type { Db } from "./store.js";

/** @returns false when some server has taken it before. */
export async function markNonceUsed(db: Db, nonce: string, atMs: number): Promise<boolean> {
  const result = await db
    .insertInto("used_nonces")
    .values({ nonce, used_at_ms: atMs })
    .onConflict((conflict) => conflict.column("nonce").doNothing())
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** Drops those that would be refused for their age anyway. */
export async function dropOldNonces(db: Db, beforeMs: number): Promise<void> {
  await db.deleteFrom("used_nonces").where("used_at_ms", "<", beforeMs).execute();
}
