import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { lockDataFolder } from "./dataLock.js";
import { GroupCommit } from "./groupCommit.js";
import { migrate, type Types } from "./migrations.js";
import { type OpenedSqlite, openSqlite } from "./sqlite.js";
import type { Tables } from "./tables.js";

/** A connection, inside or outside of a transaction. Other rooms only pass it on to this room's functions. */
export type Db = Kysely<Tables>;

const SQLITE_TYPES: Types = { integer: "integer", bytes: "blob", real: "real" };

/**
 * Where everything lives that must survive. Reads see what is committed; a write's promise settles when its transaction
 * is on the disk, and writes that arrive together share one transaction and one fsync.
 */
export class Store {
  readonly driver: string;
  readonly notes: readonly string[];
  private readonly db: Db;
  private readonly commits: GroupCommit;
  private readonly release: () => void;

  private constructor(db: Db, driver: string, notes: readonly string[], release: () => void) {
    this.db = db;
    this.driver = driver;
    this.notes = notes;
    this.release = release;
    this.commits = new GroupCommit(db);
  }

  /** Opens (or makes) the embedded store in `folder`. Throws StoreError when another server holds it. */
  static async openEmbedded(folder: string, prefer?: OpenedSqlite["driver"]): Promise<Store> {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const release = lockDataFolder(folder);
    try {
      const { driver, dialect, notes } = await openSqlite(join(folder, "mote.sqlite"), prefer);
      const db = new Kysely<Tables>({ dialect });
      await migrate(db, SQLITE_TYPES);
      return new Store(db, driver, notes, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  read<T>(query: (db: Db) => Promise<T>): Promise<T> {
    return query(this.db);
  }

  /**
   * `change` may run more than once (its first run is undone when another write of the same group fails), so it must
   * touch nothing but the connection that it is given.
   */
  write<T>(change: (db: Db) => Promise<T>): Promise<T> {
    return this.commits.submit(change);
  }

  /** Throws when the database doesn't answer; for the readiness check. */
  async ping(): Promise<void> {
    await sql`select 1`.execute(this.db);
  }

  async close(): Promise<void> {
    await this.commits.drain();
    await this.db.destroy();
    this.release();
  }
}
