import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { equalBytes } from "../bytes.js";
import {
  PatchBaseError,
  PatchError,
  PatchFormatError,
  PatchResultError,
  PatchTooLargeError,
} from "../errors.js";
import { PATCH_VERSION, patchHeaderLength } from "./container.js";
import { applyPatch, inspectPatch, PatchDecoder } from "./decoder.js";
import { makeFullPatch, makeTensorPatch } from "./produce/make-patch.js";
import { findTensorRanges } from "./produce/ranges.js";
import { perturbModel, randomBytes } from "./test-models.js";

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(bytes).digest());
const NOTHING = new Uint8Array(0);
const DATA = process.env["MOTE_DATA"] ?? fileURLToPath(new URL("../../../../shared/data", import.meta.url));
const hasData = existsSync(`${DATA}/mlperf-tiny`);
const load = (name: string): Uint8Array => new Uint8Array(readFileSync(`${DATA}/mlperf-tiny/${name}`));

/** Applies in chunks whose lengths `cut` gives in turn. */
function applyInChunks(base: Uint8Array, patch: Uint8Array, cut: (at: number) => number): Uint8Array {
  const decoder = new PatchDecoder(base, { sha256 });
  for (let at = 0; at < patch.length; ) {
    const length = cut(at);
    decoder.push(patch.subarray(at, at + length));
    at += length;
  }
  return decoder.finish();
}

describe("round trip", () => {
  const models = process.env["MOTE_FULL"] === undefined ? ["kws", "ic"] : ["kws", "ic", "ad", "vww"];
  it.skipIf(!hasData).each(models)("%s, int8 .tflite (needs the shared data)", (name) => {
    const base = load(`${name}_int8.tflite`);
    const next = perturbModel(base, 7, 0.05);
    const patch = makeTensorPatch(base, next, { sha256 });
    expect(applyPatch(base, patch, { sha256 })).toEqual(next);
    const full = makeFullPatch(next, { sha256 });
    expect(applyPatch(NOTHING, full, { sha256 })).toEqual(next);
    expect(patch.length).toBeLessThan(full.length / 3);
  });

  it.skipIf(!hasData)("finds every weight of a .tflite (needs the shared data)", () => {
    const ranges = findTensorRanges(load("kws_int8.tflite"));
    const bytes = (dtype: string) =>
      ranges.filter((range) => range.dtype === dtype).reduce((sum, range) => sum + range.length, 0);
    // DS-CNN of MLPerf Tiny: 22,016 convolution, depthwise and dense weights in int8, 588 biases in int32.
    expect(bytes("int8")).toBe(22_016);
    expect(bytes("int32")).toBeGreaterThanOrEqual(4 * 588);
    expect(bytes("float32")).toBeGreaterThanOrEqual(4 * 576);
  });

  it("any two byte strings", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.uint8Array({ maxLength: 400 }), (base, next) => {
        expect(applyPatch(base, makeTensorPatch(base, next, { sha256 }), { sha256 })).toEqual(next);
        expect(applyPatch(NOTHING, makeFullPatch(next, { sha256 }), { sha256 })).toEqual(next);
      }),
    );
  });

  it("edits of one file: inserted, removed, changed, moved", () => {
    const base = randomBytes(5000, 1);
    const next = new Uint8Array([
      ...base.subarray(0, 1000),
      ...randomBytes(50, 2),
      ...base.subarray(1200, 3000),
      ...base.subarray(0, 300),
      ...base.subarray(3000),
    ]);
    const patch = makeTensorPatch(base, next, { sha256 });
    expect(applyPatch(base, patch, { sha256 })).toEqual(next);
    expect(patch.length).toBeLessThan(200);
  });

  it("the same bytes give the same patch, and an unchanged file a patch of its header and a few bytes", () => {
    const base = randomBytes(10_000, 3);
    const patch = makeTensorPatch(base, base, { sha256 });
    expect(patch).toEqual(makeTensorPatch(base, base, { sha256 }));
    expect(patch.length).toBeLessThan(17);
  });
});

describe("streaming", () => {
  const base = randomBytes(2000, 4);
  const next = perturbModel(base, 5, 0.1);
  const patch = makeTensorPatch(base, next, { sha256 });

  it("one byte at a time gives the same result", () => {
    expect(applyInChunks(base, patch, () => 1)).toEqual(next);
  });

  it("any chunks give the same result", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 }), (lengths) => {
        let i = 0;
        expect(applyInChunks(base, patch, () => lengths[i++ % lengths.length]!)).toEqual(next);
      }),
    );
  });

  it("cut in two at every byte", () => {
    for (let cut = 1; cut < patch.length; cut++) {
      let isFirst = true;
      const result = applyInChunks(base, patch, () => {
        const length = isFirst ? cut : patch.length;
        isFirst = false;
        return length;
      });
      expect(equalBytes(result, next)).toBe(true);
    }
  });

  it("produces bytes before the patch is complete", () => {
    const large = randomBytes(20_000, 4);
    const decoder = new PatchDecoder(large, { sha256 });
    const whole = makeTensorPatch(large, perturbModel(large, 5, 0.1), { sha256 });
    decoder.push(whole.subarray(0, whole.length / 2));
    expect(decoder.header?.codec).toBe("tensor");
    expect(decoder.produced).toBeGreaterThan(large.length / 3);
  });
});

