import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { fromHex, toHex, utf8 } from "../src/bytes.js";
import { MoteError } from "../src/errors.js";
import { ENVELOPE_MAX_BYTES } from "../src/trust/cose.js";
import {
  addEnvelopeSignatures,
  type EnvelopeState,
  judgeReleaseEnvelope,
  pinRootEnvelope,
  RELEASE_ENVELOPE_TYPE,
  type ReleaseEnvelope,
  type RootEnvelope,
  rotateRootEnvelope,
  signReleaseEnvelope,
  signRootEnvelope,
} from "../src/trust/envelope.js";
import { naclVerify, nodeSha256, nodeVerify } from "./crypto.js";
import { keyFromSeed, type SigningKey } from "./keys.js";

/**
 * The MCU's envelopes: every case is judged here, by Node's crypto and by tweetnacl, and is written to
 * protocol/vectors for the C reader to judge alike (MOTE_WRITE_VECTORS=1 writes them anew; the keys are fixed).
 */

const HEADER = fileURLToPath(new URL("../vectors/envelope_vectors.h", import.meta.url));
const VECTORS = fileURLToPath(new URL("../vectors/envelope.golden.json", import.meta.url));
const DEPS = { sha256: nodeSha256, verify: nodeVerify };

const key = (n: number): SigningKey => keyFromSeed(nodeSha256(utf8(`mote test key ${n}`)));
const [r1, r2, r3, t1, t2, t3, stranger] = [1, 2, 3, 4, 5, 6, 7].map(key) as [
  SigningKey,
  SigningKey,
  SigningKey,
  SigningKey,
  SigningKey,
  SigningKey,
  SigningKey,
];
const digest = (text: string) => nodeSha256(utf8(text));
/** An entry of the array of signatures, and where in it the signature begins. */
const SIGNER_BYTES = 82;
const SIGNATURE_AT = 18;
const NOW = Date.parse("2026-06-01T00:00:00Z") / 1000;
const DAY = 86_400;

const ROOT: RootEnvelope = {
  version: 1,
  rootThreshold: 2,
  rootKeys: [r1, r2, r3].map(({ publicKey }) => publicKey),
  releaseThreshold: 2,
  releaseKeys: [t1, t2, t3].map(({ publicKey }) => publicKey),
  expiresS: NOW + 365 * DAY,
};
const RELEASE: ReleaseEnvelope = {
  product: "reader",
  version: "1.2.0",
  sequence: 7,
  floor: 5,
  hardware: "nrf52840",
  architectureHash: digest("architecture"),
  paramsSha256: digest("params"),
  paramsLength: 49_348,
  goldenInputsSha256: digest("golden inputs"),
  goldenInputsLength: 3_136,
  goldenOutputsSha256: digest("golden outputs"),
  goldenOutputsLength: 40,
  manifestSha256: digest("manifest"),
  issuedS: NOW,
  expiresS: NOW + 90 * DAY,
};
const QUESTION = {
  product: "reader",
  hardware: "nrf52840",
  architectureHash: digest("architecture"),
  clockS: null,
};

const pinned: EnvelopeState = { root: ROOT, floor: 0, timeS: 0 };
const release = (change: Partial<ReleaseEnvelope> = {}, signers = [t1, t2]) =>
  signReleaseEnvelope({ ...RELEASE, ...change }, signers, nodeSha256);
const root = (change: Partial<RootEnvelope> = {}, signers = [r1, r2]) =>
  signRootEnvelope({ ...ROOT, version: 2, ...change }, signers, nodeSha256);

interface Case {
  readonly name: string;
  readonly kind: "release" | "root";
  readonly state?: Partial<EnvelopeState>;
  readonly envelope: Uint8Array;
  readonly clockS?: number;
  /** "ok" or the code of the refusal. */
  readonly verdict: string;
}

const good = release();
const malleable = good.slice();
malleable[malleable.length - 1]! |= 0xf0;
/** The signature array's length said to be one less, with the bytes of the second left behind. */
const trailing = new Uint8Array([...good, 0]);
const swapped = { ...RELEASE, paramsSha256: digest("other") };
/** Keys that lie on a server's disk: snapshot, timestamp, and server mode's own. */
const onServer = [8, 9, 10].map(key);
/** Valid COSE, its signature swapped for that of another person, or its kid for another's. */
const [first, second] = signersOf(good) as [Uint8Array, Uint8Array];
const oneTwice = withSigners(good, [first, first]);
const underOtherKid = withSigners(good, [
  first,
  new Uint8Array([...second.slice(0, SIGNATURE_AT), ...first.slice(SIGNATURE_AT)]),
]);
const REMOVED_T1 = { releaseKeys: [t2, t3].map(({ publicKey }) => publicKey) };

