import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PatchError, PatchTooLargeError } from "../errors.js";
import { bunzip2 } from "./bunzip2.js";

/** printf 'aaaa…' (1,000 times a) | bzip2 -9, and the empty file: made with bzip2 1.0.8. */
const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
const EMPTY = fromBase64("QlpoORdyRThQkAAAAAA=");
const RUN = fromBase64("QlpoOTFBWSZTWUncT2MAAAGBAaAAAIAACCAAIKptQZi6g8XckU4UJBJ3E9jA");
const TEXT = fromBase64(
  "QlpoOTFBWSZTWXs+Jh8AARedgEABAAggADrt34AwAPgCjRkDRpkaFGjIGjTI0ClSI9SZlB5GpgTQTgTgTAnIngT8E2E/hPQmRORNgm4nQngTAmonkTInInYTcToT4JgTcT4J5E9ibCaCexPQmom4mRO4mROhO4momBOBMCZE6E7CaiaiaCr/F3JFOFCQez4mHw==",
);
const SENTENCE = "A weight never goes back up; a release walks in waves. ".repeat(40);

describe("bunzip2", () => {
  it("reads what bzip2 writes", () => {
    expect(bunzip2(EMPTY, 0)).toEqual(new Uint8Array(0));
    expect(bunzip2(RUN, 1000)).toEqual(new Uint8Array(1000).fill(97));
    expect(new TextDecoder().decode(bunzip2(TEXT, { atMost: 10_000 }))).toBe(SENTENCE);
  });

  it("makes nothing beyond the length or the limit that it is given", () => {
    expect(() => bunzip2(RUN, 999)).toThrow(PatchTooLargeError);
    expect(() => bunzip2(RUN, { atMost: 999 })).toThrow(PatchTooLargeError);
    expect(() => bunzip2(RUN, 1001)).toThrow(PatchError);
  });

  it("refuses every truncation", () => {
    for (let length = 0; length < TEXT.length - 4; length++) {
      expect(() => bunzip2(TEXT.subarray(0, length), SENTENCE.length)).toThrow(PatchError);
    }
  });

  it("flipped bytes end in a PatchError or in bytes of the right length, never otherwise", () => {
    fc.assert(
      fc.property(fc.nat(TEXT.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const broken = TEXT.slice();
        broken[at]! ^= mask;
        try {
          expect(bunzip2(broken, SENTENCE.length).length).toBe(SENTENCE.length);
        } catch (error) {
          if (!(error instanceof PatchError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});
