import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Manifest, OperatorClient } from "@mote/protocol";
import { SERVER_ROLE } from "@mote/protocol/node";
import type { MetadataFolder } from "./metadata-folder.js";

/** Roles that people sign. Snapshot and timestamp are the server's. */
const BROUGHT_ROLES = ["root", "targets", SERVER_ROLE] as const;

/**
 * Brings a server what it lacks of a folder's metadata: every root in order (devices walk them one by one), and the
 * newest of each other role. Drafts stay where they are. The server verifies each file before it stores it.
 *
 * @returns the names of the files that were brought
 */
export async function publishMetadata(client: OperatorClient, folder: MetadataFolder): Promise<string[]> {
  const { roles } = await client.trust();
  const brought: string[] = [];
  for (const role of BROUGHT_ROLES) {
    const held = roles.find((known) => known.role === role)?.version ?? 0;
    const missing = (await folder.versions(role)).filter((version) => version > held);
    for (const version of role === "root" ? missing : missing.slice(-1)) {
      const file = `${version}.${role}.json`;
      await client.putMetadata(file, await folder.read(role, version));
      brought.push(file);
    }
  }
  return brought;
}

/**
 * Brings the envelopes for MCUs that `mote sign --envelopes` and `mote keys rotate --envelopes` left in a folder: those of
 * this release, and of the root in force. The server verifies each before it stores it.
 *
 * @param release null: of every release that the server has
 * @returns the names of the files that were brought
 */
export async function publishEnvelopes(
  client: OperatorClient,
  folder: string,
  release: Pick<Manifest, "name" | "version"> | null,
): Promise<string[]> {
  const { roles } = await client.trust();
  const root = `root-${roles.find(({ role }) => role === "root")?.version}.cose`;
  const wanted =
    release === null
      ? (await client.releases()).releases.map(({ product, version }) => `${product}-${version}-`)
      : [`${release.name}-${release.version}-`];
  const files = (await readdir(folder)).filter((file) => file.endsWith(".cose")).sort();
  const brought = files.filter((file) => file === root || wanted.some((start) => file.startsWith(start)));
  for (const file of brought) {
    await client.putEnvelope(file, new Uint8Array(await readFile(join(folder, file))));
  }
  return brought;
}
