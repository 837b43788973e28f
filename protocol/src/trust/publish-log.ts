import { type Static, Type } from "@sinclair/typebox";
import { Sha256Hex } from "../bundle/manifest.js";
import { type Sha256, toHex, utf8 } from "../bytes.js";
import { MetadataMismatchError } from "../errors.js";
import { checkSchema } from "../schema.js";
import { canonicalJson } from "./canonical-json.js";

/**
 * An append-only log of everything that was published: each entry carries the digest of the one before, so whoever
 * remembers one head (64 hex digits) notices any later change, removal or reordering of what lay before it.
 */
export const PublishLogEntry = Type.Object(
  {
    /** 0, 1, 2 … */
    index: Type.Integer({ minimum: 0 }),
    /** Milliseconds since 1970, by the publisher's clock. */
    atMs: Type.Integer({ minimum: 0 }),
    /** What was published: a metadata file's name, or a release's target path. */
    name: Type.String({ minLength: 1, maxLength: 512 }),
    sha256: Sha256Hex,
    /** Head of the log before this entry; LOG_START for the first. */
    previous: Sha256Hex,
  },
  { additionalProperties: false },
);
export type PublishLogEntry = Static<typeof PublishLogEntry>;

export const LOG_START = "0".repeat(64);

export interface PublishLogHead {
  /** Entries so far. */
  readonly length: number;
  readonly sha256: string;
}

export const EMPTY_LOG: PublishLogHead = { length: 0, sha256: LOG_START };

export function appendToLog(
  head: PublishLogHead,
  fact: Pick<PublishLogEntry, "atMs" | "name" | "sha256">,
  sha256: Sha256,
): { entry: PublishLogEntry; head: PublishLogHead } {
  const { atMs, name, sha256: digest } = fact;
  const entry: PublishLogEntry = { index: head.length, atMs, name, sha256: digest, previous: head.sha256 };
  return { entry, head: { length: head.length + 1, sha256: digestOf(entry, sha256) } };
}

/**
 * Walks a whole log.
 *
 * @param remembered heads from earlier, such as one printed on paper: each must lie on the log's way.
 * @returns the log's head
 * @throws SchemaError, MetadataMismatchError naming the first entry at fault
 */
export function verifyLog(
  entries: Iterable<unknown>,
  sha256: Sha256,
  remembered: readonly PublishLogHead[] = [],
): PublishLogHead {
  let head = EMPTY_LOG;
  const missing = new Map(remembered.map((known) => [known.length, known.sha256]));
  const check = () => {
    const expected = missing.get(head.length);
    if (expected !== undefined && expected !== head.sha256) throw broken(expected, head.sha256, head.length);
    missing.delete(head.length);
  };
  check();
  for (const value of entries) {
    const entry = checkSchema(PublishLogEntry, value, `entry ${head.length} of the log`);
    if (entry.index !== head.length)
      throw broken(`entry ${head.length}`, `entry ${entry.index}`, head.length);
    if (entry.previous !== head.sha256) throw broken(head.sha256, entry.previous, head.length);
    head = { length: head.length + 1, sha256: digestOf(entry, sha256) };
    check();
  }
  for (const [length, expected] of missing) throw broken(expected, `a log of ${head.length}`, length);
  return head;
}

function digestOf(entry: PublishLogEntry, sha256: Sha256): string {
  return toHex(sha256(utf8(canonicalJson(entry))));
}

function broken(expected: string, got: string, length: number): MetadataMismatchError {
  return new MetadataMismatchError({
    expected: `the log to lead to ${expected} at length ${length}`,
    got,
    todo: "Entries were changed, removed or reordered: compare with a backup, and ask who could write the log.",
  });
}
