import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { fromHex, toHex, utf8 } from "../src/bytes.js";
import { naclVerify, nodeVerify } from "./crypto.js";
import { keyFromSeed } from "./keys.js";
import { BASE, decode, encode, multiply, ORDER, PRIME, plus, signAs } from "./test-curve.js";

/**
 * Signatures with the verdict that every verifier must give: Node's crypto, tweetnacl, and the C one, which reads them
 * from protocol/vectors (MOTE_WRITE_VECTORS=1 writes the file anew). Valid ones are those of RFC 8032, section 7.1;
 * the others are the corners in which libraries are known to differ.
 */

const HEADER = fileURLToPath(new URL("../vectors/ed25519_vectors.h", import.meta.url));

interface Case {
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly isValid: boolean;
}

const RFC = [
  {
    seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    message: "",
    signature:
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  },
  {
    seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    message: "72",
    signature:
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  },
  {
    seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    message: "af82",
    signature:
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  },
] as const;

const bytesOf = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes.slice().reverse())}`);
const join = (r: Uint8Array, s: Uint8Array): Uint8Array => new Uint8Array([...r, ...s]);

function cases(): Case[] {
  const valid = RFC.map(({ seed, message, signature }, i) => ({
    name: `RFC 8032, test ${i + 1}`,
    publicKey: keyFromSeed(fromHex(seed)).publicKey,
    message: fromHex(message),
    signature: fromHex(signature),
    isValid: true,
  }));
  const long = keyFromSeed(fromHex(RFC[2].seed));
  const message = utf8("a message beyond one block of SHA-512, ".repeat(30));
  const good = { publicKey: long.publicKey, message, signature: long.sign(message) };
  const [r, s] = [good.signature.slice(0, 32), good.signature.slice(32)];
  const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
    const out = bytes.slice();
    out[bit >> 3]! ^= 1 << (bit & 7);
    return out;
  };
  const bad = (name: string, change: Partial<Case>): Case => ({ name, ...good, ...change, isValid: false });

  // A point of order 8, and a genuine key with one added: of mixed order, neither small nor of the group of the base.
  const small = decode(bytesOf(0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n))!;
  const secret = 0x1234567890abcdef1234567890abcdefn;
  const mixedKey = plus(multiply(BASE, secret), small);
  const mixed = encode(mixedKey);
  // Messages for which 8 divides h, and for which it does not: the cofactor decides the second kind.
  const byResidue = (wanted: (h: bigint) => boolean): Case["message"] => {
    for (let i = 0; ; i++) {
      const candidate = utf8(`mixed order ${i}`);
      if (wanted(signAs(mixed, secret, candidate).h)) return candidate;
    }
  };
  const divisible = byResidue((h) => h % 8n === 0n);
  const indivisible = byResidue((h) => h % 8n !== 0n);

  const smallKey = (name: string, key: Uint8Array): Case => {
    // Under a small key h·A is neutral for every eighth message, whoever "signed" it.
    for (let i = 0; ; i++) {
      const text = utf8(`anything ${i}`);
      const { signature, h } = signAs(key, 0n, text);
      if (h % 8n === 0n) return bad(name, { publicKey: key, message: text, signature });
    }
  };

  return [
    ...valid,
    { name: "a long message", ...good, isValid: true },
    bad("a bit of R", { signature: flipped(good.signature, 3) }),
    bad("the sign of R", { signature: flipped(good.signature, 255) }),
    bad("a bit of S", { signature: flipped(good.signature, 300) }),
    bad("a bit of the key", { publicKey: flipped(good.publicKey, 9) }),
    bad("the sign of the key", { publicKey: flipped(good.publicKey, 255) }),
    bad("a bit of the message", { message: flipped(message, 1000) }),
    bad("a message without its end", { message: message.slice(0, -1) }),
    bad("zeros", { signature: new Uint8Array(64) }),
    bad("S plus the order", { signature: join(r, bytesOf(numberOf(s) + ORDER)) }),
    bad("S plus eight times the order", {
      signature: join(r, bytesOf((numberOf(s) + 8n * ORDER) % 2n ** 256n)),
    }),
    bad("S of all ones", { signature: join(r, new Uint8Array(32).fill(255)) }),
    bad("S equal to the order", { signature: join(r, bytesOf(ORDER)) }),
    bad("a key that is no point", { publicKey: bytesOf(2n) }),
    bad("a key of all ones", { publicKey: new Uint8Array(32).fill(255) }),
    smallKey("the neutral key", bytesOf(1n)),
    smallKey("the neutral key, its x said to be negative", bytesOf(1n + 2n ** 255n)),
    smallKey("the neutral key beyond the prime", bytesOf(PRIME + 1n)),
    smallKey("the key of order 2", bytesOf(PRIME - 1n)),
    smallKey("a key of order 4", bytesOf(0n)),
    smallKey("a key of order 4 beyond the prime", bytesOf(PRIME)),
    smallKey("a key of order 8", encode(small)),
    smallKey("another key of order 8", encode(multiply(small, 3n))),
    {
      name: "a key of mixed order where the cofactor does not matter",
      publicKey: mixed,
      message: divisible,
      signature: signAs(mixed, secret, divisible).signature,
      isValid: true,
    },
    {
      name: "a key of mixed order where it does: without it, by the letter",
      publicKey: mixed,
      message: indivisible,
      signature: signAs(mixed, secret, indivisible).signature,
      isValid: false,
    },
    bad("R beyond the prime", { signature: join(bytesOf(PRIME + 1n), s) }),
  ];
}

function headerFile(list: readonly Case[]): string {
  const array = (bytes: Uint8Array): string => [...bytes, 0].join(",").replace(/(.{90,100}?),/g, "$1,\n");
  const arrays = list.map(
    ({ publicKey, message, signature }, i) =>
      `static const unsigned char mote_ed25519_${i}[] = {${array(new Uint8Array([...publicKey, ...signature, ...message]))}};`,
  );
  const rows = list.map(
    ({ name, message, isValid }, i) =>
      `  {"${name}", mote_ed25519_${i}, ${message.length}u, ${isValid ? 1 : 0}},`,
  );
  return `/* Made by protocol/node/ed25519-vectors.test.ts (MOTE_WRITE_VECTORS=1): signatures and whether they are valid. */
#ifndef MOTE_ED25519_VECTORS_H
#define MOTE_ED25519_VECTORS_H

#include <stdint.h>

${arrays.join("\n")}

struct mote_ed25519_vector {
  const char *name;
  const unsigned char *bytes; /* public key (32), signature (64), message */
  uint32_t message_length;
  int is_valid;
};

static const struct mote_ed25519_vector mote_ed25519_vectors[] = {
${rows.join("\n")}
};

#endif
`;
}

describe("Ed25519 corners", () => {
  const list = cases();

  it.each(list.map((one) => [one.name, one] as const))("%s", (_, one) => {
    expect(nodeVerify(one.publicKey, one.message, one.signature)).toBe(one.isValid);
    expect(naclVerify(one.publicKey, one.message, one.signature)).toBe(one.isValid);
  });

  it("are the vectors that the C verifier is held to", () => {
    const file = headerFile(list);
    if (process.env["MOTE_WRITE_VECTORS"] !== undefined) writeFileSync(HEADER, file);
    expect(file).toBe(readFileSync(HEADER, "utf8"));
  });
});
