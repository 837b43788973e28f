import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { fromHex, toHex, utf8 } from "../src/bytes.js";
import { applyPatch } from "../src/patch/decoder.js";
import { makeFullPatch, makeTensorPatch } from "../src/patch/produce/make-patch.js";
import {
  type EnvelopeState,
  judgeReleaseEnvelope,
  pinRootEnvelope,
  type ReleaseEnvelope,
  type RootEnvelope,
  rotateRootEnvelope,
  signReleaseEnvelope,
  signRootEnvelope,
} from "../src/trust/envelope.js";
import { nodeSha256, nodeVerify } from "./crypto.js";
import { keyFromSeed, type SigningKey } from "./keys.js";

/**
 * A device's life in three releases and a change of keys: envelopes, patches and the parameters that they lead to. It is
 * judged and decoded here, and lived by the C shims with the power cut at every byte (firmware-shims/test/update_story.c).
 * MOTE_WRITE_VECTORS=1 writes it anew; otherwise what is stored is held to, whatever the producer of patches makes today.
 */

const GOLDEN = fileURLToPath(new URL("../vectors/update.golden.json", import.meta.url));
const HEADER = fileURLToPath(new URL("../vectors/update_vectors.h", import.meta.url));
const DEPS = { sha256: nodeSha256, verify: nodeVerify };
const NOW = Date.parse("2026-06-01T00:00:00Z") / 1000;
const DAY = 86_400;
const PRODUCT = "reader";
const HARDWARE = "nrf52840";
const ARCHITECTURE = nodeSha256(utf8("architecture"));

/** Hex of everything by name, in the order of the C header. */
type Story = Record<string, string>;

/** params.bin: a header (toolchain/src/emit/c/params.ts) and int8 codes. */
function params(architecture: Uint8Array, code: (i: number) => number): Uint8Array {
  const bytes = new Uint8Array(48 + 640);
  bytes.set(utf8("MOTP"));
  const view = new DataView(bytes.buffer);
  view.setUint16(4, 1, true);
  view.setUint16(6, 48, true);
  view.setUint32(8, bytes.length, true);
  bytes.set(architecture, 16);
  for (let i = 48; i < bytes.length; i++) view.setInt8(i, code(i));
  return bytes;
}

function tell(): Story {
  const key = (n: number): SigningKey => keyFromSeed(nodeSha256(utf8(`mote test key ${n}`)));
  const [r1, r2, r3, t1, t2, t3, t4] = [1, 2, 3, 4, 5, 6, 7].map(key) as [
    SigningKey,
    SigningKey,
    SigningKey,
    SigningKey,
    SigningKey,
    SigningKey,
    SigningKey,
  ];
  const publicKeys = (keys: readonly SigningKey[]) => keys.map(({ publicKey }) => publicKey);
  const root: RootEnvelope = {
    version: 1,
    rootThreshold: 2,
    rootKeys: publicKeys([r1, r2, r3]),
    releaseThreshold: 2,
    releaseKeys: publicKeys([t1, t2, t3]),
    expiresS: NOW + 365 * DAY,
  };
  const sign = (
    sequence: number,
    floor: number,
    bytes: Uint8Array,
    signers: readonly SigningKey[],
  ): Uint8Array => {
    const release: ReleaseEnvelope = {
      product: PRODUCT,
      version: `1.${sequence}.0`,
      sequence,
      floor,
      hardware: HARDWARE,
      architectureHash: ARCHITECTURE,
      paramsSha256: nodeSha256(bytes),
      paramsLength: bytes.length,
      goldenInputsSha256: nodeSha256(utf8("golden inputs")),
      goldenInputsLength: 3_136,
      goldenOutputsSha256: nodeSha256(utf8("golden outputs")),
      goldenOutputsLength: 40,
      manifestSha256: nodeSha256(utf8(`manifest ${sequence}`)),
      issuedS: NOW + sequence * DAY,
      expiresS: NOW + 90 * DAY,
    };
    return signReleaseEnvelope(release, signers, nodeSha256);
  };
  const first = params(ARCHITECTURE, (i) => ((i * 37) % 23) - 11);
  const second = params(ARCHITECTURE, (i) => ((i * 37) % 23) - 11 + (i % 13 === 0 ? 1 : 0));
  const third = params(
    ARCHITECTURE,
    (i) => ((i * 37) % 23) - 11 + (i % 13 === 0 ? 1 : 0) - (i % 29 === 3 ? 2 : 0),
  );
  const alien = params(nodeSha256(utf8("another architecture")), (i) => i % 7);
  const deps = { sha256: nodeSha256 };
  return Object.fromEntries(
    Object.entries({
      architecture: ARCHITECTURE,
      root: signRootEnvelope(root, [r1, r2], nodeSha256),
      next_root: signRootEnvelope(
        { ...root, version: 2, releaseKeys: publicKeys([t2, t3, t4]) },
        [r1, r2],
        nodeSha256,
      ),
      params_1: first,
      params_2: second,
      params_3: third,
      patch_1: makeFullPatch(first, deps),
      patch_2: makeTensorPatch(first, second, deps),
      patch_3: makeTensorPatch(second, third, deps),
      envelope_1: sign(1, 0, first, [t1, t2]),
      envelope_2: sign(2, 2, second, [t1, t2]),
      envelope_3: sign(3, 2, third, [t3, t4]),
      // Signed by mistake: parameters whose own header names other code.
      alien_envelope: sign(4, 2, alien, [t1, t2]),
      alien_patch: makeFullPatch(alien, deps),
    }).map(([name, bytes]) => [name, toHex(bytes)]),
  );
}

