import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { KeyFileError } from "@mote/protocol";
import { type KeyInfo, readKeyFile, readKeyInfo, type SigningKey } from "@mote/protocol/node";

export interface HeldKey extends KeyInfo {
  readonly file: string;
}

/**
 * The key files in a folder (not below it) or the one file named, without opening any.
 *
 * @throws KeyFileError where there is none
 */
export async function listKeys(path: string): Promise<HeldKey[]> {
  const files = await keyFiles(path);
  const keys: HeldKey[] = [];
  for (const file of files) keys.push({ ...(await readKeyInfo(file)), file });
  return keys;
}

/** Opens those of the held keys that the role names, asking for each passphrase. */
export async function openKeys(
  held: readonly HeldKey[],
  keyIds: readonly string[],
  askPassphrase: (label: string) => Promise<string>,
): Promise<SigningKey[]> {
  const wanted = held.filter(({ keyId }) => keyIds.includes(keyId));
  const opened: SigningKey[] = [];
  for (const { file } of wanted) opened.push(await readKeyFile(file, askPassphrase));
  return opened;
}

async function keyFiles(path: string): Promise<string[]> {
  try {
    if ((await stat(path)).isFile()) return [path];
    const names = (await readdir(path)).filter((name) => name.endsWith(".key.json")).sort();
    if (names.length > 0) return names.map((name) => join(path, name));
  } catch (cause) {
    throw noKeys(path, cause);
  }
  throw noKeys(path);
}

function noKeys(path: string, cause?: unknown): KeyFileError {
  return new KeyFileError({
    expected: `key files (*.key.json) in ${path}`,
    got: "none",
    todo: "Name the folder that `mote keys init --out` made, or a key file.",
    cause,
  });
}