describe("hostile patches throw PatchError and nothing else", () => {
  const base = randomBytes(600, 6);
  const next = perturbModel(base, 7, 0.2);
  const patch = makeTensorPatch(base, next, { sha256 });
  const HEADER_BYTES = patchHeaderLength(patch)!;

  it("one flipped bit at every position", () => {
    for (let bit = 0; bit < 8 * patch.length; bit++) {
      const broken = patch.slice();
      broken[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => applyPatch(base, broken, { sha256 })).toThrow(PatchError);
    }
  });

  it("every truncation, and bytes after the end", () => {
    for (let length = 0; length < patch.length; length++) {
      expect(() => applyPatch(base, patch.subarray(0, length), { sha256 })).toThrow(PatchError);
    }
    for (const extra of [1, 4, 5, 100]) {
      const longer = new Uint8Array(patch.length + extra).fill(extra === 4 ? 0 : 1);
      longer.set(patch);
      expect(() => applyPatch(base, longer, { sha256 })).toThrow(PatchError);
    }
  });

  it("any payload behind an honest header", () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 2), fc.uint8Array({ maxLength: 300 }), (codec, payload) => {
        const forged = new Uint8Array([...patch.subarray(0, HEADER_BYTES), ...payload]);
        forged[2] = 16 * PATCH_VERSION + codec;
        if (codec === 0) forged.fill(0, 3, 7);
        expect(() => applyPatch(base, forged, { sha256 })).toThrow(PatchError);
      }),
      { numRuns: process.env["MOTE_FULL"] === undefined ? 2000 : 200_000 },
    );
  });

  it("any bytes at all", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => applyPatch(base, bytes, { sha256 })).toThrow(PatchError);
      }),
    );
  });

  it("a length that lies: refused before anything is allocated", () => {
    const lying = (...length: readonly number[]): Uint8Array =>
      new Uint8Array([...patch.subarray(0, 11), ...length, ...patch.subarray(HEADER_BYTES)]);
    expect(() => applyPatch(base, lying(255, 255, 255, 127), { sha256 })).toThrow(PatchTooLargeError);
    // Five bytes, and one byte too many.
    expect(() => applyPatch(base, lying(255, 255, 255, 255, 0), { sha256 })).toThrow(PatchFormatError);
    expect(() => applyPatch(base, lying(0xd8, 0x84, 0), { sha256 })).toThrow(PatchFormatError);
    expect(applyPatch(base, lying(0xd8, 4), { sha256 })).toEqual(next);
    expect(() => applyPatch(base, patch, { sha256, maxResultBytes: next.length - 1 })).toThrow(
      PatchTooLargeError,
    );
  });

  it("a bomb: a tiny patch for a large result is bounded by the manifest's length", () => {
    const bomb = makeFullPatch(new Uint8Array(4_000_000), { sha256 });
    expect(bomb.length).toBeLessThan(55);
    expect(() => applyPatch(NOTHING, bomb, { sha256, maxResultBytes: 65_536 })).toThrow(PatchTooLargeError);
  });

  it("an older version is refused by its number", () => {
    const old = new Uint8Array(60);
    old.set([0x4d, 0x50, 3, 1]);
    expect(() => applyPatch(base, old, { sha256 })).toThrow(/version 4 .*version 3/s);
  });

  it("another base", () => {
    const other = base.slice();
    other[0]! ^= 1;
    expect(() => applyPatch(other, patch, { sha256 })).toThrow(PatchBaseError);
    expect(() => applyPatch(base.subarray(1), patch, { sha256 })).toThrow(PatchBaseError);
  });

  it("a wrong digest of the result", () => {
    const wrong = patch.slice();
    wrong[7]! ^= 1;
    expect(() => applyPatch(base, wrong, { sha256 })).toThrow(PatchResultError);
  });
});

it("inspectPatch names codec, lengths and digests", () => {
  const base = randomBytes(100, 8);
  const next = randomBytes(120, 9);
  expect(inspectPatch(makeTensorPatch(base, next, { sha256 }))).toEqual({
    codec: "tensor",
    resultLength: 120,
    baseDigest: sha256(base).subarray(0, 4),
    resultDigest: sha256(next).subarray(0, 4),
  });
});
