import type { Static, TSchema } from "@sinclair/typebox";
import { fromHex, type Sha256, toHex, utf8, type VerifyEd25519 } from "../bytes.js";
import { MetadataFormatError, SignatureThresholdError, whatCame } from "../errors.js";
import { checkSchema } from "../schema.js";
import { canonicalJson } from "./canonical-json.js";
import { Envelope, type RoleKeys, type Signature, type TufKey } from "./metadata.js";

/** What trust needs of a platform. Node's come from `@mote/protocol/node`; tweetnacl's run anywhere. */
export interface TrustDeps {
  readonly sha256: Sha256;
  readonly verify: VerifyEd25519;
  /** For keys that are not Ed25519, as foreign repositories have them. Absent: their signatures do not count. */
  readonly verifyOther?: (key: TufKey, message: Uint8Array, signature: Uint8Array) => boolean;
}

/** A metadata file that follows its schema. Nothing is known yet of who signed it. */
export interface ParsedMetadata<T> {
  readonly signed: T;
  readonly signatures: readonly Signature[];
  /** The bytes that signatures are over. */
  readonly message: Uint8Array;
}

// `ignoreBOM` keeps a byte order mark, which JSON.parse then refuses: cached bytes must be the bytes that were hashed.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws MetadataFormatError */
export function parseMetadata<T extends TSchema>(
  bytes: Uint8Array,
  schema: T,
  name: string,
): ParsedMetadata<Static<T>> {
  try {
    const document: unknown = JSON.parse(decoder.decode(bytes));
    const { signed, signatures } = checkSchema(Envelope, document, `${name} metadata`);
    const seen = new Set<string>();
    for (const { keyid } of signatures) {
      if (seen.has(keyid)) throw new RangeError(`two signatures of key ${keyid}`);
      seen.add(keyid);
    }
    const message = utf8(canonicalJson(signed));
    return { signed: checkSchema(schema, signed, `${name} metadata, "signed",`), signatures, message };
  } catch (cause) {
    throw new MetadataFormatError({
      expected: `${name} metadata as TUF 1.0 writes it`,
      got: whatCame(cause),
      todo: "Nothing of it was used. Ask again later; if it stays, the repository is damaged or of another kind.",
      cause,
    });
  }
}

/**
 * Specification 5.3.4 and its likes: enough *different keys* of the role signed. Two key ids of one public key are one
 * signer (TAP 12), a key that the role doesn't name is none.
 *
 * @throws SignatureThresholdError
 */
export function checkThreshold(
  metadata: ParsedMetadata<unknown>,
  keys: Readonly<Record<string, TufKey>>,
  role: RoleKeys,
  name: string,
  deps: TrustDeps,
): void {
  const signers = validSigners(metadata, keys, role, deps);
  if (signers.size >= role.threshold) return;
  throw new SignatureThresholdError({
    expected: `${name} metadata signed by ${role.threshold} of its ${role.keyids.length} keys`,
    got: `${signers.size} valid signature${signers.size === 1 ? "" : "s"}`,
    todo: "Nothing of it was used. If the keys were changed lately, the root that names the new ones must be published first.",
  });
}

/** Key ids of the role whose signatures are valid, one per public key. */
export function validSigners(
  metadata: ParsedMetadata<unknown>,
  keys: Readonly<Record<string, TufKey>>,
  role: RoleKeys,
  deps: TrustDeps,
): Map<string, string> {
  const signers = new Map<string, string>();
  for (const { keyid, sig } of metadata.signatures) {
    if (!role.keyids.includes(keyid) || !Object.hasOwn(keys, keyid)) continue;
    const key = keys[keyid]!;
    const identity = key.keyval.public.toLowerCase();
    if (!signers.has(identity) && isSignedBy(key, metadata.message, sig, deps)) signers.set(identity, keyid);
  }
  return signers;
}

function isSignedBy(key: TufKey, message: Uint8Array, sig: string, deps: TrustDeps): boolean {
  const signature = hexOrNull(sig);
  if (signature === null) return false;
  if (key.keytype !== "ed25519" || key.scheme !== "ed25519") {
    return deps.verifyOther?.(key, message, signature) ?? false;
  }
  const publicKey = hexOrNull(key.keyval.public);
  if (publicKey?.length !== 32 || signature.length !== 64) return false;
  return deps.verify(publicKey, message, signature);
}

function hexOrNull(text: string): Uint8Array | null {
  try {
    return fromHex(text);
  } catch {
    return null;
  }
}

/** An Ed25519 public key (32 B) as TUF metadata holds it. */
export function ed25519Key(publicKey: Uint8Array): TufKey {
  return { keytype: "ed25519", scheme: "ed25519", keyval: { public: toHex(publicKey) } };
}

/** Digest of the key's canonical form: the id under which roles name it. */
export function keyId(key: TufKey, sha256: Sha256): string {
  const { keytype, scheme, keyval } = key;
  return toHex(sha256(utf8(canonicalJson({ keytype, scheme, keyval: { public: keyval.public } }))));
}
