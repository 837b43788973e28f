import { StoreError } from "../errors.js";

/** What a failed transaction means for the writes that were in it. */
export type Failure =
  /** One of its writes is at fault. */
  | { readonly kind: "write" }
  /** Another server's transaction was in the way: the same again may succeed. */
  | { readonly kind: "conflict" }
  /** No write can succeed now, and whether this transaction was committed may be unknown. */
  | { readonly kind: "store"; readonly error: StoreError };

/** Codes of PostgreSQL's Appendix A, of SQLite (sqlite.org/rescode.html) and of Node. */
const CONFLICTS = new Set(["40001", "40P01", "55P03"]);
const FULL = new Set(["53100", "SQLITE_FULL", "ENOSPC"]);
const BROKEN = /^SQLITE_(IOERR|CORRUPT|READONLY|CANTOPEN|NOTADB)/;
const GONE = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOENT",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

export function failureOf(error: unknown): Failure {
  if (error instanceof StoreError) return { kind: "store", error };
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  const message = error instanceof Error ? error.message : String(error);
  if (CONFLICTS.has(code)) return { kind: "conflict" };
  // The WebAssembly build has no codes, only SQLite's own words. A transaction that SQLite has undone by itself, because
  // its disk took nothing more, hides its error behind that of the rollback which then finds none.
  if (FULL.has(code) || /database or disk is full|no transaction is active/.test(message))
    return { kind: "store", error: full(error) };
  if (BROKEN.test(code) || /disk I\/O error/.test(message))
    return { kind: "store", error: gone(error, message) };
  // Class 08: connection exceptions; 57P0x: shut down, crashed, starting up; 53300: too many connections.
  const isGone =
    GONE.has(code) ||
    /^(08|57P0|53300)/.test(code) ||
    /connection (terminated|error|timeout)|not queryable|timeout exceeded when trying to connect/i.test(
      message,
    );
  return isGone ? { kind: "store", error: gone(error, message) } : { kind: "write" };
}

/** A log that could not be fsynced: whether what it says would survive a power cut is unknown. */
export function notSynced(cause: unknown): StoreError {
  const failure = failureOf(cause);
  return failure.kind === "store" ? failure.error : gone(cause, cause instanceof Error ? cause.message : "");
}

function full(cause: unknown): StoreError {
  return new StoreError({
    expected: "room on the disk for the store",
    got: "a full (or failing) disk; what was acknowledged before is safe, nothing more is taken until there is room",
    todo: "Free some space or enlarge the volume; the server goes on by itself.",
    cause,
  });
}

function gone(cause: unknown, message: string): StoreError {
  return new StoreError({
    expected: "a database that answers",
    got: message,
    todo: "Check the database server and its disk; this server goes on by itself when it is back.",
    cause,
  });
}
