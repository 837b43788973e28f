import {
  appendToLog,
  EMPTY_LOG,
  type PublishLogEntry,
  type PublishLogHead,
  type Sha256,
} from "@mote/protocol";
import type { Db } from "./store.js";

/** The log of all that was published, as a table to which rows are only ever added. */

export async function readPublishLog(db: Db, from: number, limit: number): Promise<PublishLogEntry[]> {
  const rows = await db
    .selectFrom("publish_log")
    .select(["number", "at_ms", "name", "sha256", "previous"])
    .where("number", ">=", from)
    .orderBy("number")
    .limit(limit)
    .execute();
  return rows.map(({ number, at_ms, name, sha256, previous }) => ({
    index: Number(number),
    atMs: Number(at_ms),
    name,
    sha256,
    previous,
  }));
}

export async function publishLogHead(db: Db): Promise<PublishLogHead> {
  const row = await db
    .selectFrom("publish_log")
    .select(["number", "head"])
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? EMPTY_LOG : { length: Number(row.number) + 1, sha256: row.head };
}

export async function appendPublishLog(
  db: Db,
  facts: readonly Pick<PublishLogEntry, "name" | "sha256">[],
  atMs: number,
  sha256: Sha256,
): Promise<void> {
  let head = await publishLogHead(db);
  for (const fact of facts) {
    const appended = appendToLog(head, { ...fact, atMs }, sha256);
    const { index, name, previous } = appended.entry;
    await db
      .insertInto("publish_log")
      .values({
        number: index,
        at_ms: atMs,
        name,
        sha256: fact.sha256,
        previous,
        head: appended.head.sha256,
      })
      .execute();
    head = appended.head;
  }
}
