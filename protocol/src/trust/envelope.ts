import { decode, encode } from "cborg";
import { equalBytes, type Sha256, toHex } from "../bytes.js";
import {
  BelowFloorError,
  MetadataExpiredError,
  MetadataFormatError,
  MetadataRollbackError,
  WrongArchitectureError,
  WrongHardwareError,
  WrongReleaseError,
  whatCame,
} from "../errors.js";
import { checkCoseThreshold, coseSign, parseCose } from "./cose.js";
import type { Signer } from "./sign.js";
import type { TrustDeps } from "./verify.js";

/**
 * What an MCU needs of trust, in two kinds of envelope (cose.ts): a *root* names the keys and their thresholds, a
 * *release* names one variant of one release for one hardware class. They say what TUF's root and targets say, by the
 * same people's keys. Payloads are positional CBOR arrays; firmware-shims reads the same bytes.
 */

export const ROOT_ENVELOPE_TYPE = "mote.root/1";
export const RELEASE_ENVELOPE_TYPE = "mote.release/2";
const MAX_KEYS = 8;
const TEXT = /^[\x21-\x7e]{1,63}$/;

/** `[version, root threshold, [root keys], release threshold, [release keys], expires]` */
export interface RootEnvelope {
  readonly version: number;
  readonly rootThreshold: number;
  /** Ed25519, 32 B each, ascending. */
  readonly rootKeys: readonly Uint8Array[];
  readonly releaseThreshold: number;
  readonly releaseKeys: readonly Uint8Array[];
  /** Seconds since 1970. */
  readonly expiresS: number;
}

/**
 * `[product, version, sequence, floor, hardware, architecture hash, params SHA-256, params length, golden inputs SHA-256,
 * golden inputs length, golden outputs SHA-256, golden outputs length, manifest SHA-256, issued, expires]`
 */
export interface ReleaseEnvelope {
  readonly product: string;
  readonly version: string;
  readonly sequence: number;
  /** Signed floor of the product: the device takes nothing below it from then on. */
  readonly floor: number;
  readonly hardware: string;
  /** 32 B each. */
  readonly architectureHash: Uint8Array;
  readonly paramsSha256: Uint8Array;
  readonly paramsLength: number;
  /** A device that holds these inputs already fetches the outputs alone. */
  readonly goldenInputsSha256: Uint8Array;
  readonly goldenInputsLength: number;
  readonly goldenOutputsSha256: Uint8Array;
  readonly goldenOutputsLength: number;
  /** The manifest that people signed as the TUF target: ties both worlds together. */
  readonly manifestSha256: Uint8Array;
  /** Seconds since 1970; a device without a clock learns the time from it. */
  readonly issuedS: number;
  readonly expiresS: number;
}

/** All that an MCU remembers of trust. */
export interface EnvelopeState {
  readonly root: RootEnvelope;
  /** Highest signed floor seen. */
  readonly floor: number;
  /** Greatest signed time seen, seconds since 1970. */
  readonly timeS: number;
}

export function signRootEnvelope(root: RootEnvelope, signers: readonly Signer[], sha256: Sha256): Uint8Array {
  return coseSign({ contentType: ROOT_ENVELOPE_TYPE, payload: encodeRoot(root) }, signers, sha256);
}

export function signReleaseEnvelope(
  release: ReleaseEnvelope,
  signers: readonly Signer[],
  sha256: Sha256,
): Uint8Array {
  return coseSign({ contentType: RELEASE_ENVELOPE_TYPE, payload: encodeRelease(release) }, signers, sha256);
}

/** One more person's signature on an envelope of either kind. @throws MetadataFormatError */
export function addEnvelopeSignatures(
  bytes: Uint8Array,
  contentType: typeof ROOT_ENVELOPE_TYPE | typeof RELEASE_ENVELOPE_TYPE,
  signers: readonly Signer[],
  sha256: Sha256,
): Uint8Array {
  return coseSign(parseCose(bytes, contentType), signers, sha256);
}

/** Reads without judging who signed. @throws MetadataFormatError */
export function readReleaseEnvelope(bytes: Uint8Array): ReleaseEnvelope {
  return decodeRelease(parseCose(bytes, RELEASE_ENVELOPE_TYPE).payload);
}

