import { createHash } from "node:crypto";
import { type FileHandle, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { syncFolder } from "../blobs/durable.js";
import { openBlobs } from "../blobs/openBlobs.js";
import { BackupPlaceError } from "../errors.js";
import { dumpRows, lastMigration, listTables } from "../store/dump.js";
import { readSnapshot } from "../store/snapshot.js";
import type { Db, StoreSource } from "../store/store.js";
import { BACKUP_FORMAT, type BackupHeader, type BackupSums, ENTRY } from "./format.js";
import { TarWriter } from "./tar.js";

const compress = promisify(gzip);

export interface BackupPlaces {
  readonly store: StoreSource;
  readonly blobs: string;
  readonly serverKeys: string;
}

export interface BackupSummary {
  readonly file: string;
  readonly bytes: number;
  /** Rows by table. */
  readonly tables: Readonly<Record<string, number>>;
  readonly blobs: number;
  readonly keys: number;
}

export type Progress = (what: string) => void;

/**
 * Everything that a server must not lose, of one moment, as one tar file; the server may go on working. The file has its
 * name only when it is whole and on the disk.
 *
 * @throws BackupPlaceError, StoreError
 */
export async function backup(
  places: BackupPlaces,
  file: string,
  atMs: number,
  version: string,
  progress: Progress,
): Promise<BackupSummary> {
  await checkFree(file);
  const partial = `${file}.partial`;
  // It holds keys and the digests of tokens.
  const handle = await open(partial, "w", 0o600);
  try {
    const archive = new Archive(handle, atMs);
    const tables = await readSnapshot(places.store, async (db) => {
      await keysIn(places.serverKeys);
      return writeStore(archive, db, atMs, version, progress);
    });
    // After the store: a blob is on the disk before a row speaks of it, and none is ever taken away.
    const blobs = await writeBlobs(archive, places.blobs, progress);
    const keys = await writeKeys(archive, places.serverKeys);
    await archive.end();
    await handle.sync();
    await handle.close();
    await rename(partial, file);
    await syncFolder(dirname(file));
    return { file, bytes: (await stat(file)).size, tables, blobs, keys };
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(partial, { force: true });
    throw error;
  }
}

/** The tar file with the digest of each entry, which go last. */
class Archive {
  private readonly tar: TarWriter;
  private readonly sums: Record<string, string> = {};

  constructor(file: FileHandle, atMs: number) {
    this.tar = new TarWriter(file, atMs);
  }

  async add(name: string, bytes: Uint8Array): Promise<void> {
    this.sums[name] = createHash("sha256").update(bytes).digest("hex");
    await this.tar.add(name, bytes.length, [bytes]);
  }

  /** A blob's name is its digest: what lies on the disk is checked by whoever reads the archive. */
  async addBlob(sha256: string, length: number, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const name = `${ENTRY.blobs}${sha256}`;
    this.sums[name] = sha256;
    await this.tar.add(name, length, chunks);
  }

  async end(): Promise<void> {
    const sums: BackupSums = { sha256: this.sums };
    const bytes = Buffer.from(JSON.stringify(sums));
    await this.tar.add(ENTRY.sums, bytes.length, [bytes]);
    await this.tar.end();
  }
}

async function writeStore(
  archive: Archive,
  db: Db,
  atMs: number,
  version: string,
  progress: Progress,
): Promise<Record<string, number>> {
  const step = await lastMigration(db);
  if (step === null) {
    throw new BackupPlaceError({
      expected: "a store that a server has written",
      got: "an empty one",
      todo: "Check --data and --database.",
    });
  }
  const tables = await listTables(db);
  const header: BackupHeader = {
    format: BACKUP_FORMAT,
    madeAtMs: atMs,
    server: version,
    step,
    tables: tables.map(({ name, columns }) => ({ name, columns: [...columns] })),
  };
  await archive.add(ENTRY.header, Buffer.from(JSON.stringify(header)));
  const counts: Record<string, number> = {};
  for (const table of tables) {
    let part = 0;
    counts[table.name] = 0;
    for await (const rows of dumpRows(db, table)) {
      const lines = rows.map((row) => JSON.stringify(row)).join("\n");
      const name = `${ENTRY.tables}${table.name}/${String(++part).padStart(6, "0")}.ndjson.gz`;
      await archive.add(name, await compress(lines));
      counts[table.name]! += rows.length;
    }
    progress(`${table.name}: ${counts[table.name]} rows`);
  }
  return counts;
}

async function writeBlobs(archive: Archive, place: string, progress: Progress): Promise<number> {
  const blobs = await openBlobs(place);
  const digests = await blobs.list();
  for (const sha256 of digests) {
    const length = (await blobs.length(sha256)) ?? 0;
    await archive.addBlob(sha256, length, length === 0 ? toChunks() : blobs.stream(sha256, 0, length - 1));
  }
  progress(`blobs: ${digests.length}`);
  return digests.length;
}

async function* toChunks(): AsyncGenerator<Uint8Array> {}

/** A server without its keys can sign nothing that devices believe, so a backup without them is none. */
async function keysIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  const keys = names.filter((name) => name.endsWith(".key.json")).sort();
  if (keys.length > 0) return keys;
  throw new BackupPlaceError({
    expected: `the server's signing keys in ${folder}`,
    got: "none",
    todo: "Name their folder with --server-keys, or give the server's own --config.",
  });
}

async function writeKeys(archive: Archive, folder: string): Promise<number> {
  const names = await keysIn(folder);
  for (const name of names) await archive.add(`${ENTRY.keys}${name}`, await readFile(join(folder, name)));
  return names.length;
}

async function checkFree(file: string): Promise<void> {
  const exists = await stat(file).then(
    () => true,
    () => false,
  );
  if (!exists) return;
  throw new BackupPlaceError({
    expected: "a file that does not exist yet",
    got: file,
    todo: "Name another file, or remove this one: a backup is never written over an older one.",
  });
}
