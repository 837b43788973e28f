import {
  type Bundle,
  checkNotExpired,
  parseMetadata,
  SignatureThresholdError,
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
 * Is this very bundle named by the folder's newest targets, signed by enough keys and not expired? The folder's newest
 * root is taken as given: whoever asks compares it with the root that devices hold.
 *
 * @throws TargetNotFoundError, SignatureThresholdError, MetadataExpiredError
 */
export async function verifySignedBy(
  bundle: Bundle,
  repo: string,
  nowMs = Date.now(),
): Promise<SignedVerdict> {
  const folder = await MetadataFolder.open(repo);
  const root = (await folder.latestRoot()).signed;
  const targets = parseMetadata(await folder.latest("targets"), TargetsSigned, "targets");
  const { keys, role } = topLevelDelegation(root, "targets");
  const signatures = validSigners(targets, keys, role, DEPS).size;
  if (signatures < role.threshold) {
    throw new SignatureThresholdError({
      expected: `targets version ${targets.signed.version} signed by ${role.threshold} keys`,
      got: `${signatures}`,
      todo: "Have the next person sign: `mote sign`.",
    });
  }
  checkNotExpired("targets", targets.signed, nowMs);
  const { path, file } = targetOf(bundle, DEPS);
  const named = Object.hasOwn(targets.signed.targets, path) ? targets.signed.targets[path] : undefined;
  if (named?.hashes.sha256 !== file.hashes.sha256) {
    throw new TargetNotFoundError({
      expected: `targets version ${targets.signed.version} to name ${path} with SHA-256 ${file.hashes.sha256}`,
      got: named === undefined ? "no such target" : String(named.hashes.sha256),
      todo: "Sign this bundle with `mote sign`.",
    });
  }
  return { role: "targets", version: targets.signed.version, signatures, threshold: role.threshold };
}
