import { existsSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { SqliteDialect } from "kysely";

type Value = number | bigint | string | Uint8Array | null;

/** Which SQLite serves, and what the operator loses by it. */
export interface OpenedSqlite {
  readonly driver: "better-sqlite3" | "node-sqlite3-wasm";
  readonly dialect: SqliteDialect;
  readonly notes: readonly string[];
  /** Hands the fsync of every later commit to the caller; null where the driver keeps it. */
  readonly takeOverSync: (() => Promise<WalSync>) | null;
}

/** The log's fsync, off the main thread: on a busy disk it takes as long as hundreds of polls. */
export interface WalSync {
  /** What was committed before this is asked is on the disk when it resolves. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** WAL with synchronous=FULL: a commit is on the disk, not in the page cache, when it returns. */
const PRAGMAS = ["journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 5000"];

const STATEMENT_CACHE = 256;

/**
 * better-sqlite3 where its native part loads, else SQLite compiled to WebAssembly. Both write the same file format.
 * The caller holds the data folder's lock (dataLock.ts).
 */
export async function openSqlite(file: string, prefer?: OpenedSqlite["driver"]): Promise<OpenedSqlite> {
  if (prefer !== "node-sqlite3-wasm") {
    const native = await openNative(file);
    if (native !== null) {
      const { dialect, setPragma } = native;
      const takeOverSync = () => takeOver(file, setPragma);
      return { driver: "better-sqlite3", dialect, notes: [], takeOverSync };
    }
    if (prefer === "better-sqlite3") throw new Error("better-sqlite3 does not load on this machine");
  }
  return {
    takeOverSync: null,
    driver: "node-sqlite3-wasm",
    dialect: await openWasm(file),
    notes: [
      "better-sqlite3 is not installed or does not load: the store uses SQLite in WebAssembly, which is equally durable and takes in about a third of the telemetry per second.",
    ],
  };
}

/**
 * A second connection that only reads, beside a running server; null where better-sqlite3 does not load (the
 * WebAssembly build can't share a file).
 */
export async function openSqliteReader(file: string): Promise<SqliteDialect | null> {
  return (await openNative(file, ["query_only = ON", "busy_timeout = 5000"]))?.dialect ?? null;
}

/**
 * With synchronous=NORMAL a commit in WAL mode is written and not fsynced, and the database stays whole through any power
 * cut (sqlite.org/pragma.html): the log is fsynced before a checkpoint and when it begins anew, the database after. What
 * is missing to durability is the log's fsync after a commit, and a file is the same file through any descriptor.
 */
async function takeOver(file: string, setPragma: (pragma: string) => void): Promise<WalSync> {
  const wal = await open(`${file}-wal`, "r+");
  // Its name must outlive a power cut as its bytes do.
  const folder = await open(dirname(file), "r");
  await folder.sync();
  await folder.close();
  setPragma("synchronous = NORMAL");
  return { sync: () => wal.datasync(), close: () => wal.close() };
}

interface Native {
  readonly dialect: SqliteDialect;
  readonly setPragma: (pragma: string) => void;
}

async function openNative(file: string, pragmas: readonly string[] = PRAGMAS): Promise<Native | null> {
  try {
    const { default: Database } = await import("better-sqlite3");
    const database = new Database(file);
    for (const pragma of pragmas) database.pragma(pragma);
    const cached = statementCache((sql) => database.prepare(sql));
    const dialect = new SqliteDialect({
      database: { close: () => void database.close(), prepare: (sql) => cached.get(sql) },
    });
    return { dialect, setPragma: (pragma) => void database.pragma(pragma) };
  } catch (error) {
    if (isMissingModule(error)) return null;
    throw error;
  }
}

/** Absent package, or a native part built for another Node: both mean "use the other driver". */
function isMissingModule(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? error.code : "";
  return (
    code === "ERR_MODULE_NOT_FOUND" ||
    code === "MODULE_NOT_FOUND" ||
    code === "ERR_DLOPEN_FAILED" ||
    /Could not locate the bindings file/.test(error.message)
  );
}

async function openWasm(file: string): Promise<SqliteDialect> {
  // This driver locks by making a folder, which outlives a killed process; the data folder's own lock is held by now.
  if (existsSync(`${file}.lock`)) rmSync(`${file}.lock`, { recursive: true });
  const { default: sqlite } = await import("node-sqlite3-wasm");
  const database = new sqlite.Database(file);
  // WAL without shared memory is allowed to a single owner only (sqlite.org/wal.html, section 8).
  for (const pragma of ["locking_mode = EXCLUSIVE", ...PRAGMAS]) database.all(`PRAGMA ${pragma}`);
  return new SqliteDialect({ database: adaptWasm(database) });
}

interface WasmStatement {
  all(values?: Value[]): unknown[];
  run(values?: Value[]): { changes: number; lastInsertRowid: number | bigint };
  iterate(values?: Value[]): IterableIterator<unknown>;
  finalize(): void;
}

interface WasmDatabase {
  prepare(sql: string): WasmStatement;
  close(): void;
}

/** Gives the WebAssembly build the interface that Kysely wants of a driver. */
function adaptWasm(database: WasmDatabase) {
  const cached = statementCache((sql) => {
    const statement = database.prepare(sql);
    // A statement whose run failed fails again on its next use, so it is prepared anew.
    const guarded = <T>(work: () => T): T => {
      try {
        return work();
      } catch (error) {
        cached.forget(sql);
        throw error;
      }
    };
    return {
      reader: /^\s*(select|with|pragma|explain|values)\b|\breturning\b/i.test(sql),
      all: (values: readonly unknown[]) => guarded(() => statement.all(values as Value[])),
      run: (values: readonly unknown[]) => guarded(() => statement.run(values as Value[])),
      iterate: (values: readonly unknown[]) => statement.iterate(values as Value[]),
      // Its statements live in WebAssembly memory, which no garbage collector sees.
      finalize() {
        try {
          statement.finalize();
        } catch {
          // sqlite3_finalize repeats the error of the statement's last run, which its caller has had already.
        }
      },
    };
  });
  return {
    prepare: (sql: string) => cached.get(sql),
    close() {
      cached.clear();
      database.close();
    },
  };
}

interface StatementCache<S> {
  get(sql: string): S;
  forget(sql: string): void;
  clear(): void;
}

function statementCache<S extends object>(prepare: (sql: string) => S): StatementCache<S> {
  const statements = new Map<string, S>();
  const drop = (sql: string, statement: S) => {
    statements.delete(sql);
    if ("finalize" in statement && typeof statement.finalize === "function") statement.finalize();
  };
  return {
    get(sql: string): S {
      let statement = statements.get(sql);
      if (statement === undefined) {
        statement = prepare(sql);
        const oldest = statements.entries().next();
        if (statements.size >= STATEMENT_CACHE && !oldest.done) drop(...oldest.value);
      } else {
        statements.delete(sql);
      }
      statements.set(sql, statement);
      return statement;
    },
    forget(sql) {
      const statement = statements.get(sql);
      if (statement !== undefined) drop(sql, statement);
    },
    clear() {
      for (const [sql, statement] of statements) drop(sql, statement);
    },
  };
}
