import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import type { Db } from "./db.js";
import { serialize } from "./dialect.js";

export interface AuditRecord {
  readonly number: number;
  readonly atMs: number;
  /** Id of the person. */
  readonly by: string;
  readonly action: string;
  /** HTTP status of the answer: refusals are part of the story. */
  readonly status: number;
  readonly detail: string;
  readonly sha256: string;
}

export type AuditEntry = Omit<AuditRecord, "number" | "sha256">;

/** On whose behalf the writes of the current request are made. */
export interface AuditScope {
  /** The entry as it reads when the request succeeds; null where no person has made it. */
  readonly entry: () => AuditEntry | null;
  /** Set once a transaction of this request, and the entry with it, is durable. */
  isWritten: boolean;
}

const scopes = new AsyncLocalStorage<AuditScope>();

let open = 0;

/** Every write that `work` leads to carries the scope's entry in its own transaction. Until `endAudited`. */
export function runAudited<T>(scope: AuditScope, work: () => T): T {
  open++;
  return scopes.run(scope, work);
}

/** While no scope is open no promise of the process is followed: that costs a poll as much as its answer. */
export function endAudited(): void {
  if (--open === 0) scopes.disable();
}

/** The scope that the caller works in; a group of writes runs elsewhere and must be given it. */
export function currentAuditScope(): AuditScope | undefined {
  return scopes.getStore();
}

const GENESIS = "0".repeat(64);

/** Appends to the chain; the caller's transaction makes it durable. */
export async function appendAudit(db: Db, entry: AuditEntry): Promise<void> {
  await serialize(db, "audit");
  const last = await db
    .selectFrom("audit")
    .select(["number", "sha256"])
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
  const numbered = { ...entry, number: (last?.number ?? 0) + 1 };
  await db
    .insertInto("audit")
    .values({
      number: numbered.number,
      at_ms: entry.atMs,
      by_whom: entry.by,
      action: entry.action,
      status: entry.status,
      detail: entry.detail,
      sha256: digest(last?.sha256 ?? GENESIS, numbered),
    })
    .execute();
}

/** Newest first. */
export async function listAudit(db: Db, limit: number): Promise<AuditRecord[]> {
  const rows = await db.selectFrom("audit").selectAll().orderBy("number", "desc").limit(limit).execute();
  return rows.map(fromRow);
}

/** Entries after `number`, oldest first. */
async function listAfter(db: Db, number: number, limit: number): Promise<AuditRecord[]> {
  const rows = await db
    .selectFrom("audit")
    .selectAll()
    .where("number", ">", number)
    .orderBy("number")
    .limit(limit)
    .execute();
  return rows.map(fromRow);
}

/** A place in the chain: an entry, and the digest that the next one builds on. */
export interface AuditPlace {
  readonly number: number;
  readonly sha256: string;
}

export const AUDIT_START: AuditPlace = { number: 0, sha256: GENESIS };

/** Walks a part of the chain. @returns where it has come to, or the number of the first entry that was changed or follows a gap. */
export async function walkAudit(
  db: Db,
  from: AuditPlace,
  limit: number,
): Promise<{ readonly brokenAt: number } | { readonly to: AuditPlace; readonly isEnd: boolean }> {
  let to = from;
  const entries = await listAfter(db, from.number, limit);
  for (const entry of entries) {
    const number = to.number + 1;
    if (entry.number !== number || entry.sha256 !== digest(to.sha256, entry)) return { brokenAt: number };
    to = entry;
  }
  return { to, isEnd: entries.length < limit };
}

/** Is an entry that was seen before still there, as it was? */
export async function isAuditHeld(db: Db, { number, sha256 }: AuditPlace): Promise<boolean> {
  if (number === 0) return true;
  const row = await db.selectFrom("audit").select("sha256").where("number", "=", number).executeTakeFirst();
  return row?.sha256 === sha256;
}

function digest(previous: string, entry: Omit<AuditRecord, "sha256">): string {
  const { number, atMs, by, action, status, detail } = entry;
  return createHash("sha256")
    .update(JSON.stringify([previous, number, atMs, by, action, status, detail]))
    .digest("hex");
}

function fromRow(row: {
  number: number;
  at_ms: number;
  by_whom: string;
  action: string;
  status: number;
  detail: string;
  sha256: string;
}): AuditRecord {
  const { number, at_ms, by_whom, action, status, detail, sha256 } = row;
  return { number, atMs: at_ms, by: by_whom, action, status, detail, sha256 };
}