const CASES: readonly Case[] = [
  { name: "two of three release keys", kind: "release", envelope: good, verdict: "ok" },
  { name: "three of three", kind: "release", envelope: release({}, [t1, t2, t3]), verdict: "ok" },
  {
    name: "one signature below the threshold",
    kind: "release",
    envelope: release({}, [t1]),
    verdict: "MOTE_TRUST_SIGNATURE",
  },
  { name: "no signature", kind: "release", envelope: release({}, []), verdict: "MOTE_TRUST_SIGNATURE" },
  {
    name: "one release key and a stranger",
    kind: "release",
    envelope: release({}, [t1, stranger]),
    verdict: "MOTE_TRUST_SIGNATURE",
  },
  {
    name: "root keys may not sign releases",
    kind: "release",
    envelope: release({}, [r1, r2]),
    verdict: "MOTE_TRUST_SIGNATURE",
  },
  {
    name: "signatures of another release",
    kind: "release",
    envelope: transplant(release(swapped), good),
    verdict: "MOTE_TRUST_SIGNATURE",
  },
  { name: "a malleable signature", kind: "release", envelope: malleable, verdict: "MOTE_TRUST_SIGNATURE" },
  {
    name: "a thief's, with every key of the server's disk",
    kind: "release",
    envelope: release({ sequence: 666 }, onServer),
    verdict: "MOTE_TRUST_SIGNATURE",
  },
  {
    name: "a thief's, with those and one person's key",
    kind: "release",
    envelope: release({ sequence: 666 }, [t1, ...onServer]),
    verdict: "MOTE_TRUST_SIGNATURE",
  },
  {
    name: "a stolen key that signs twice",
    kind: "release",
    envelope: oneTwice,
    verdict: "MOTE_TRUST_FORMAT",
  },
  {
    name: "a stolen key under the name of another",
    kind: "release",
    envelope: underOtherKid,
    verdict: "MOTE_TRUST_SIGNATURE",
  },
  {
    name: "endless data",
    kind: "release",
    envelope: new Uint8Array([...good, ...new Uint8Array(ENVELOPE_MAX_BYTES)]),
    verdict: "MOTE_TRUST_FORMAT",
  },
  {
    name: "a genuine release replayed after a newer one was seen, above the floor: rolling back is allowed there",
    kind: "release",
    state: { floor: 5, timeS: NOW + 30 * DAY },
    envelope: good,
    verdict: "ok",
  },
  {
    name: "the same replayed once it is retired",
    kind: "release",
    state: { floor: 8, timeS: NOW + 30 * DAY },
    envelope: good,
    verdict: "MOTE_TRUST_BELOW_FLOOR",
  },
  {
    name: "a floor that would fall is kept",
    kind: "release",
    state: { floor: 8 },
    envelope: release({ sequence: 7, floor: 0 }),
    verdict: "MOTE_TRUST_BELOW_FLOOR",
  },
  {
    name: "versions that jump ahead after a restore from backup",
    kind: "release",
    state: { floor: 5 },
    envelope: release({ sequence: 1_800_000_000 }),
    verdict: "ok",
  },
  {
    name: "a number beyond 32 bits",
    kind: "release",
    envelope: release({ sequence: 2 ** 32 }),
    verdict: "MOTE_TRUST_FORMAT",
  },
  {
    name: "a sequence of zero",
    kind: "release",
    envelope: release({ sequence: 0, floor: 0 }),
    verdict: "MOTE_TRUST_FORMAT",
  },
  {
    name: "a name with a blank in it",
    kind: "release",
    envelope: release({ product: "rea der" }),
    verdict: "MOTE_TRUST_FORMAT",
  },
  {
    name: "a name of 64 characters",
    kind: "release",
    envelope: release({ product: "r".repeat(64) }),
    verdict: "MOTE_TRUST_FORMAT",
  },
  {
    name: "a digest of 31 bytes",
    kind: "release",
    envelope: release({ paramsSha256: new Uint8Array(31) }),
    verdict: "MOTE_TRUST_FORMAT",
  },
  {
    name: "golden vectors of none",
    kind: "release",
    envelope: release({ goldenInputsLength: 0, goldenOutputsLength: 0 }),
    verdict: "ok",
  },
  { name: "at the floor", kind: "release", state: { floor: 7 }, envelope: good, verdict: "ok" },
  {
    name: "below the floor held",
    kind: "release",
    state: { floor: 8 },
    envelope: good,
    verdict: "MOTE_TRUST_BELOW_FLOOR",
  },
  {
    name: "below its own floor",
    kind: "release",
    envelope: release({ sequence: 4 }),
    verdict: "MOTE_TRUST_BELOW_FLOOR",
  },
  {
    name: "expired by signed time",
    kind: "release",
    state: { timeS: NOW + 90 * DAY },
    envelope: good,
    verdict: "MOTE_TRUST_EXPIRED",
  },
  {
    name: "expired by the clock",
    kind: "release",
    clockS: NOW + 90 * DAY,
    envelope: good,
    verdict: "MOTE_TRUST_EXPIRED",
  },
  {
    name: "a clock set back revives nothing",
    kind: "release",
    state: { timeS: NOW + 91 * DAY },
    clockS: 0,
    envelope: good,
    verdict: "MOTE_TRUST_EXPIRED",
  },
  {
    name: "expired root",
    kind: "release",
    envelope: release({ issuedS: NOW + 365 * DAY, expiresS: NOW + 400 * DAY }),
    verdict: "MOTE_TRUST_EXPIRED",
  },
  {
    name: "another product",
    kind: "release",
    envelope: release({ product: "writer" }),
    verdict: "MOTE_TRUST_WRONG_RELEASE",
  },
  {
    name: "another hardware class",
    kind: "release",
    envelope: release({ hardware: "stm32l4r5" }),
    verdict: "MOTE_TRUST_WRONG_HARDWARE",
  },
  {
    name: "another architecture",
    kind: "release",
    envelope: release({ architectureHash: digest("no") }),
    verdict: "MOTE_TRUST_WRONG_ARCHITECTURE",
  },
  {
    name: "a root envelope in place of a release",
    kind: "release",
    envelope: root(),
    verdict: "MOTE_TRUST_FORMAT",
  },
  { name: "truncated", kind: "release", envelope: good.slice(0, -1), verdict: "MOTE_TRUST_FORMAT" },
  { name: "a byte behind the end", kind: "release", envelope: trailing, verdict: "MOTE_TRUST_FORMAT" },
  { name: "empty", kind: "release", envelope: new Uint8Array(0), verdict: "MOTE_TRUST_FORMAT" },
  { name: "the next root by both generations", kind: "root", envelope: root(), verdict: "ok" },
  {
    name: "new root keys that the old ones vouch for",
    kind: "root",
    envelope: newRoot([r1, r2, t3, stranger]),
    verdict: "ok",
  },
  {
    name: "new root keys alone",
    kind: "root",
    envelope: newRoot([t3, stranger]),
    verdict: "MOTE_TRUST_SIGNATURE",
  },
  {
    name: "old root keys alone, for new ones",
    kind: "root",
    envelope: newRoot([r1, r2]),
    verdict: "MOTE_TRUST_SIGNATURE",
  },
  {
    name: "a root that skips a version",
    kind: "root",
    envelope: root({ version: 3 }),
    verdict: "MOTE_TRUST_ROLLBACK",
  },
  {
    name: "the root that is held already",
    kind: "root",
    envelope: root({ version: 1 }),
    verdict: "MOTE_TRUST_ROLLBACK",
  },
  {
    name: "a root by release keys",
    kind: "root",
    envelope: root({}, [t1, t2]),
    verdict: "MOTE_TRUST_SIGNATURE",
  },
  {
    name: "a thief's root, with every key of the server's disk",
    kind: "root",
    envelope: root({ releaseKeys: onServer.map(({ publicKey }) => publicKey) }, onServer),
    verdict: "MOTE_TRUST_SIGNATURE",
  },
  {
    name: "a root that asks for no release signature",
    kind: "root",
    envelope: root({ releaseThreshold: 0 }),
    verdict: "MOTE_TRUST_FORMAT",
  },
  {
    name: "a root that names a key twice",
    kind: "root",
    envelope: root({ releaseKeys: [t1.publicKey, t1.publicKey] }),
    verdict: "MOTE_TRUST_FORMAT",
  },
  {
    name: "a root without release keys",
    kind: "root",
    envelope: root({ releaseKeys: [] }),
    verdict: "MOTE_TRUST_FORMAT",
  },
  {
    name: "a root of more keys than there is room for",
    kind: "root",
    envelope: root({ releaseKeys: [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => key(n).publicKey) }),
    verdict: "MOTE_TRUST_FORMAT",
  },
  {
    name: "a removed release key signs no more",
    kind: "release",
    state: { root: { ...ROOT, version: 2, ...REMOVED_T1 } },
    envelope: good,
    verdict: "MOTE_TRUST_SIGNATURE",
  },
];

