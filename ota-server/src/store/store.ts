import { join } from "node:path";
import { makeFolder } from "@mote/protocol/node";
import { Kysely, sql } from "kysely";
import { appendAudit, currentAuditScope } from "./audit.js";
import type { Changes } from "./changes.js";
import { lockDataFolder } from "./dataLock.js";
import type { Db } from "./db.js";
import { failureOf, notSynced } from "./failures.js";
import { GroupCommit } from "./groupCommit.js";
import { migrate, POSTGRES_TYPES, SQLITE_TYPES } from "./migrations.js";
import { Alone, type Peers } from "./peers.js";
import { openPostgres } from "./postgres.js";
import { type OpenedSqlite, openSqlite, type WalSync } from "./sqlite.js";
import type { Tables } from "./tables.js";

export type { Db } from "./db.js";

/** What a store is opened by: a folder of its own, or a database server's address. */
export type StoreSource = { readonly folder: string } | { readonly url: string };

/**
 * Where everything lives that must survive. Reads see what is committed; a write's promise settles when its transaction
 * is on the disk, and writes that arrive together share one transaction and one fsync.
 */
export class Store {
  readonly driver: OpenedSqlite["driver"] | "postgres";
  readonly notes: readonly string[];
  readonly peers: Peers;
  private readonly db: Db;
  private readonly commits: GroupCommit;
  /** Null where the database fsyncs a commit before it returns from it. */
  private readonly walSync: WalSync | null;
  private readonly release: () => void;
  private readonly listeners: ((changes: Changes) => void)[] = [];

  private constructor(
    db: Db,
    {
      driver,
      notes,
      peers,
      walSync,
      release,
    }: Pick<Store, "driver" | "notes" | "peers"> & { walSync: WalSync | null } & { release: () => void },
  ) {
    this.db = db;
    this.peers = peers;
    this.walSync = walSync;
    this.driver = driver;
    this.notes = notes;
    this.release = release;
    this.commits = new GroupCommit(db, {
      beforeCommit: (transaction, changes) => peers.announce(transaction, changes),
      committed: (changes) => this.tell(changes),
      durable: async () => {
        await walSync?.sync().catch((cause: unknown) => {
          throw notSynced(cause);
        });
      },
    });
    peers.hear((message) => {
      if (message.type === "devices") {
        this.tell({ devices: message.ids === null ? null : new Set(message.ids), rollouts: false });
      }
      if (message.type === "rollouts") this.tell({ devices: new Set(), rollouts: true });
    });
  }

  static open(source: StoreSource): Promise<Store> {
    return "url" in source ? Store.openPostgres(source.url) : Store.openEmbedded(source.folder);
  }

  /** Opens (or makes) the embedded store in `folder`. Throws StoreError when another server holds it. */
  static async openEmbedded(folder: string, prefer?: OpenedSqlite["driver"]): Promise<Store> {
    await makeFolder(folder, 0o700);
    const release = lockDataFolder(folder);
    try {
      const opened = await openSqlite(join(folder, "mote.sqlite"), prefer);
      const db = new Kysely<Tables>({ dialect: opened.dialect });
      await migrate(db, SQLITE_TYPES);
      const walSync = (await opened.takeOverSync?.()) ?? null;
      return new Store(db, { ...opened, peers: new Alone(), walSync, release });
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Opens the database at `url` and makes its tables where they are missing. Throws StoreError when it can't be had. */
  static async openPostgres(url: string): Promise<Store> {
    const { dialect, notes, openPeers } = await openPostgres(url);
    const db = new Kysely<Tables>({ dialect });
    try {
      await migrate(db, POSTGRES_TYPES);
      const peers = await openPeers();
      return new Store(db, { driver: "postgres", notes, peers, walSync: null, release: () => undefined });
    } catch (error) {
      await db.destroy();
      throw error;
    }
  }

  /** @throws StoreError while the database can't be had; whatever `query` throws passes through. */
  async read<T>(query: (db: Db) => Promise<T>): Promise<T> {
    try {
      return await query(this.db);
    } catch (error) {
      const failure = failureOf(error);
      throw failure.kind === "store" ? failure.error : error;
    }
  }

  /**
   * `change` may run more than once (its first run is undone when another write of the same group fails), so it must
   * touch nothing but the connection that it is given. What a person has asked for (audit.ts) is committed together
   * with its audit entry.
   */
  async write<T>(change: (db: Db) => Promise<T>): Promise<T> {
    const scope = currentAuditScope();
    if (scope === undefined) return this.commits.submit(change);
    const result = await this.commits.submit(async (db) => {
      const value = await change(db);
      const entry = scope.isWritten ? null : scope.entry();
      if (entry !== null) await appendAudit(db, entry);
      return value;
    });
    scope.isWritten = scope.entry() !== null;
    return result;
  }

  /**
   * `listener` hears of every change that is durable, of this server before it is acknowledged, of others as it comes.
   * While `peers.isHearing` is false it may miss some, and hears that all devices have changed when that is over.
   */
  hearChanges(listener: (changes: Changes) => void): void {
    this.listeners.push(listener);
  }

  private tell(changes: Changes): void {
    for (const listener of this.listeners) listener(changes);
  }

  /** Lets the database learn how large its tables have become; servers of a large fleet do it by themselves. */
  async analyze(): Promise<void> {
    await sql`analyze`.execute(this.db);
  }

  /** Of a PostgreSQL database. */
  async bytes(): Promise<number> {
    const { rows } = await sql<{
      bytes: number;
    }>`select pg_database_size(current_database()) as bytes`.execute(this.db);
    return rows[0]!.bytes;
  }

  /** Throws when the database doesn't answer; for the readiness check. */
  async ping(): Promise<void> {
    await this.read((db) => sql`select 1`.execute(db));
  }

  async close(): Promise<void> {
    await this.commits.drain();
    await this.peers.close();
    await this.db.destroy();
    await this.walSync?.close();
    this.release();
  }
}
