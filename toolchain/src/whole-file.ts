import { open, rename, rm } from "node:fs/promises";
import { whatCame } from "@mote/protocol";
import { FileError } from "./errors.js";

/**
 * Writes beside, syncs and renames: under the name stands the whole new file or what stood there before, also after a full
 * disk, an interrupt or a power cut. Rejects with what the system says.
 */
export async function replaceFile(path: string, content: Uint8Array | string): Promise<void> {
  const partial = `${path}.${process.pid}.part`;
  try {
    const file = await open(partial, "w", 0o644);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** `replaceFile` for what a person asked for by name. @throws FileError */
export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  await replaceFile(path, content).catch((cause: unknown) => {
    throw new FileError({
      expected: `to write ${path}`,
      got: whatCame(cause),
      todo: "Check the folder, its rights and the free space.",
      cause,
    });
  });
}
