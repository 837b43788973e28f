import { access } from "node:fs/promises";
import { join } from "node:path";
import { readKeyFile, writeKeyFile } from "./key-file.js";
import type { SigningKey } from "./keys.js";
import { makeFolder } from "./make-folder.js";

/**
 * The folder that a server gets, and all that it may hold: the keys of freshness and, in server mode, one delegated
 * targets key. They lie unencrypted (0600), because a server starts without anybody at the keyboard; what a thief of
 * them can do is bounded by what root delegates to them.
 */
export interface ServerKeys {
  readonly snapshot: SigningKey;
  readonly timestamp: SigningKey;
  /** Null in offline mode. */
  readonly targets: SigningKey | null;
}

const FILES = {
  snapshot: "snapshot.key.json",
  timestamp: "timestamp.key.json",
  targets: "targets.key.json",
} as const;

/** The delegated role that a server signs in server mode, and the paths that it may speak for: every manifest. */
export const SERVER_ROLE = "server";
export const SERVER_ROLE_PATHS = ["*/*/manifest.json"];

/** @throws KeyFileError */
export async function writeServerKeys(folder: string, keys: ServerKeys): Promise<void> {
  await makeFolder(folder, 0o700);
  for (const role of ["snapshot", "timestamp", "targets"] as const) {
    const key = keys[role];
    if (key === null) continue;
    const label = role === "targets" ? SERVER_ROLE : role;
    await writeKeyFile(join(folder, FILES[role]), key, { label, protection: { unencrypted: true } });
  }
}

/** @throws KeyFileError */
export async function readServerKeys(folder: string): Promise<ServerKeys> {
  const targetsFile = join(folder, FILES.targets);
  const hasTargets = await access(targetsFile).then(
    () => true,
    () => false,
  );
  return {
    snapshot: await readKeyFile(join(folder, FILES.snapshot), null),
    timestamp: await readKeyFile(join(folder, FILES.timestamp), null),
    targets: hasTargets ? await readKeyFile(targetsFile, null) : null,
  };
}
