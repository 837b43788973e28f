import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes a folder and those above it that are missing; what is there stays. Node's own `recursive` never comes back where
 * a file system refuses new names as /proc does: with ENOENT, though the folder above is there.
 *
 * @param mode of the folders that are made.
 * @throws what the system refuses, after at most two tries for each folder of the path.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  if (await isMade(path, mode)) return;
  const above = dirname(path);
  if (above !== path) await makeFolder(above, mode);
  await mkdir(path, { mode }).catch((error: NodeJS.ErrnoException) => {
    // Another process was faster.
    if (error.code !== "EEXIST") throw error;
  });
}

/** @returns false where the folder above may be missing. */
async function isMade(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return false;
    // EEXIST, or what a root that can't be written says of the folders that it has.
    const there = await stat(path).catch(() => null);
    if (there?.isDirectory() === true) return true;
    throw error;
  }
}
