import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { DamagedBackupError } from "../errors.js";

/**
 * A backup is a tar file: `mote-backup.json`, then `tables/<name>/<part>.ndjson.gz` (a row per line, as an array in the
 * order of the header's columns), `blobs/<sha256>`, `keys/<file>`, and last `sums.json` with the digest of each. It knows
 * nothing of the database that it came from: a fleet that outgrows SQLite is restored into PostgreSQL.
 */
export const BACKUP_FORMAT = "mote.backup/1";

export const ENTRY = {
  header: "mote-backup.json",
  tables: "tables/",
  blobs: "blobs/",
  keys: "keys/",
  sums: "sums.json",
} as const;

const Identifier = Type.String({ pattern: "^[a-z][a-z0-9_]{0,62}$" });

export const BackupHeader = Type.Object({
  format: Type.Literal(BACKUP_FORMAT),
  madeAtMs: Type.Integer(),
  /** Version of the server. */
  server: Type.String(),
  /** Last migration of the store (store/migrations.ts). */
  step: Type.String(),
  tables: Type.Array(Type.Object({ name: Identifier, columns: Type.Array(Identifier) })),
});
export type BackupHeader = Static<typeof BackupHeader>;

export const BackupSums = Type.Object({
  sha256: Type.Record(Type.String(), Type.String({ pattern: "^[0-9a-f]{64}$" })),
});
export type BackupSums = Static<typeof BackupSums>;

export const Row = Type.Array(
  Type.Union([Type.String(), Type.Number(), Type.Null(), Type.Object({ base64: Type.String() })]),
);

export function parsePart<T extends typeof BackupHeader | typeof BackupSums>(
  schema: T,
  name: string,
  bytes: Uint8Array,
): Static<T> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    value = undefined;
  }
  if (Value.Check(schema, value)) return value;
  throw new DamagedBackupError({
    expected: `a backup of the form ${BACKUP_FORMAT}`,
    got: `${name} of another form`,
    todo: "Restore it with the version of mote-server that has written it, or take another backup.",
  });
}
