import { decode, encode } from "cborg";
import { equalBytes, type Sha256, toHex } from "../bytes.js";
import { MetadataFormatError, SignatureThresholdError, whatCame } from "../errors.js";
import type { Signer } from "./sign.js";
import type { TrustDeps } from "./verify.js";

/**
 * COSE_Sign (RFC 9052, section 4.1) with Ed25519 and as many signatures as a threshold asks, in deterministic CBOR: what
 * an MCU can check with 2 kB of code. One document has one encoding, and a reader may refuse every other.
 *
 *     98([ << {3: content type} >>, {}, payload, [ [ << {1: -8, 4: kid} >>, {}, signature ], … ] ])
 *
 * Signatures are over the Sig_structure `["Signature", body protected, sign protected, h'', payload]`, ascending by kid.
 */

/** Bytes; with eight signatures and the largest payload an envelope stays far below. */
export const ENVELOPE_MAX_BYTES = 4096;
export const ENVELOPE_MAX_SIGNATURES = 8;
/** A kid only chooses which key to try, so 8 bytes of SHA-256(public key) are enough; the signature decides. */
export const KID_BYTES = 8;

const TAG_COSE_SIGN = new Uint8Array([0xd8, 98]);
const ALG = 1;
const CONTENT_TYPE = 3;
const KID = 4;
const EDDSA = -8;

export interface CoseSign {
  readonly contentType: string;
  readonly payload: Uint8Array;
  readonly signatures: readonly { readonly kid: Uint8Array; readonly signature: Uint8Array }[];
}

export function kidOf(publicKey: Uint8Array, sha256: Sha256): Uint8Array {
  return sha256(publicKey).slice(0, KID_BYTES);
}

/** Adds the signers' signatures to an envelope; one of the same key is replaced. */
export function coseSign(
  document: Pick<CoseSign, "contentType" | "payload"> & Partial<Pick<CoseSign, "signatures">>,
  signers: readonly Signer[],
  sha256: Sha256,
): Uint8Array {
  const { contentType, payload, signatures = [] } = document;
  const fresh = signers.map((signer) => {
    const kid = kidOf(signer.publicKey, sha256);
    return { kid, signature: signer.sign(sigStructure(contentType, kid, payload)) };
  });
  const kept = signatures.filter(({ kid }) => !fresh.some((other) => equalBytes(other.kid, kid)));
  return encodeCose({ contentType, payload, signatures: [...kept, ...fresh] });
}

function encodeCose({ contentType, payload, signatures }: CoseSign): Uint8Array {
  const sorted = [...signatures].sort((a, b) => (toHex(a.kid) < toHex(b.kid) ? -1 : 1));
  const body = encode([
    bodyProtected(contentType),
    new Map(),
    payload,
    sorted.map(({ kid, signature }) => [signProtected(kid), new Map(), signature]),
  ]);
  const bytes = new Uint8Array(TAG_COSE_SIGN.length + body.length);
  bytes.set(TAG_COSE_SIGN);
  bytes.set(body, TAG_COSE_SIGN.length);
  return bytes;
}

/** @throws MetadataFormatError on anything that is not the one encoding of such an envelope */
export function parseCose(bytes: Uint8Array, contentType: string): CoseSign {
  try {
    if (bytes.length > ENVELOPE_MAX_BYTES) throw new RangeError(`${bytes.length} bytes`);
    if (!equalBytes(bytes.subarray(0, 2), TAG_COSE_SIGN)) throw new RangeError("no COSE_Sign tag");
    const value: unknown = decode(bytes.subarray(2), { strict: true, useMaps: true, allowIndefinite: false });
    const document = readParts(value, contentType);
    // Whatever the decoder let pass (an order, a repeated signer, an extra header) is no second encoding of the same.
    if (!equalBytes(encodeCose(document), bytes)) throw new RangeError("another encoding of the same facts");
    return document;
  } catch (cause) {
    throw new MetadataFormatError({
      expected: `a COSE_Sign envelope of type "${contentType}", at most ${ENVELOPE_MAX_BYTES} bytes`,
      got: whatCame(cause),
      todo: "Nothing of it was used. Make it again with `mote sign --envelopes`.",
      cause,
    });
  }
}

function readParts(value: unknown, contentType: string): CoseSign {
  const [, , payload, list] = Array.isArray(value) && value.length === 4 ? (value as unknown[]) : [];
  if (!(payload instanceof Uint8Array) || !Array.isArray(list)) throw new RangeError("another structure");
  if (list.length > ENVELOPE_MAX_SIGNATURES) throw new RangeError(`${list.length} signatures`);
  const seen = new Set<string>();
  const signatures = list.map((item: unknown) => {
    const [header, , signature] = Array.isArray(item) ? (item as unknown[]) : [];
    if (!(header instanceof Uint8Array) || !(signature instanceof Uint8Array) || signature.length !== 64) {
      throw new RangeError("a signature of another structure");
    }
    const map: unknown = decode(header, { strict: true, useMaps: true, allowIndefinite: false });
    const kid: unknown = map instanceof Map ? map.get(KID) : undefined;
    if (!(kid instanceof Uint8Array) || kid.length !== KID_BYTES)
      throw new RangeError("a signature without kid");
    if (seen.has(toHex(kid))) throw new RangeError("two signatures of one key");
    seen.add(toHex(kid));
    return { kid, signature };
  });
  return { contentType, payload, signatures };
}

/**
 * Enough different keys of `publicKeys` signed.
 *
 * @throws SignatureThresholdError
 */
export function checkCoseThreshold(
  document: CoseSign,
  publicKeys: readonly Uint8Array[],
  threshold: number,
  what: string,
  deps: TrustDeps,
): void {
  const valid = new Set<string>();
  for (const { kid, signature } of document.signatures) {
    const message = sigStructure(document.contentType, kid, document.payload);
    for (const key of publicKeys) {
      if (!equalBytes(kidOf(key, deps.sha256), kid)) continue;
      if (deps.verify(key, message, signature)) valid.add(toHex(key));
    }
  }
  if (valid.size >= threshold) return;
  throw new SignatureThresholdError({
    expected: `${what} signed by ${threshold} of ${publicKeys.length} keys`,
    got: `${valid.size} valid signature${valid.size === 1 ? "" : "s"}`,
    todo: "Nothing of it was used. If the keys were changed lately, the device needs the new root envelope first.",
  });
}

function bodyProtected(contentType: string): Uint8Array {
  return encode(new Map([[CONTENT_TYPE, contentType]]));
}

function signProtected(kid: Uint8Array): Uint8Array {
  return encode(
    new Map<number, number | Uint8Array>([
      [ALG, EDDSA],
      [KID, kid],
    ]),
  );
}

function sigStructure(contentType: string, kid: Uint8Array, payload: Uint8Array): Uint8Array {
  return encode(["Signature", bodyProtected(contentType), signProtected(kid), new Uint8Array(0), payload]);
}
