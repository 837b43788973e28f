import fc from "fast-check";
import nacl from "tweetnacl";
import { describe, expect, it } from "vitest";
import { fromHex, toHex, utf8 } from "../src/bytes.js";
import { naclVerify, nodeSha256, nodeSign, nodeVerify } from "./crypto.js";
import { generateKey, keyFromSeed } from "./keys.js";

/** RFC 8032, section 7.1, test 2. */
const RFC = {
  seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
  publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
  message: "72",
  signature:
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
};

/** S + L: the same signature to whoever does not look. */
function malleate(signature: Uint8Array): Uint8Array {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const s = BigInt(`0x${toHex(signature.slice(32).reverse())}`) + order;
  const bytes = fromHex(s.toString(16).padStart(64, "0")).reverse();
  return new Uint8Array([...signature.slice(0, 32), ...bytes]);
}

describe("Ed25519", () => {
  it("signs and verifies the RFC's vector", () => {
    const key = keyFromSeed(fromHex(RFC.seed));
    expect(toHex(key.publicKey)).toBe(RFC.publicKey);
    expect(toHex(nodeSign(key.seed, fromHex(RFC.message)))).toBe(RFC.signature);
    expect(nodeVerify(key.publicKey, fromHex(RFC.message), fromHex(RFC.signature))).toBe(true);
  });

  it("agrees with tweetnacl byte for byte on any message", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ maxLength: 200 }),
        (seed, message) => {
          const pair = nacl.sign.keyPair.fromSeed(seed);
          const signature = nacl.sign.detached(message, pair.secretKey);
          expect(nodeSign(seed, message)).toEqual(signature);
          expect(nodeVerify(pair.publicKey, message, signature)).toBe(true);
          expect(naclVerify(pair.publicKey, message, signature)).toBe(true);
        },
      ),
      { numRuns: 20 },
    );
  });

  it("refuses one flipped bit anywhere, and signatures and keys of another length", () => {
    const key = generateKey();
    const message = utf8("a release");
    const signature = key.sign(message);
    for (let bit = 0; bit < 512; bit += 7) {
      const flipped = signature.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(nodeVerify(key.publicKey, message, flipped)).toBe(false);
    }
    for (const verify of [nodeVerify, naclVerify]) {
      expect(verify(key.publicKey, message, signature.slice(1))).toBe(false);
      expect(verify(key.publicKey.slice(1), message, signature)).toBe(false);
      expect(verify(key.publicKey, utf8("another"), signature)).toBe(false);
    }
  });

  it("refuses a malleable signature, which bare tweetnacl takes", () => {
    const key = generateKey();
    const message = utf8("a release");
    const twin = malleate(key.sign(message));
    expect(nacl.sign.detached.verify(message, twin, key.publicKey)).toBe(true);
    expect(naclVerify(key.publicKey, message, twin)).toBe(false);
    expect(nodeVerify(key.publicKey, message, twin)).toBe(false);
  });

  it("names a key by the digest of its canonical form", () => {
    const key = keyFromSeed(fromHex(RFC.seed));
    const form = `{"keytype":"ed25519","keyval":{"public":"${RFC.publicKey}"},"scheme":"ed25519"}`;
    expect(key.keyId).toBe(toHex(nodeSha256(utf8(form))));
  });
});
