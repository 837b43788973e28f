import {
  type Bundle,
  checkNotExpired,
  checkThreshold,
  parseMetadata,
  TargetNotFoundError,
  TargetsSigned,
  type TrustDeps,
  topLevelDelegation,
  validSigners,
} from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import { MetadataFolder } from "./metadata-folder.js";
import { targetOf } from "./sign-release.js";

export interface SignedVerdict {
  readonly role: "targets";
  readonly version: number;
  readonly signatures: number;
  readonly threshold: number;
}

const DEPS: TrustDeps = { sha256: nodeSha256, verify: nodeVerify };

/**
 * Is this very bundle named by the folder's targets, signed by enough keys and not expired? The folder's newest root is
 * taken as given: whoever asks compares it with the root that devices hold.
 *
 * @throws TargetNotFoundError, SignatureThresholdError where only a draft names it, MetadataExpiredError
 */
export async function verifySignedBy(
  bundle: Bundle,
  repo: string,
  nowMs = Date.now(),
): Promise<SignedVerdict> {
  const folder = await MetadataFolder.open(repo);
  const { keys, role } = topLevelDelegation((await folder.latestRoot()).signed, "targets");
  const { path, file } = targetOf(bundle, DEPS);
  const isNamed = ({ targets }: TargetsSigned) =>
    Object.hasOwn(targets, path) && targets[path]!.hashes["sha256"] === file.hashes["sha256"];
  const draft = await folder.draft("targets");
  let targets = await folder.latestTargets();
  if (draft !== null && !isNamed(targets.signed))
    targets = parseMetadata(draft.bytes, TargetsSigned, "targets");
  const { version } = targets.signed;
  if (!isNamed(targets.signed)) {
    throw new TargetNotFoundError({
      expected: `targets version ${version} to name ${path} with SHA-256 ${file.hashes["sha256"]}`,
      got: "no such target",
      todo: "Sign this bundle with `mote sign`.",
    });
  }
  checkThreshold(targets, keys, role, "targets", DEPS);
  checkNotExpired("targets", targets.signed, nowMs);
  const signatures = validSigners(targets, keys, role, DEPS).size;
  return { role: "targets", version, signatures, threshold: role.threshold };
}