function headerFile(story: Story): string {
  const arrays = Object.entries(story).map(([name, hex]) => {
    const list = [...fromHex(hex)].join(",").replace(/(.{90,100}?),/g, "$1,\n");
    return `static const unsigned char mote_story_${name}[] = {${list}};`;
  });
  return `/* Made by protocol/node/update-vectors.test.ts (MOTE_WRITE_VECTORS=1) from update.golden.json. */
#ifndef MOTE_UPDATE_VECTORS_H
#define MOTE_UPDATE_VECTORS_H

#define MOTE_STORY_PRODUCT "${PRODUCT}"
#define MOTE_STORY_HARDWARE "${HARDWARE}"
${arrays.join("\n")}

#endif
`;
}

describe("a device's life on shared vectors", () => {
  if (process.env["MOTE_WRITE_VECTORS"] !== undefined || !existsSync(GOLDEN)) {
    writeFileSync(GOLDEN, `${JSON.stringify(tell(), null, 1)}\n`);
  }
  const story = JSON.parse(readFileSync(GOLDEN, "utf8")) as Story;
  const part = (name: string): Uint8Array => fromHex(story[name]!);
  const question = { product: PRODUCT, hardware: HARDWARE, architectureHash: ARCHITECTURE, clockS: null };
  const judge = (state: EnvelopeState, name: string) =>
    judgeReleaseEnvelope(state, part(name), question, DEPS);

  it("is the C header's", () => {
    if (process.env["MOTE_WRITE_VECTORS"] !== undefined) writeFileSync(HEADER, headerFile(story));
    expect(headerFile(story)).toBe(readFileSync(HEADER, "utf8"));
  });

  it("leads from release to release, over a change of keys", () => {
    let state = pinRootEnvelope(part("root"));
    let held: Uint8Array = new Uint8Array(0);
    for (const number of [1, 2, 3]) {
      if (number === 3) {
        expect(() => judge(state, "envelope_3")).toThrow(/2 of 3 keys/);
        state = rotateRootEnvelope(state, part("next_root"), DEPS);
        expect(() => judge(state, "envelope_2")).toThrow(/2 of 3 keys/);
      }
      const judged = judge(state, `envelope_${number}`);
      state = judged.state;
      held = applyPatch(held, part(`patch_${number}`), {
        sha256: nodeSha256,
        maxResultBytes: judged.release.paramsLength,
      });
      expect(held).toEqual(part(`params_${number}`));
      expect(nodeSha256(held)).toEqual(judged.release.paramsSha256);
    }
    expect(state.floor).toBe(2);
  });
});
