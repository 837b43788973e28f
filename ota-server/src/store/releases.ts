import type { Manifest } from "@mote/protocol";
import type { Db } from "./store.js";
import type { Tables } from "./tables.js";

export interface ReleaseRecord {
  readonly product: string;
  readonly version: string;
  readonly sequence: number;
  /** TUF target path. */
  readonly target: string;
  readonly manifestSha256: string;
  readonly manifestLength: number;
  readonly manifest: Manifest;
  readonly uploadedAtMs: number;
}

type Row = Tables["releases"];

function fromRow(row: Row): ReleaseRecord {
  return {
    product: row.product,
    version: row.version,
    sequence: row.sequence,
    target: row.target,
    manifestSha256: row.manifest_sha256,
    manifestLength: row.manifest_length,
    manifest: JSON.parse(row.manifest),
    uploadedAtMs: row.uploaded_at_ms,
  };
}

export async function findRelease(db: Db, product: string, version: string): Promise<ReleaseRecord | null> {
  const row = await db
    .selectFrom("releases")
    .selectAll()
    .where("product", "=", product)
    .where("version", "=", version)
    .executeTakeFirst();
  return row === undefined ? null : fromRow(row);
}

export async function findReleaseBySequence(
  db: Db,
  product: string,
  sequence: number,
): Promise<ReleaseRecord | null> {
  const row = await db
    .selectFrom("releases")
    .selectAll()
    .where("product", "=", product)
    .where("sequence", "=", sequence)
    .executeTakeFirst();
  return row === undefined ? null : fromRow(row);
}

export async function listReleases(db: Db): Promise<ReleaseRecord[]> {
  const rows = await db
    .selectFrom("releases")
    .selectAll()
    .orderBy("product")
    .orderBy("sequence", "desc")
    .execute();
  return rows.map(fromRow);
}

/** A product's releases by name, newest first. */
export function listVersions(db: Db, product: string): Promise<{ version: string; sequence: number }[]> {
  return db
    .selectFrom("releases")
    .select(["version", "sequence"])
    .where("product", "=", product)
    .orderBy("sequence", "desc")
    .execute();
}

export async function putRelease(db: Db, release: ReleaseRecord): Promise<void> {
  await db
    .insertInto("releases")
    .values({
      product: release.product,
      version: release.version,
      sequence: release.sequence,
      target: release.target,
      manifest_sha256: release.manifestSha256,
      manifest_length: release.manifestLength,
      manifest: JSON.stringify(release.manifest),
      uploaded_at_ms: release.uploadedAtMs,
    })
    .execute();
}
