import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, readFile, rename, rm, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { makeFolder } from "@mote/protocol/node";
import { type Blobs, checkDigest, SHA256_HEX } from "./blobs.js";
import { syncFolder } from "./durable.js";

/** One blob is written in a second or a few. */
const INCOMING_MAX_AGE_MS = 3_600_000;

/**
 * Blobs by SHA-256, one file each, never changed once they have their name. A name exists only for whole, fsynced bytes
 * whose digest was checked.
 */
export class DiskBlobs implements Blobs {
  private readonly folder: string;
  /** Process ids may be the same on two machines. */
  private readonly writer = randomBytes(6).toString("hex");
  private counter = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(folder: string): Promise<DiskBlobs> {
    const incoming = join(folder, "incoming");
    await makeFolder(incoming, 0o700);
    // What has lain there for long was cut off by a crash; another server on the same folder may be writing the rest.
    for (const name of await readdir(incoming)) {
      const file = join(incoming, name);
      const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: 0 }));
      if (Date.now() - mtimeMs > INCOMING_MAX_AGE_MS) await rm(file, { force: true });
    }
    return new DiskBlobs(folder);
  }

  async length(sha256: string): Promise<number | null> {
    if (!SHA256_HEX.test(sha256)) return null;
    try {
      return (await stat(this.path(sha256))).size;
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  stream(sha256: string, start: number, end: number): Readable {
    return createReadStream(this.path(sha256), { start, end });
  }

  async read(sha256: string): Promise<Uint8Array> {
    return new Uint8Array(await readFile(this.path(sha256)));
  }

  async list(): Promise<string[]> {
    const shelves = (await readdir(this.folder)).filter((name) => /^[0-9a-f]{2}$/.test(name)).sort();
    const names = await Promise.all(shelves.map(async (shelf) => readdir(join(this.folder, shelf))));
    return names.flatMap((shelf) => shelf.filter((name) => SHA256_HEX.test(name)).sort());
  }

  async put(sha256: string, bytes: Uint8Array): Promise<void> {
    checkDigest(sha256, bytes);
    if ((await this.length(sha256)) === bytes.length) return;
    const incoming = join(this.folder, "incoming", `${sha256}.${this.writer}.${this.counter++}`);
    const file = await open(incoming, "wx", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } catch (error) {
      await unlink(incoming).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
    const shelf = join(this.folder, sha256.slice(0, 2));
    await makeFolder(shelf, 0o700);
    await rename(incoming, this.path(sha256));
    await syncFolder(shelf);
    await syncFolder(this.folder);
  }

  private path(sha256: string): string {
    return join(this.folder, sha256.slice(0, 2), sha256);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
