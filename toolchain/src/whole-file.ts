import { rename, rm, writeFile } from "node:fs/promises";
import { FileError } from "./errors.js";

/**
 * Writes beside and renames: under the name stands the whole new file or what stood there before, also after a full disk or
 * an interrupt. @throws FileError
 */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const partial = `${path}.${process.pid}.part`;
  try {
    await writeFile(partial, bytes);
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw new FileError({
      expected: `to write ${path}`,
      got: cause instanceof Error ? cause.message : String(cause),
      todo: "Check the folder, its rights and the free space.",
      cause,
    });
  }
}
