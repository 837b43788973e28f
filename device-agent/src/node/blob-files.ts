import { appendFile, open, readdir, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { toHex } from "@mote/protocol";
import { makeFolder, nodeSha256 } from "@mote/protocol/node";
import type { BlobStore } from "../core/ports.js";
import { AgentStateError } from "../errors.js";
import { asDiskFull, isCode, readIfThere, replaceFile } from "./durable-file.js";

const PARTIAL = ".partial";

export interface BlobFilesOptions {
  /** Limits how fast a slot is written, in bytes a second; unlimited without it. */
  readonly writeBytesPerS?: number;
}

/** Blobs as files named by their digest, in one folder; unfinished downloads beside them as `<digest>.partial`. */
export async function openBlobFiles(folder: string, options: BlobFilesOptions = {}): Promise<BlobStore> {
  await makeFolder(folder, 0o700);
  const pathOf = (sha256: string) => join(folder, sha256);
  const partialOf = (sha256: string) => join(folder, sha256 + PARTIAL);

  return {
    async has(sha256) {
      return (await sizeOf(pathOf(sha256))) !== null;
    },
    async read(sha256) {
      const bytes = await readIfThere(pathOf(sha256));
      const digest = bytes === null ? "no such file" : toHex(nodeSha256(bytes));
      if (bytes === null || digest !== sha256) {
        throw new AgentStateError({
          expected: `a blob with SHA-256 ${sha256} in ${folder}`,
          got: digest,
          todo: "The device fetches it again with the next update; if this repeats, its storage is failing.",
        });
      }
      return bytes;
    },
    async put(sha256, bytes) {
      const { writeBytesPerS } = options;
      await replaceFile(
        pathOf(sha256),
        bytes,
        writeBytesPerS === undefined ? {} : { bytesPerS: writeBytesPerS },
      );
    },
    async partialLength(sha256) {
      return (await sizeOf(partialOf(sha256))) ?? 0;
    },
    async appendPartial(sha256, chunk) {
      try {
        await appendFile(partialOf(sha256), chunk, { mode: 0o600 });
      } catch (error) {
        throw asDiskFull(error, partialOf(sha256), chunk.length);
      }
    },
    async readPartial(sha256) {
      return (await readIfThere(partialOf(sha256))) ?? new Uint8Array();
    },
    async discardPartial(sha256) {
      await rm(partialOf(sha256), { force: true });
    },
    async keepOnly(sha256s) {
      for (const name of await readdir(folder)) {
        const sha256 = name.endsWith(PARTIAL) ? name.slice(0, -PARTIAL.length) : name;
        if (!sha256s.has(sha256)) await rm(join(folder, name), { force: true });
      }
    },
    async freeBytes() {
      const { bavail, bsize } = await statfs(folder);
      return bavail * bsize;
    },
  };
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
}

/** Proves that a folder can be written before anything relies on it. */
export async function checkWritable(folder: string): Promise<void> {
  const probe = join(folder, ".probe");
  const file = await open(probe, "w", 0o600);
  await file.close();
  await rm(probe, { force: true });
}
