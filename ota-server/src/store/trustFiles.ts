import type { Db } from "./store.js";

export interface TrustFile {
  readonly file: string;
  readonly role: string;
  readonly version: number;
  readonly body: Uint8Array;
}

export async function findTrustFile(db: Db, file: string): Promise<Uint8Array | null> {
  const row = await db.selectFrom("trust_files").select("body").where("file", "=", file).executeTakeFirst();
  return row === undefined ? null : new Uint8Array(row.body);
}

/** Newest version of a role; null when there is none. */
export async function findNewest(db: Db, role: string): Promise<TrustFile | null> {
  const row = await db
    .selectFrom("trust_files")
    .select(["file", "role", "version", "body"])
    .where("role", "=", role)
    .orderBy("version", "desc")
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? null : { ...row, body: new Uint8Array(row.body) };
}

/** What is newest by role; a timestamp keeps its name, and its version tells. */
export async function listNewestVersions(db: Db): Promise<{ role: string; version: number }[]> {
  const rows = await db
    .selectFrom("trust_files")
    .select(({ fn }) => ["role", fn.max("version").as("version")])
    .groupBy("role")
    .orderBy("role")
    .execute();
  return rows.map(({ role, version }) => ({ role, version: Number(version) }));
}

export async function listTrustRoles(db: Db): Promise<string[]> {
  const rows = await db.selectFrom("trust_files").select("role").distinct().orderBy("role").execute();
  return rows.map((row) => row.role);
}

export async function putTrustFiles(db: Db, files: readonly TrustFile[], atMs: number): Promise<void> {
  for (const { file, role, version, body } of files) {
    const values = { role, version, body, stored_at_ms: atMs };
    await db
      .insertInto("trust_files")
      .values({ file, ...values })
      .onConflict((conflict) => conflict.column("file").doUpdateSet(values))
      .execute();
  }
}
