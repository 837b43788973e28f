import type { OperatorClient } from "@mote/protocol";
import { SERVER_ROLE } from "@mote/protocol/node";
import { newestCompleteTargets } from "./complete.js";
import type { MetadataFolder } from "./metadata-folder.js";

/** Roles that people sign. Snapshot and timestamp are the server's. */
const BROUGHT_ROLES = ["root", "targets", SERVER_ROLE] as const;

/**
 * Brings a server what it lacks of a folder's metadata: every root in order (devices walk them one by one), and the
 * newest of each other role. The server verifies each before it stores it.
 *
 * @returns the names of the files that were brought
 */
export async function publishMetadata(client: OperatorClient, folder: MetadataFolder): Promise<string[]> {
  const { roles } = await client.trust();
  const brought: string[] = [];
  for (const role of BROUGHT_ROLES) {
    const held = roles.find((known) => known.role === role)?.version ?? 0;
    for (const version of (await publishable(folder, role)).filter((candidate) => candidate > held)) {
      const file = `${version}.${role}.json`;
      await client.putMetadata(file, await folder.read(role, version));
      brought.push(file);
    }
  }
  return brought;
}

async function publishable(folder: MetadataFolder, role: (typeof BROUGHT_ROLES)[number]): Promise<number[]> {
  if (role === "root") return folder.versions(role);
  if (role !== "targets") return (await folder.versions(role)).slice(-1);
  // A draft that still gathers signatures stays where it is.
  const complete = await newestCompleteTargets(folder);
  return complete === null ? [] : [complete.version];
}
