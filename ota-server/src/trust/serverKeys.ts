import { access } from "node:fs/promises";
import { join } from "node:path";
import { generateKey, readServerKeys, type ServerKeys, writeServerKeys } from "@mote/protocol/node";

/**
 * The keys in `folder`; a folder without any gets its own freshness keys, whose public halves an operator then names in
 * root. A targets key is never made here: who may sign releases is decided where the root lies.
 */
export async function openServerKeys(folder: string): Promise<{ keys: ServerKeys; made: boolean }> {
  const exists = await access(join(folder, "timestamp.key.json")).then(
    () => true,
    () => false,
  );
  if (!exists) {
    await writeServerKeys(folder, { snapshot: generateKey(), timestamp: generateKey(), targets: null });
  }
  return { keys: await readServerKeys(folder), made: !exists };
}