/** The signatures' entries: each 82 B, at the end (cose.ts). */
function signersOf(envelope: Uint8Array): Uint8Array[] {
  const count = (envelope.length - bodyLength(envelope) - 1) / SIGNER_BYTES;
  return Array.from({ length: count }, (_, i) => {
    const at = envelope.length - (count - i) * SIGNER_BYTES;
    return envelope.slice(at, at + SIGNER_BYTES);
  });
}

/** Bytes before the array of signatures. */
function bodyLength(envelope: Uint8Array): number {
  let at = envelope.length - 1;
  while (envelope[at] !== 0x80 + (envelope.length - 1 - at) / SIGNER_BYTES) at -= SIGNER_BYTES;
  return at;
}

function withSigners(envelope: Uint8Array, signers: readonly Uint8Array[]): Uint8Array {
  const body = envelope.slice(0, bodyLength(envelope));
  return new Uint8Array([...body, 0x80 + signers.length, ...signers.flatMap((signer) => [...signer])]);
}

function newRoot(signers: SigningKey[]): Uint8Array {
  return root({ rootKeys: [t3, stranger].map(({ publicKey }) => publicKey) }, signers);
}

/** The first envelope with the second's signatures: both have the same length up to them. */
function transplant(to: Uint8Array, from: Uint8Array): Uint8Array {
  const signatures = 1 + 2 * (1 + 17 + 1 + 2 + 64);
  return new Uint8Array([...to.slice(0, -signatures), ...from.slice(-signatures)]);
}

