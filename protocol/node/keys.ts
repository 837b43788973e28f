import { randomBytes } from "node:crypto";
import nacl from "tweetnacl";
import type { Signer } from "../src/trust/sign.js";
import { ed25519Key, keyId } from "../src/trust/verify.js";
import { nodeSha256, nodeSign } from "./crypto.js";

/** An Ed25519 key pair that can sign. `seed` is the secret (32 B, RFC 8032); whoever is done with it wipes it. */
export interface SigningKey extends Signer {
  readonly seed: Uint8Array;
}

export function generateKey(): SigningKey {
  return keyFromSeed(new Uint8Array(randomBytes(32)));
}

export function keyFromSeed(seed: Uint8Array): SigningKey {
  const { publicKey } = nacl.sign.keyPair.fromSeed(seed);
  return {
    seed,
    publicKey,
    keyId: keyId(ed25519Key(publicKey), nodeSha256),
    sign: (message) => nodeSign(seed, message),
  };
}
