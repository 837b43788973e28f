import { access } from "node:fs/promises";
import { join } from "node:path";
import { generateKey, readServerKeys, type ServerKeys, writeServerKeys } from "@mote/protocol/node";
import { ConfigError } from "../errors.js";

/**
 * The keys in `folder`. Before the first root a folder without any gets its own freshness keys, whose public halves an
 * operator then names in root. A targets key is never made here: who may sign releases is decided where the root lies.
 *
 * @param hasRoot whether a root is published, which names keys that are somewhere
 * @throws ConfigError where that root's keys are not here: new ones could sign nothing that devices believe
 */
export async function openServerKeys(
  folder: string,
  hasRoot: boolean,
): Promise<{ keys: ServerKeys; made: boolean }> {
  const exists = await access(join(folder, "timestamp.key.json")).then(
    () => true,
    () => false,
  );
  if (!exists && hasRoot) {
    throw new ConfigError({
      expected: `the keys that the published root names, in ${folder}`,
      got: "no timestamp.key.json there",
      todo: "Name their folder with --server-keys, or bring them back from a backup. Where they are lost, make others with `mote keys rotate --server-keys`.",
    });
  }
  if (!exists) {
    await writeServerKeys(folder, { snapshot: generateKey(), timestamp: generateKey(), targets: null });
  }
  return { keys: await readServerKeys(folder), made: !exists };
}
