import {
  checkCoseThreshold,
  envelopeFile,
  fromHex,
  MetadataMismatchError,
  parseCose,
  parseMetadata,
  RELEASE_ENVELOPE_TYPE,
  ROOT_ENVELOPE_TYPE,
  RootSigned,
  readReleaseEnvelope,
  readRootEnvelope,
  targetPath,
  toHex,
} from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import type { TrustView } from "./view.js";

const DEPS = { sha256: nodeSha256, verify: nodeVerify };

/** Names of envelopes for MCUs: `root-2.cose`, `reader-1.2.0-nrf52840.cose`. */
export const ENVELOPE_NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,190}\.cose$/;

/**
 * Would the MCUs that it is for take this envelope, from the root that is published on? What they would refuse is not
 * stored: it could only waste their batteries.
 *
 * @param rootBody TUF root in force: its root and targets keys are those of the envelopes
 * @throws TrustError
 */
export function checkEnvelope(file: string, body: Uint8Array, rootBody: Uint8Array, view: TrustView): void {
  const { keys, roles, version } = parseMetadata(rootBody, RootSigned, "root").signed;
  const keysOf = (role: "root" | "targets") =>
    roles[role].keyids.map((id) => fromHex(keys[id]?.keyval.public ?? ""));
  const mismatch = (expected: string, got: string): MetadataMismatchError =>
    new MetadataMismatchError({ expected, got, todo: "Make it again with `mote sign --envelopes`." });

  if (file === `root-${version}.cose`) {
    const root = readRootEnvelope(body);
    const document = parseCose(body, ROOT_ENVELOPE_TYPE);
    const said = JSON.stringify([root.version, root.rootKeys.map(toHex), root.releaseKeys.map(toHex)]);
    const expected = JSON.stringify([
      version,
      keysOf("root").map(toHex).sort(),
      keysOf("targets").map(toHex).sort(),
    ]);
    if (said !== expected) throw mismatch(`the keys of ${version}.root.json`, said);
    checkCoseThreshold(document, keysOf("root"), roles.root.threshold, "the root envelope", DEPS);
    return;
  }
  const release = readReleaseEnvelope(body);
  const named = envelopeFile(release.product, release.version, release.hardware);
  if (named !== file) throw mismatch(`an envelope named ${named}, or root-${version}.cose`, file);
  const document = parseCose(body, RELEASE_ENVELOPE_TYPE);
  checkCoseThreshold(document, keysOf("targets"), roles.targets.threshold, "the release envelope", DEPS);
  const target = view.targets.get(targetPath(release.product, release.version));
  const manifest = toHex(release.manifestSha256);
  if (target?.sha256 !== manifest) {
    throw mismatch(
      `the manifest ${target?.sha256 ?? "of a release"} that published targets name`,
      `an envelope of ${manifest}`,
    );
  }
}
