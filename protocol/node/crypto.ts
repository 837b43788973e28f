import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import type { Sha256, VerifyEd25519 } from "../src/bytes.js";
import { isSound } from "../src/trust/malleability.js";

export { naclVerify } from "../src/trust/nacl-verify.js";

/** Node's own crypto behind the pure rooms' interfaces. */

export const nodeSha256: Sha256 = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());

// Ed25519 keys in the DER wrapping that node:crypto wants (RFC 8410): a fixed prefix, then the 32 bytes.
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

export const nodeVerify: VerifyEd25519 = (publicKey, message, signature) => {
  if (!isSound(publicKey, signature)) return false;
  return verify(null, message, publicKeyObject(publicKey), signature);
};

/** @param seed the 32 B secret of RFC 8032. @returns 64 B */
export function nodeSign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: "der",
    type: "pkcs8",
  });
  return new Uint8Array(sign(null, message, key));
}

function publicKeyObject(publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: "der", type: "spki" });
}
