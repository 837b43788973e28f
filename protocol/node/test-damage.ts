import fc from "fast-check";

/** Genuine documents damaged in the ways that find faults, and how long a test goes on with it. */

export const SECONDS = Number(process.env["MOTE_FUZZ_SECONDS"] ?? 0);
export const HOW_LONG =
  SECONDS > 0
    ? {
        numRuns: Number.MAX_SAFE_INTEGER,
        interruptAfterTimeLimit: SECONDS * 1000,
        markInterruptAsFailure: false,
      }
    : { numRuns: 300 };
export const TIMEOUT_MS = SECONDS * 1000 + 120_000;

/** One edit of a document: where (as a share of its length), what. */
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  kind: fc.constantFrom("flip", "set", "insert", "remove", "copy", "cut", "swell"),
  byte: fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 0x1b, 0x5b, 0x9f, 0x22, 0x7b)),
  length: fc.integer({ min: 1, max: 40 }),
});
export const edits = fc.array(edit, { minLength: 1, maxLength: 6 });
export type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

export function damage(document: Uint8Array, list: readonly Edit[]): Uint8Array {
  let bytes = [...document];
  for (const { at, kind, byte, length } of list) {
    const i = Math.floor(at * bytes.length);
    if (kind === "flip") bytes[i] = (bytes[i] ?? 0) ^ (1 << (byte & 7));
    else if (kind === "set") bytes[i] = byte;
    else if (kind === "insert") bytes.splice(i, 0, ...Array<number>(length).fill(byte));
    else if (kind === "remove") bytes.splice(i, length);
    else if (kind === "copy") bytes.splice(i, 0, ...bytes.slice(byte, byte + length));
    else if (kind === "cut") bytes = bytes.slice(0, i);
    else bytes.push(...Array<number>(length * 200).fill(byte));
  }
  return Uint8Array.from(bytes);
}
