import { targetPath } from "../api/device.js";
import { canonicalManifest, parseManifest } from "../bundle/canonical.js";
import type { Manifest, Variant } from "../bundle/manifest.js";
import { equalBytes, toHex } from "../bytes.js";
import {
  BelowFloorError,
  DigestMismatchError,
  MetadataMissingError,
  TargetNotFoundError,
  WrongArchitectureError,
  WrongHardwareError,
  WrongReleaseError,
} from "../errors.js";
import { followsSchema } from "../schema.js";
import { visitRoles } from "./delegations.js";
import { TRUST_LIMITS, type TrustLimits } from "./limits.js";
import { RootSigned, SnapshotSigned, TargetCustom, type TargetFile } from "./metadata.js";
import { heldRole, trustedNowMs } from "./refresh.js";
import type { TrustState } from "./state.js";
import { checkNotExpired, verifyTargets } from "./steps.js";
import { parseMetadata, type TrustDeps } from "./verify.js";

export interface FindDeps extends TrustDeps {
  readonly clockMs?: number | null;
  readonly limits?: TrustLimits;
}

/** A release's manifest as the signers named it. */
export interface FoundTarget {
  readonly path: string;
  readonly length: number;
  readonly sha256: string;
  readonly custom: TargetCustom;
}

/**
 * Searches a refreshed state for a release, trust order first. Verifies each role again on the way.
 *
 * @throws TargetNotFoundError, MetadataMissingError where a role that may speak for the path was not loaded,
 *   MetadataExpiredError, and whatever verifying a role throws.
 */
export function findTarget(state: TrustState, path: string, deps: FindDeps): FoundTarget {
  const file = findTargetFile(state, path, deps);
  if (file === null) {
    throw new TargetNotFoundError({
      expected: `a trusted role that names the target "${path}"`,
      got: "none",
      todo: "The release is not signed (yet), was retired, or its metadata was not refreshed.",
    });
  }
  const { length, hashes, custom } = file;
  const sha256 = hashes.sha256;
  if (sha256 === undefined || !followsSchema(TargetCustom, custom)) {
    throw new WrongReleaseError({
      expected: `target "${path}" with a SHA-256 and the facts of a Mote release`,
      got: "a target of another kind",
      todo: "Sign it with `mote sign`.",
    });
  }
  return { path, length, sha256: sha256.toLowerCase(), custom };
}

/** The target as TUF has it, of any kind; null where no trusted role names it. */
export function findTargetFile(state: TrustState, path: string, deps: FindDeps): TargetFile | null {
  const nowMs = trustedNowMs(state, deps.clockMs ?? null);
  const limits = deps.limits ?? TRUST_LIMITS;
  const root = parseMetadata(state.root, RootSigned, "root").signed;
  // Root and snapshot were verified before they entered the state, which is the device's own.
  const snapshot = parseMetadata(required(state.snapshot, "snapshot"), SnapshotSigned, "snapshot").signed;
  const walk = visitRoles(root, path, limits.maxDelegations, deps.sha256);
  for (let step = walk.next(); !step.done; ) {
    const { name, by } = step.value;
    const bytes = required(name === "targets" ? state.targets : heldRole(state, name), name);
    const targets = verifyTargets(name, by, snapshot, bytes, deps);
    checkNotExpired(name, targets, nowMs);
    if (Object.hasOwn(targets.targets, path)) return targets.targets[path]!;
    step = walk.next(targets);
  }
  return null;
}

export interface ManifestQuestion {
  readonly target: FoundTarget;
  readonly manifestBytes: Uint8Array;
  readonly state: TrustState;
  /** The device's hardware class. */
  readonly hardware: string;
  /** The product that the device was enrolled for: a release's `name`. */
  readonly product: string;
  /** The model code that the device runs; only where new code can't come with the update (mote-c). */
  readonly architectureHash?: string;
}

/**
 * The last question of trust: are these bytes the release that was signed, and is it for this device?
 *
 * @throws DigestMismatchError, SchemaError, WrongReleaseError, BelowFloorError, WrongHardwareError,
 *   WrongArchitectureError
 */
export function judgeManifest(
  question: ManifestQuestion,
  deps: Pick<TrustDeps, "sha256">,
): { manifest: Manifest; variant: Variant } {
  const { target, manifestBytes, state, hardware, product } = question;
  const digest = toHex(deps.sha256(manifestBytes));
  if (manifestBytes.length !== target.length || digest !== target.sha256) {
    throw new DigestMismatchError({
      expected: `a manifest of ${target.length} bytes with SHA-256 ${target.sha256}`,
      got: `${manifestBytes.length} bytes with ${digest}`,
      todo: "Fetch it again; if it stays, the server's copy is damaged or was exchanged.",
    });
  }
  const manifest = parseManifest(manifestBytes);
  checkIsWhatWasSigned(manifest, manifestBytes, target, product);
  checkFloor(state, manifest.name, manifest.sequence);
  const variant = manifest.variants.find((candidate) => candidate.hardware.includes(hardware));
  if (variant === undefined || !target.custom.hardware.includes(hardware)) {
    throw new WrongHardwareError({
      expected: `a variant for hardware class "${hardware}"`,
      got: `variants for ${target.custom.hardware.join(", ")}`,
      todo: "Roll out to groups of that hardware only, or add a variant to the bundle.",
    });
  }
  if (question.architectureHash !== undefined && variant.architectureHash !== question.architectureHash) {
    throw new WrongArchitectureError({
      expected: `parameters for the model code ${question.architectureHash}`,
      got: `parameters for ${variant.architectureHash}`,
      todo: "A changed architecture needs new firmware first.",
    });
  }
  return { manifest, variant };
}

/** @throws BelowFloorError */
export function checkFloor(state: TrustState, product: string, sequence: number): void {
  const floor = Object.hasOwn(state.floors, product) ? state.floors[product]! : 0;
  if (sequence >= floor) return;
  throw new BelowFloorError({
    expected: `a release of ${product} with sequence ${floor} (the signed floor) or above`,
    got: `sequence ${sequence}`,
    todo: "A retired release can't come back. Sign its content as a new release with a higher sequence.",
  });
}

function checkIsWhatWasSigned(
  manifest: Manifest,
  bytes: Uint8Array,
  target: FoundTarget,
  product: string,
): void {
  const { name, version, sequence } = target.custom;
  // A role that is trusted with one product's paths must not speak for another's.
  const isConsistent =
    manifest.name === name &&
    manifest.version === version &&
    manifest.sequence === sequence &&
    target.path === targetPath(name, version);
  if (isConsistent && name === product && equalBytes(bytes, canonicalManifest(manifest))) return;
  throw new WrongReleaseError({
    expected: `the canonical manifest of ${name} ${version} (sequence ${sequence}) for product "${product}"`,
    got: `${manifest.name} ${manifest.version} (sequence ${manifest.sequence}) at "${target.path}"`,
    todo: "Make the bundle and sign it again with `mote bundle create` and `mote sign`.",
  });
}

function required(bytes: Uint8Array | null, role: string): Uint8Array {
  if (bytes !== null) return bytes;
  throw new MetadataMissingError({
    expected: `trusted ${role} metadata in the device's state`,
    got: "none",
    todo: "Refresh first; if this stays, the role could not be trusted: see the refresh of its path.",
  });
}
