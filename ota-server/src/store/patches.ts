import type { Db } from "./store.js";

export interface PatchRecord {
  readonly baseSha256: string;
  readonly targetSha256: string;
  readonly codec: string;
  /** Null where making one failed or gave no saving: it is not tried again. */
  readonly sha256: string | null;
  readonly length: number;
}

export async function findPatches(db: Db, baseSha256: string, targetSha256: string): Promise<PatchRecord[]> {
  const rows = await db
    .selectFrom("patches")
    .selectAll()
    .where("base_sha256", "=", baseSha256)
    .where("target_sha256", "=", targetSha256)
    .execute();
  return rows.map((row) => ({
    baseSha256: row.base_sha256,
    targetSha256: row.target_sha256,
    codec: row.codec,
    sha256: row.sha256,
    length: row.length,
  }));
}

export async function putPatch(db: Db, patch: PatchRecord): Promise<void> {
  const values = { sha256: patch.sha256, length: patch.length };
  await db
    .insertInto("patches")
    .values({
      base_sha256: patch.baseSha256,
      target_sha256: patch.targetSha256,
      codec: patch.codec,
      ...values,
    })
    .onConflict((conflict) => conflict.columns(["base_sha256", "target_sha256", "codec"]).doUpdateSet(values))
    .execute();
}