/** Reads without judging who signed. @throws MetadataFormatError */
export function readRootEnvelope(bytes: Uint8Array): RootEnvelope {
  return decodeRoot(parseCose(bytes, ROOT_ENVELOPE_TYPE).payload);
}

/** By this name a server keeps a release's envelope for one hardware class: an MCU asks for it under PATHS.metadata. */
export function envelopeFile(product: string, version: string, hardware: string): string {
  return `${product}-${version}-${hardware}.cose`;
}

/** The root that an MCU is flashed with. Possession is the proof. @throws MetadataFormatError */
export function pinRootEnvelope(bytes: Uint8Array): EnvelopeState {
  return { root: readRootEnvelope(bytes), floor: 0, timeS: 0 };
}

/**
 * The next root: signed by the thresholds of the root before and of itself, exactly one version on.
 *
 * @throws MetadataFormatError, SignatureThresholdError, MetadataRollbackError
 */
export function rotateRootEnvelope(state: EnvelopeState, bytes: Uint8Array, deps: TrustDeps): EnvelopeState {
  const document = parseCose(bytes, ROOT_ENVELOPE_TYPE);
  const next = decodeRoot(document.payload);
  const { root } = state;
  checkCoseThreshold(document, root.rootKeys, root.rootThreshold, "the root (by the root before)", deps);
  checkCoseThreshold(document, next.rootKeys, next.rootThreshold, "the root (by its own keys)", deps);
  if (next.version !== root.version + 1) {
    throw new MetadataRollbackError({
      expected: `root envelope version ${root.version + 1}`,
      got: `version ${next.version}`,
      todo: "Root envelopes follow one another without a gap. Nothing of it was used.",
    });
  }
  return { ...state, root: next };
}

export interface EnvelopeQuestion {
  readonly product: string;
  readonly hardware: string;
  /** 32 B, compiled into the firmware. */
  readonly architectureHash: Uint8Array;
  /** Null where the device has no clock. */
  readonly clockS: number | null;
}

/**
 * May this MCU take this release? The returned state (a raised floor, a later time) is to be persisted before the
 * release counts.
 *
 * @throws TrustError, one subclass per cause, in the order in which firmware-shims checks
 */
export function judgeReleaseEnvelope(
  state: EnvelopeState,
  bytes: Uint8Array,
  question: EnvelopeQuestion,
  deps: TrustDeps,
): { release: ReleaseEnvelope; state: EnvelopeState } {
  const document = parseCose(bytes, RELEASE_ENVELOPE_TYPE);
  const { root } = state;
  checkCoseThreshold(document, root.releaseKeys, root.releaseThreshold, "the release", deps);
  const release = decodeRelease(document.payload);
  const timeS = Math.max(state.timeS, release.issuedS);
  const nowS = Math.max(timeS, question.clockS ?? 0);
  if (nowS >= release.expiresS || nowS >= root.expiresS) {
    throw new MetadataExpiredError({
      expected: `a release and a root that are valid at ${new Date(nowS * 1000).toISOString()}`,
      got: `a release until ${release.expiresS}, a root until ${root.expiresS} (seconds since 1970)`,
      todo: "What runs goes on running. Sign a fresh envelope.",
    });
  }
  const floor = Math.max(state.floor, release.floor);
  if (release.product !== question.product) {
    throw new WrongReleaseError({
      expected: `a release of ${question.product}`,
      got: `one of ${release.product}`,
      todo: "Send the envelope to devices of its product.",
    });
  }
  if (release.sequence < floor) {
    throw new BelowFloorError({
      expected: `sequence ${floor} (the signed floor) or above`,
      got: `sequence ${release.sequence}`,
      todo: "A retired release can't come back.",
    });
  }
  if (release.hardware !== question.hardware) {
    throw new WrongHardwareError({
      expected: `a release for hardware class "${question.hardware}"`,
      got: `"${release.hardware}"`,
      todo: "Send each class its own envelope.",
    });
  }
  if (!equalBytes(release.architectureHash, question.architectureHash)) {
    throw new WrongArchitectureError({
      expected: `parameters for model code ${toHex(question.architectureHash)}`,
      got: toHex(release.architectureHash),
      todo: "A changed architecture needs new firmware first.",
    });
  }
  return { release, state: { ...state, floor, timeS } };
}

