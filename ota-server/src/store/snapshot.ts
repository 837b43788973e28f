import { existsSync } from "node:fs";
import { join } from "node:path";
import { Kysely } from "kysely";
import { BackupPlaceError, StoreError } from "../errors.js";
import { lockDataFolder } from "./dataLock.js";
import { isEmpty } from "./dump.js";
import { migrate, POSTGRES_TYPES, SQLITE_TYPES } from "./migrations.js";
import { openPostgres } from "./postgres.js";
import { openSqlite, openSqliteReader } from "./sqlite.js";
import type { Db, StoreSource } from "./store.js";
import type { Tables } from "./tables.js";

/**
 * Reads a store as it is at one moment, while a server goes on writing to it.
 *
 * @throws StoreError when it can't be opened, BackupPlaceError when there is none.
 */
export async function readSnapshot<T>(source: StoreSource, read: (db: Db) => Promise<T>): Promise<T> {
  if ("url" in source) {
    const { dialect } = await openPostgres(source.url);
    const db = new Kysely<Tables>({ dialect });
    try {
      const transaction = db.transaction().setIsolationLevel("repeatable read").setAccessMode("read only");
      return await transaction.execute(read);
    } finally {
      await db.destroy();
    }
  }
  const { db, close } = await openReader(source.folder);
  try {
    // In WAL mode a read transaction sees one moment, whatever is committed beside it.
    return await db.transaction().execute(read);
  } catch (cause) {
    if (!(cause instanceof Error && /locked|busy/i.test(cause.message))) throw cause;
    throw new StoreError({
      expected: "a store that can be read beside its server",
      got: "one that its server keeps to itself (SQLite in WebAssembly does)",
      todo: "Stop the server for the time of the backup, or install better-sqlite3.",
      cause,
    });
  } finally {
    await close();
  }
}

async function openReader(folder: string): Promise<{ db: Db; close: () => Promise<void> }> {
  const file = join(folder, "mote.sqlite");
  if (!existsSync(file)) {
    throw new BackupPlaceError({
      expected: `a server's data folder: ${folder}`,
      got: "no mote.sqlite in it",
      todo: "Name the folder that the server was started with; with PostgreSQL give --database too.",
    });
  }
  const native = await openSqliteReader(file);
  if (native !== null) {
    const db = new Kysely<Tables>({ dialect: native });
    return { db, close: () => db.destroy() };
  }
  const release = lockDataFolder(folder);
  const { dialect } = await openSqlite(file, "node-sqlite3-wasm");
  const db = new Kysely<Tables>({ dialect });
  return {
    db,
    async close() {
      await db.destroy();
      release();
    },
  };
}

/**
 * Fills an empty store with rows of `step`, the migration that they were read at, and brings it up to this version.
 * PostgreSQL gets all rows in one transaction; a folder is the caller's to throw away when this fails.
 *
 * @throws BackupPlaceError when something is there already.
 */
export async function fillStore(
  source: StoreSource,
  step: string,
  load: (db: Db) => Promise<void>,
): Promise<void> {
  const types = "url" in source ? POSTGRES_TYPES : SQLITE_TYPES;
  const { dialect } =
    "url" in source ? await openPostgres(source.url) : await openSqlite(join(source.folder, "mote.sqlite"));
  const db: Db = new Kysely<Tables>({ dialect });
  try {
    if (!(await isEmpty(db))) {
      throw new BackupPlaceError({
        expected: "an empty database to restore to",
        got: "one that holds a fleet already",
        todo: "Make a new one (`createdb`), and start the server on that.",
      });
    }
    await migrate(db, types, step);
    await db.transaction().execute(load);
    await migrate(db, types);
  } finally {
    await db.destroy();
  }
}
