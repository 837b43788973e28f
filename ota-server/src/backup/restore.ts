import { createHash } from "node:crypto";
import { type FileHandle, open, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { makeFolder } from "@mote/protocol/node";
import { Value } from "@sinclair/typebox/value";
import { syncFolder } from "../blobs/durable.js";
import { openBlobs } from "../blobs/openBlobs.js";
import { BackupPlaceError, DamagedBackupError } from "../errors.js";
import { type Cell, clearTable, loadRows } from "../store/dump.js";
import { setSetting } from "../store/settings.js";
import { fillStore } from "../store/snapshot.js";
import type { Db } from "../store/store.js";
import { RESTORED_SETTING } from "../trust/repository.js";
import type { BackupSummary, Progress } from "./backup.js";
import { BackupHeader, BackupSums, ENTRY, parsePart, Row } from "./format.js";
import { listTar, readEntry, readWhole, type TarEntry } from "./tar.js";

const decompress = promisify(gunzip);

export interface RestorePlaces {
  /** Data folder to make; it must not exist, or be empty. */
  readonly data: string;
  /** PostgreSQL to fill instead of a store in the data folder. */
  readonly database?: string | undefined;
  /** Where blobs and keys go when not into the data folder. */
  readonly blobs?: string | undefined;
  readonly serverKeys?: string | undefined;
}

/**
 * Checks the whole file before anything is written, then makes the data folder under another name and renames it when
 * all is on the disk.
 *
 * @throws DamagedBackupError, BackupPlaceError, StoreError
 */
export async function restore(
  file: string,
  places: RestorePlaces,
  atMs: number,
  progress: Progress,
): Promise<BackupSummary> {
  const handle = await open(file, "r");
  try {
    const entries = await listTar(handle);
    const header = await verify(handle, entries);
    progress(`${file}: ${entries.length} entries, every digest right`);
    const data = resolve(places.data);
    await checkEmpty(data);
    const staging = `${data}.restoring`;
    await rm(staging, { recursive: true, force: true });
    await makeFolder(staging, 0o700);
    const outside: Outside = { keys: [], blobs: 0 };
    try {
      // What may be refused comes before what takes long.
      const keys = await writeKeys(handle, entries, places.serverKeys ?? join(staging, "keys"), outside);
      const blobs = await writeBlobs(handle, entries, places.blobs ?? join(staging, "blobs"), outside);
      progress(`blobs: ${blobs}`);
      const source = places.database === undefined ? { folder: staging } : { url: places.database };
      const tables: Record<string, number> = {};
      await fillStore(source, header.step, async (db) => {
        for (const table of header.tables) {
          tables[table.name] = await loadTable(db, handle, entries, table);
          progress(`${table.name}: ${tables[table.name]} rows`);
        }
        await setSetting(db, RESTORED_SETTING, String(atMs));
      });
      await rmdir(data).catch(() => undefined);
      await syncFolder(staging);
      await rename(staging, data);
      await syncFolder(dirname(data));
      return { file, bytes: (await handle.stat()).size, tables, blobs, keys };
    } catch (error) {
      await rm(staging, { recursive: true, force: true });
      for (const path of outside.keys) await rm(path, { force: true });
      if (places.blobs !== undefined && outside.blobs > 0) {
        progress(
          `not restored; ${outside.blobs} blobs stay in ${places.blobs}: they go by their content, and the same restore takes them up`,
        );
      }
      throw error;
    }
  } finally {
    await handle.close();
  }
}

/** What was written by now, for a restore that fails: the folders that it makes are thrown away, but not these. */
interface Outside {
  readonly keys: string[];
  blobs: number;
}

async function verify(file: FileHandle, entries: readonly TarEntry[]): Promise<BackupHeader> {
  const [first, last] = [entries[0], entries.at(-1)];
  if (first?.name !== ENTRY.header || last?.name !== ENTRY.sums) {
    throw damaged("mote-backup.json first and sums.json last", `${first?.name} and ${last?.name}`);
  }
  const { sha256 } = parsePart(BackupSums, ENTRY.sums, await readWhole(file, last));
  const listed = entries.slice(0, -1);
  if (Object.keys(sha256).length !== listed.length) {
    throw damaged(`${Object.keys(sha256).length} entries`, `${listed.length}`);
  }
  for (const entry of listed) {
    const hash = createHash("sha256");
    for await (const chunk of readEntry(file, entry)) hash.update(chunk);
    const actual = hash.digest("hex");
    if (actual !== sha256[entry.name]) {
      throw damaged(`${entry.name} with SHA-256 ${sha256[entry.name] ?? "(none listed)"}`, actual);
    }
  }
  return parsePart(BackupHeader, ENTRY.header, await readWhole(file, first));
}

function damaged(expected: string, got: string): DamagedBackupError {
  return new DamagedBackupError({
    expected,
    got,
    todo: "Nothing was restored; take another copy of the backup.",
  });
}

async function loadTable(
  db: Db,
  file: FileHandle,
  entries: readonly TarEntry[],
  table: { readonly name: string; readonly columns: readonly string[] },
): Promise<number> {
  await clearTable(db, table.name);
  let count = 0;
  for (const entry of entries.filter(({ name }) => name.startsWith(`${ENTRY.tables}${table.name}/`))) {
    const text = (await decompress(await readWhole(file, entry))).toString("utf8");
    const rows: Cell[][] = text.split("\n").map((line) => {
      const row: unknown = JSON.parse(line);
      if (Value.Check(Row, row) && row.length === table.columns.length) return row;
      throw damaged(`rows of ${table.columns.length} columns in ${entry.name}`, "another");
    });
    await loadRows(db, table, rows);
    count += rows.length;
  }
  return count;
}

async function writeBlobs(
  file: FileHandle,
  entries: readonly TarEntry[],
  place: string,
  outside: Outside,
): Promise<number> {
  const blobs = await openBlobs(place);
  const wanted = entries.filter(({ name }) => name.startsWith(ENTRY.blobs));
  for (const entry of wanted) {
    await blobs.put(entry.name.slice(ENTRY.blobs.length), await readWhole(file, entry));
    outside.blobs++;
  }
  return wanted.length;
}

async function writeKeys(
  file: FileHandle,
  entries: readonly TarEntry[],
  folder: string,
  outside: Outside,
): Promise<number> {
  const wanted = entries.filter(({ name }) => /^keys\/[a-z]+\.key\.json$/.test(name));
  await makeFolder(folder, 0o700);
  for (const entry of wanted) {
    const path = join(folder, entry.name.slice(ENTRY.keys.length));
    const bytes = await readWhole(file, entry);
    try {
      await writeFile(path, bytes, { mode: 0o600, flag: "wx", flush: true });
      outside.keys.push(path);
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) {
        // Half of a key is none.
        outside.keys.push(path);
        throw cause;
      }
      // Left by a restore that was killed, or moved there by hand.
      if (bytes.equals(await readFile(path))) continue;
      throw new BackupPlaceError({
        expected: `no ${path}: the backup brings its own key`,
        got: "another key",
        todo: "Name another --server-keys folder, or move the key away.",
        cause,
      });
    }
  }
  return wanted.length;
}

async function checkEmpty(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  if (names.length === 0) return;
  throw new BackupPlaceError({
    expected: `an empty folder to restore to, or none: ${folder}`,
    got: `${names.length} files, ${names[0]} among them`,
    todo: "Name another --data folder; nothing is ever written over a fleet.",
  });
}
