import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { whatCame } from "@mote/protocol";
import { FileError } from "../errors.js";

/**
 * SHA-256 in hex of a data set: of a file its bytes; of a folder the lines that `sha256sum` would print of its files,
 * by their path from the folder with "/" between, sorted by code unit. So it does not depend on the machine or the hour.
 */
export async function digestData(path: string): Promise<string> {
  try {
    if (!(await stat(path)).isDirectory()) return await digestFile(path);
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    const names = entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(path, join(entry.parentPath, entry.name)).split(sep).join("/"))
      .sort((a, b) => (a < b ? -1 : 1));
    const lines = createHash("sha256");
    for (const name of names) lines.update(`${await digestFile(join(path, name))}  ${name}\n`);
    return lines.digest("hex");
  } catch (cause) {
    throw new FileError({
      expected: `training data, a file or a folder, at ${path}`,
      got: whatCame(cause),
      todo: "Check the path.",
      cause,
    });
  }
}

/** Streamed, because training data may be larger than memory. */
async function digestFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