function encodeRoot(root: RootEnvelope): Uint8Array {
  const keys = (list: readonly Uint8Array[]) => [...list].sort((a, b) => (toHex(a) < toHex(b) ? -1 : 1));
  return encode([
    root.version,
    root.rootThreshold,
    keys(root.rootKeys),
    root.releaseThreshold,
    keys(root.releaseKeys),
    root.expiresS,
  ]);
}

function encodeRelease(release: ReleaseEnvelope): Uint8Array {
  return encode([
    release.product,
    release.version,
    release.sequence,
    release.floor,
    release.hardware,
    release.architectureHash,
    release.paramsSha256,
    release.paramsLength,
    release.goldenInputsSha256,
    release.goldenInputsLength,
    release.goldenOutputsSha256,
    release.goldenOutputsLength,
    release.manifestSha256,
    release.issuedS,
    release.expiresS,
  ]);
}

function decodeRoot(payload: Uint8Array): RootEnvelope {
  const at = fields(payload, 6, "root");
  const root = {
    version: at.uint(0, 1),
    rootThreshold: at.uint(1, 1),
    rootKeys: at.keys(2),
    releaseThreshold: at.uint(3, 1),
    releaseKeys: at.keys(4),
    expiresS: at.uint(5, 0),
  };
  at.mustEqual(encodeRoot(root));
  return root;
}

function decodeRelease(payload: Uint8Array): ReleaseEnvelope {
  const at = fields(payload, 15, "release");
  const release = {
    product: at.text(0),
    version: at.text(1),
    sequence: at.uint(2, 1),
    floor: at.uint(3, 0),
    hardware: at.text(4),
    architectureHash: at.bytes(5, 32),
    paramsSha256: at.bytes(6, 32),
    paramsLength: at.uint(7, 1),
    goldenInputsSha256: at.bytes(8, 32),
    goldenInputsLength: at.uint(9, 0),
    goldenOutputsSha256: at.bytes(10, 32),
    goldenOutputsLength: at.uint(11, 0),
    manifestSha256: at.bytes(12, 32),
    issuedS: at.uint(13, 0),
    expiresS: at.uint(14, 0),
  };
  at.mustEqual(encodeRelease(release));
  return release;
}

/** Positions of a payload, each checked for kind and size. Numbers fit 32 bits, as the MCU reads them. */
function fields(payload: Uint8Array, count: number, what: string) {
  const fault = (got: string, cause?: unknown): MetadataFormatError =>
    new MetadataFormatError({
      expected: `a ${what} envelope's payload`,
      got,
      todo: "Nothing of it was used.",
      cause,
    });
  let values: unknown;
  try {
    values = decode(payload, { strict: true, allowIndefinite: false });
  } catch (cause) {
    throw fault(whatCame(cause), cause);
  }
  if (!Array.isArray(values) || values.length !== count) throw fault("another structure");
  const list: readonly unknown[] = values;
  const isBytes = (value: unknown, length: number): value is Uint8Array =>
    value instanceof Uint8Array && value.length === length;
  return {
    uint(index: number, minimum: number): number {
      const value = list[index];
      if (typeof value === "number" && Number.isInteger(value) && value >= minimum && value < 2 ** 32) {
        return value;
      }
      throw fault(`no whole number from ${minimum} to 2^32 - 1 at position ${index}`);
    },
    text(index: number): string {
      const value = list[index];
      if (typeof value === "string" && TEXT.test(value)) return value;
      throw fault(`no text of 1 to 63 printable ASCII characters at position ${index}`);
    },
    bytes(index: number, length: number): Uint8Array {
      const value = list[index];
      if (isBytes(value, length)) return value;
      throw fault(`no ${length} bytes at position ${index}`);
    },
    keys(index: number): Uint8Array[] {
      const value = list[index];
      const isList = Array.isArray(value) && value.length >= 1 && value.length <= MAX_KEYS;
      if (!isList || !value.every((key) => isBytes(key, 32))) {
        throw fault(`no list of 1 to ${MAX_KEYS} keys at position ${index}`);
      }
      const keys = value as Uint8Array[];
      if (new Set(keys.map(toHex)).size === keys.length) return keys;
      throw fault(`one key twice at position ${index}`);
    },
    mustEqual(encoded: Uint8Array): void {
      if (!equalBytes(encoded, payload)) throw fault("another encoding of the same facts");
    },
  };
}
