import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { whatCame } from "@mote/protocol";
import { makeFolder } from "@mote/protocol/node";
import { DiskFullError } from "../errors.js";

/**
 * Replaces a file so that a power cut at any moment leaves either the old content or the new: write beside it, fsync,
 * rename over it, fsync the folder. Resolves only after that.
 */
export async function replaceFile(
  path: string,
  bytes: Uint8Array,
  options: WriteOptions = {},
): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.new`);
  try {
    await makeFolder(dirname(path), 0o700);
    const file = await open(draft, "w", options.mode ?? 0o600);
    try {
      await writeAll(file, bytes, options.bytesPerS);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw asDiskFull(error, path, bytes.length);
  }
}

export interface WriteOptions {
  readonly mode?: number;
  /** Spreads the writing, so that slow flash stays free for what else the device does. */
  readonly bytesPerS?: number;
}

const CHUNK_BYTES = 4096;

async function writeAll(file: FileHandle, bytes: Uint8Array, bytesPerS?: number): Promise<void> {
  if (bytesPerS === undefined) {
    await file.writeFile(bytes);
    return;
  }
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const chunk = bytes.subarray(at, at + CHUNK_BYTES);
    await file.write(chunk);
    await new Promise((resolve) => setTimeout(resolve, (1000 * chunk.length) / bytesPerS));
  }
}

/** A rename is durable only once its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Null when there is no such file. */
export async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
}

export function isCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

/** ENOSPC, EDQUOT and EFBIG in the product's own words; any other error as it is. */
export function asDiskFull(error: unknown, path: string, bytes: number): unknown {
  if (!isCode(error, "ENOSPC", "EDQUOT", "EFBIG")) return error;
  return new DiskFullError({
    expected: `room for ${bytes} bytes at ${path}`,
    got: whatCame(error),
    todo: "Free some room on the device; nothing was lost and the agent tries again.",
    cause: error,
  });
}
