import { parseMetadata, TargetsSigned, validSigners } from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import type { MetadataFolder } from "./metadata-folder.js";

/** The newest targets below `limit` that enough of the newest root's keys have signed; null where none has. */
export async function newestCompleteTargets(
  folder: MetadataFolder,
  limit = Number.POSITIVE_INFINITY,
): Promise<TargetsSigned | null> {
  const { keys, roles } = (await folder.latestRoot()).signed;
  const versions = await folder.versions("targets");
  for (const version of versions.filter((candidate) => candidate < limit).reverse()) {
    const parsed = parseMetadata(await folder.read("targets", version), TargetsSigned, "targets");
    const signers = validSigners(parsed, keys, roles.targets, { sha256: nodeSha256, verify: nodeVerify });
    if (signers.size >= roles.targets.threshold) return parsed.signed;
  }
  return null;
}
