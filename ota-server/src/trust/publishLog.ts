import { toHex } from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";
import type { TrustFile } from "../store/trustFiles.js";
import type { TrustView } from "./view.js";

/** One thing that was made public: a metadata file, an envelope, or a release by its target path. */
export interface PublishedFact {
  readonly name: string;
  readonly sha256: string;
}

/**
 * What a publication adds to the log: its files (a timestamp only says "still fresh", every hour, and is left out), and
 * each release that devices can take from now on, or whose manifest is another than before.
 */
export function factsOf(
  files: readonly TrustFile[],
  before: TrustView["targets"],
  after: TrustView["targets"],
): PublishedFact[] {
  const named = files
    .filter(({ role }) => role !== "timestamp")
    .map(({ file, body }) => ({ name: file, sha256: toHex(nodeSha256(body)) }));
  const releases = [...after]
    .filter(([path, { sha256 }]) => before.get(path)?.sha256 !== sha256)
    .map(([path, { sha256 }]) => ({ name: path, sha256 }));
  return [...named, ...releases];
}
