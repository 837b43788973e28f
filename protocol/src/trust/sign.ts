import { toHex, utf8 } from "../bytes.js";
import { MetadataFormatError } from "../errors.js";
import { canonicalJson } from "./canonical-json.js";
import {
  type Delegations,
  Envelope,
  FLOORS_MEMBER,
  type Floors,
  type MetaFile,
  type RoleKeys,
  type RootSigned,
  type Signature,
  type Signed,
  type SnapshotSigned,
  SPEC_VERSION,
  type TargetFile,
  type TargetsSigned,
  type TimestampSigned,
  type TopLevelRole,
  type TufKey,
} from "./metadata.js";
import { parseMetadata, type TrustDeps } from "./verify.js";

/** Somebody who can sign: a key file on a disk, a token, a key in a server's memory. */
export interface Signer {
  /** Id under which roles name the key: keyId() of its public part. */
  readonly keyId: string;
  /** Ed25519, 32 B. */
  readonly publicKey: Uint8Array;
  /** 64 B. */
  sign(message: Uint8Array): Uint8Array;
}

/** What each document states of itself. `expiresMs` is ms since 1970, cut to the second. */
interface Edition {
  readonly version: number;
  readonly expiresMs: number;
}

export function buildRoot(
  edition: Edition & {
    readonly keys: Readonly<Record<string, TufKey>>;
    readonly roles: Readonly<Record<TopLevelRole, RoleKeys>>;
  },
): RootSigned {
  const { keys, roles } = edition;
  return { _type: "root", ...stated(edition), consistent_snapshot: true, keys: { ...keys }, roles };
}

export function buildTargets(
  edition: Edition & {
    readonly targets: Readonly<Record<string, TargetFile>>;
    readonly delegations?: Delegations;
    readonly floors?: Floors;
  },
): TargetsSigned {
  const { targets, delegations, floors } = edition;
  return {
    _type: "targets",
    ...stated(edition),
    targets: { ...targets },
    ...(delegations === undefined ? {} : { delegations }),
    ...(floors === undefined ? {} : { [FLOORS_MEMBER]: floors }),
  };
}

/** @param meta by file name: "targets.json" and one per delegated role. */
export function buildSnapshot(
  edition: Edition & { readonly meta: Readonly<Record<string, MetaFile>> },
): SnapshotSigned {
  return { _type: "snapshot", ...stated(edition), meta: { ...edition.meta } };
}

/** @param issuedMs now: devices without a clock take their time from it. */
export function buildTimestamp(
  edition: Edition & { readonly issuedMs: number; readonly snapshot: MetaFile },
): TimestampSigned {
  return {
    _type: "timestamp",
    ...stated(edition),
    issued: utcSeconds(edition.issuedMs),
    meta: { "snapshot.json": edition.snapshot },
  };
}

/** How a snapshot or timestamp names a file: by version, length and digest. */
export function metaFileOf(version: number, bytes: Uint8Array, deps: Pick<TrustDeps, "sha256">): MetaFile {
  return { version, length: bytes.length, hashes: { sha256: toHex(deps.sha256(bytes)) } };
}

/** A metadata file, signed by all `signers` (none: a draft that others sign). */
export function signRole(signed: Signed, signers: readonly Signer[]): Uint8Array {
  return writeEnvelope(signed, signaturesOf(signed, signers));
}

/**
 * Adds signatures to a metadata file; one of the same key is replaced. So a threshold is gathered one person at a time,
 * and each sees the same document.
 *
 * @throws MetadataFormatError
 */
export function addSignatures(bytes: Uint8Array, signers: readonly Signer[]): Uint8Array {
  const { signed, signatures } = parseMetadata(bytes, Envelope.properties.signed, "unsigned");
  const fresh = signaturesOf(signed, signers);
  const kept = signatures.filter(({ keyid }) => !fresh.some((signature) => signature.keyid === keyid));
  return writeEnvelope(signed, [...kept, ...fresh]);
}

function signaturesOf(signed: unknown, signers: readonly Signer[]): Signature[] {
  const message = utf8(canonicalJson(signed));
  return signers.map((signer) => ({ keyid: signer.keyId, sig: toHex(signer.sign(message)) }));
}

/** The same document with the same signatures is the same bytes, whoever writes it. */
function writeEnvelope(signed: unknown, signatures: readonly Signature[]): Uint8Array {
  const sorted = [...signatures].sort((a, b) => (a.keyid < b.keyid ? -1 : 1));
  return utf8(JSON.stringify({ signatures: sorted, signed: sortMembers(signed) }));
}

// Canonical JSON is not always JSON (it leaves control characters bare), so files are JSON with sorted members.
function sortMembers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortMembers);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, item]) => [key, sortMembers(item)]));
}

function stated(edition: Edition): { spec_version: string; version: number; expires: string } {
  return { spec_version: SPEC_VERSION, version: edition.version, expires: utcSeconds(edition.expiresMs) };
}

export function utcSeconds(timeMs: number): string {
  const text = new Date(timeMs).toISOString();
  if (text.length !== 24) {
    throw new MetadataFormatError({
      expected: "a time between the years 0 and 9999",
      got: text,
      todo: "Choose another expiry.",
    });
  }
  return `${text.slice(0, 19)}Z`;
}
