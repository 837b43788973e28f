import { PostgresAdapter, sql } from "kysely";
import type { Db } from "./db.js";

/** Which SQL is below. Only this room asks; all others speak through its functions. */
export function isPostgres(db: Db): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter;
}

/**
 * Lets one transaction at a time work on `subject`, over all servers of a database: what is read afterwards holds until
 * this transaction ends. SQLite has one writer anyway.
 */
export async function serialize(db: Db, subject: string): Promise<void> {
  if (!isPostgres(db)) return;
  await sql`select pg_advisory_xact_lock(hashtextextended(${subject}, 0))`.execute(db);
}