function judge(one: Case, verify = nodeVerify): string {
  const state = { ...pinned, ...one.state };
  const deps = { ...DEPS, verify };
  try {
    if (one.kind === "root") rotateRootEnvelope(state, one.envelope, deps);
    else judgeReleaseEnvelope(state, one.envelope, { ...QUESTION, clockS: one.clockS ?? null }, deps);
    return "ok";
  } catch (error) {
    if (error instanceof MoteError) return error.code;
    throw error;
  }
}

function vectorFile(): string {
  const hexRoot = (of: RootEnvelope) => toHex(signRootEnvelope(of, [r1, r2], nodeSha256));
  const document = {
    about:
      "Envelopes with the verdicts that every reader must give. Made by protocol/node/envelope-vectors.test.ts.",
    question: {
      product: QUESTION.product,
      hardware: QUESTION.hardware,
      architectureHash: toHex(QUESTION.architectureHash),
    },
    cases: CASES.map(({ name, kind, state, envelope, clockS, verdict }) => ({
      name,
      kind,
      rootEnvelope: hexRoot(state?.root ?? ROOT),
      floor: state?.floor ?? 0,
      timeS: state?.timeS ?? 0,
      clockS: clockS ?? null,
      envelope: toHex(envelope),
      verdict,
    })),
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

/** The same for a C test without a JSON reader. */
function headerFile(): string {
  const bytes = (name: string, content: Uint8Array) => {
    // An array of C has at least one element.
    const list = content.length === 0 ? "0" : [...content].join(",");
    return `static const unsigned char ${name}[] = {${list.replace(/(.{90,100}?),/g, "$1,\n")}};`;
  };
  const arrays = CASES.flatMap(({ state, envelope }, i) => [
    bytes(`mote_vector_root_${i}`, signRootEnvelope(state?.root ?? ROOT, [r1, r2], nodeSha256)),
    bytes(`mote_vector_envelope_${i}`, envelope),
  ]);
  const rows = CASES.map(({ name, kind, state, envelope, clockS, verdict }, i) => {
    const { floor = 0, timeS = 0 } = state ?? {};
    const root = `mote_vector_root_${i}, sizeof mote_vector_root_${i}`;
    const isRoot = kind === "root" ? 1 : 0;
    return `  {"${name}", ${isRoot}, ${root}, mote_vector_envelope_${i}, ${envelope.length}u, ${floor}u, ${timeS}u, ${clockS ?? 0}u, "${verdict}"},`;
  });
  return `/* Made by protocol/node/envelope-vectors.test.ts (MOTE_WRITE_VECTORS=1); the same cases as envelope.golden.json. */
#ifndef MOTE_ENVELOPE_VECTORS_H
#define MOTE_ENVELOPE_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#define MOTE_VECTOR_PRODUCT "${QUESTION.product}"
#define MOTE_VECTOR_HARDWARE "${QUESTION.hardware}"
${bytes("mote_vector_architecture", QUESTION.architectureHash)}

${arrays.join("\n")}

struct mote_envelope_vector {
  const char *name;
  int is_root; /* the envelope is the next root, not a release */
  const unsigned char *root; /* pinned root envelope */
  size_t root_length;
  const unsigned char *envelope;
  size_t envelope_length;
  uint32_t floor; /* held before */
  uint32_t time_s; /* greatest signed time held before */
  uint32_t clock_s; /* 0: the device has no clock */
  const char *verdict; /* "ok", or the code of the refusal */
};

static const struct mote_envelope_vector mote_envelope_vectors[] = {
${rows.join("\n")}
};

#endif
`;
}

describe("MCU envelopes", () => {
  it.each(CASES.map((one) => [one.name, one] as const))("%s", (_, one) => {
    expect(judge(one)).toBe(one.verdict);
    expect(judge(one, naclVerify)).toBe(one.verdict);
  });

  it("are the vectors that the C reader is held to", () => {
    if (process.env["MOTE_WRITE_VECTORS"] !== undefined) {
      mkdirSync(dirname(VECTORS), { recursive: true });
      writeFileSync(VECTORS, vectorFile());
      writeFileSync(HEADER, headerFile());
    }
    expect(vectorFile()).toBe(readFileSync(VECTORS, "utf8"));
    expect(headerFile()).toBe(readFileSync(HEADER, "utf8"));
  });

  it("raise floor and time in the state that is to be persisted", () => {
    const judged = judgeReleaseEnvelope(pinned, good, QUESTION, DEPS);
    expect(judged.state).toEqual({ root: ROOT, floor: 5, timeS: NOW });
    expect(judged.release).toEqual(RELEASE);
  });

  it("gather signatures one person at a time and come out the same", () => {
    const half = release({}, [t2]);
    expect(addEnvelopeSignatures(half, RELEASE_ENVELOPE_TYPE, [t1], nodeSha256)).toEqual(good);
    expect(addEnvelopeSignatures(good, RELEASE_ENVELOPE_TYPE, [t1], nodeSha256)).toEqual(good);
  });

  it("are small: two signatures and everything about a release", () => {
    expect(good.length).toBeLessThan(420);
    expect(ENVELOPE_MAX_BYTES).toBeGreaterThan(release({}, [t1, t2, t3, r1, r2, r3, stranger]).length);
  });

  it("with any bit flipped are refused", () => {
    for (let bit = 0; bit < good.length * 8; bit += 3) {
      const flipped = good.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => judgeReleaseEnvelope(pinned, flipped, QUESTION, DEPS)).toThrow(MoteError);
    }
  });

  it("have a pinned root that is read back whole", () => {
    const state = pinRootEnvelope(signRootEnvelope(ROOT, [], nodeSha256));
    const sorted = (keys: readonly Uint8Array[]) => keys.map(toHex).sort();
    expect(sorted(state.root.rootKeys)).toEqual(sorted(ROOT.rootKeys));
    expect({ ...state.root, rootKeys: [], releaseKeys: [] }).toEqual({
      ...ROOT,
      rootKeys: [],
      releaseKeys: [],
    });
    expect(() => pinRootEnvelope(fromHex("d862"))).toThrow(MoteError);
  });
});
