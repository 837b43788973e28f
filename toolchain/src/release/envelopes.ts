import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  addEnvelopeSignatures,
  type Bundle,
  checkCoseThreshold,
  envelopeFile,
  FLOORS_MEMBER,
  fromHex,
  parseCose,
  RELEASE_ENVELOPE_TYPE,
  type ReleaseEnvelope,
  ROOT_ENVELOPE_TYPE,
  type RootEnvelope,
  type RootSigned,
  readReleaseEnvelope,
  SignatureThresholdError,
  type Signer,
  signReleaseEnvelope,
  signRootEnvelope,
  type TargetsSigned,
  type TopLevelRole,
  type TrustDeps,
} from "@mote/protocol";
import { makeFolder } from "@mote/protocol/node";

/** What a signer left behind for MCUs: one file per variant and hardware class. */
export interface EnvelopeFile {
  readonly file: string;
  readonly hardware: string;
  readonly bytes: number;
  readonly isComplete: boolean;
}

/** What MCUs know as their root: the very keys and thresholds of TUF's root and targets. */
export function rootEnvelopeOf(root: RootSigned): RootEnvelope {
  const keysOf = (role: TopLevelRole) =>
    root.roles[role].keyids.map((id) => fromHex(root.keys[id]!.keyval.public));
  return {
    version: root.version,
    rootThreshold: root.roles.root.threshold,
    rootKeys: keysOf("root"),
    releaseThreshold: root.roles.targets.threshold,
    releaseKeys: keysOf("targets"),
    expiresS: Date.parse(root.expires) / 1000,
  };
}

/** `root-N.cose`, as a draft until both generations of root keys have signed; `N` as in N.root.json. */
export async function signRootEnvelopeFile(
  folder: string,
  root: RootSigned,
  signers: readonly Signer[],
  deps: TrustDeps,
): Promise<string> {
  const path = join(folder, `root-${root.version}.cose`);
  const held = await readOrNull(path);
  const fresh = signRootEnvelope(rootEnvelopeOf(root), [], deps.sha256);
  const isSame = held !== null && samePayload(held, fresh, ROOT_ENVELOPE_TYPE);
  await makeFolder(folder);
  await writeFile(
    path,
    addEnvelopeSignatures(isSame ? held : fresh, ROOT_ENVELOPE_TYPE, signers, deps.sha256),
  );
  return path;
}

/**
 * Signs one envelope per hardware class of each mote-c variant, or adds signatures to those that another person began
 * (their hour of issue stands, so that all sign the same words).
 */
export async function signEnvelopes(request: {
  readonly bundle: Bundle;
  readonly root: RootSigned;
  /** With the bundle named in it: floor and expiry are taken from here. */
  readonly targets: TargetsSigned;
  readonly signers: readonly Signer[];
  readonly folder: string;
  readonly nowMs: number;
  readonly deps: TrustDeps;
}): Promise<EnvelopeFile[]> {
  const { bundle, root, targets, signers, folder, deps } = request;
  const { manifest, manifestBytes } = bundle;
  await makeFolder(folder);
  const { releaseKeys, releaseThreshold } = rootEnvelopeOf(root);
  const written: EnvelopeFile[] = [];
  for (const variant of manifest.variants.filter(({ runtime }) => runtime === "mote-c")) {
    for (const hardware of variant.hardware) {
      const file = join(folder, envelopeFile(manifest.name, manifest.version, hardware));
      const held = await readOrNull(file);
      const release: ReleaseEnvelope = {
        product: manifest.name,
        version: manifest.version,
        sequence: manifest.sequence,
        floor: targets[FLOORS_MEMBER]?.[manifest.name] ?? 0,
        hardware,
        architectureHash: fromHex(variant.architectureHash),
        paramsSha256: fromHex(variant.artifact.sha256),
        paramsLength: variant.artifact.length,
        goldenInputsSha256: fromHex(variant.golden.inputs.sha256),
        goldenInputsLength: variant.golden.inputs.length,
        goldenOutputsSha256: fromHex(variant.golden.outputs.sha256),
        goldenOutputsLength: variant.golden.outputs.length,
        manifestSha256: deps.sha256(manifestBytes),
        issuedS: held === null ? Math.floor(request.nowMs / 1000) : readReleaseEnvelope(held).issuedS,
        expiresS: Date.parse(targets.expires) / 1000,
      };
      const fresh = signReleaseEnvelope(release, [], deps.sha256);
      const begun = held !== null && samePayload(held, fresh, RELEASE_ENVELOPE_TYPE) ? held : fresh;
      const bytes = addEnvelopeSignatures(begun, RELEASE_ENVELOPE_TYPE, signers, deps.sha256);
      await writeFile(file, bytes);
      const isComplete = hasThreshold(bytes, releaseKeys, releaseThreshold, deps);
      written.push({ file, hardware, bytes: bytes.length, isComplete });
    }
  }
  return written;
}

function hasThreshold(
  bytes: Uint8Array,
  keys: readonly Uint8Array[],
  threshold: number,
  deps: TrustDeps,
): boolean {
  try {
    checkCoseThreshold(parseCose(bytes, RELEASE_ENVELOPE_TYPE), keys, threshold, "the release", deps);
    return true;
  } catch (error) {
    if (error instanceof SignatureThresholdError) return false;
    throw error;
  }
}

/** Do both say the same, whoever signed them? */
function samePayload(
  a: Uint8Array,
  b: Uint8Array,
  type: typeof ROOT_ENVELOPE_TYPE | typeof RELEASE_ENVELOPE_TYPE,
): boolean {
  return Buffer.compare(parseCose(a, type).payload, parseCose(b, type).payload) === 0;
}

async function readOrNull(path: string): Promise<Uint8Array | null> {
  return readFile(path).then(
    (bytes) => new Uint8Array(bytes),
    () => null,
  );
}
