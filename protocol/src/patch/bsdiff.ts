import { PatchFormatError, PatchTruncatedError } from "../errors.js";
import { bunzip2 } from "./bunzip2.js";
import { PATCH_LIMITS } from "./container.js";

/**
 * Applies Percival's bsdiff 4 format: "BSDIFF40", three lengths, then control triples, differences and extra bytes,
 * each a bzip2 stream. Plain TypeScript, because native code must not meet untrusted bytes.
 */

const HEADER_BYTES = 32;
const TRIPLE_BYTES = 24;

function broken(expected: string, got: string): PatchFormatError {
  return new PatchFormatError({ expected, got, todo: "Fetch the patch again, or the whole artifact." });
}

/** Sign and magnitude, little-endian, eight bytes. */
function readOffset(bytes: Uint8Array, at: number): number {
  let value = bytes[at + 7]! & 0x7f;
  for (let i = 6; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  if (!Number.isSafeInteger(value)) throw broken("an offset below 2^53", "a larger one");
  return (bytes[at + 7]! & 0x80) === 0 ? value : -value;
}

/** @param length bytes of the result, as the container names them. */
export function applyBsdiff(base: Uint8Array, payload: Uint8Array, length: number): Uint8Array {
  if (payload.length < HEADER_BYTES) {
    throw new PatchTruncatedError({
      expected: `a bsdiff header of ${HEADER_BYTES} B`,
      got: `${payload.length} B`,
      todo: "Fetch the patch again.",
    });
  }
  if (String.fromCharCode(...payload.subarray(0, 8)) !== "BSDIFF40")
    throw broken('"BSDIFF40"', "other bytes");
  const controlEnd = HEADER_BYTES + readOffset(payload, 8);
  const differenceEnd = controlEnd + readOffset(payload, 16);
  const resultLength = readOffset(payload, 24);
  if (controlEnd < HEADER_BYTES || differenceEnd < controlEnd || differenceEnd > payload.length) {
    throw broken("three streams within the payload", "lengths that leave it");
  }
  if (resultLength !== length) throw broken(`a result of ${length} B`, `${resultLength} B`);
  return carryOut(base, {
    control: payload.subarray(HEADER_BYTES, controlEnd),
    difference: payload.subarray(controlEnd, differenceEnd),
    extra: payload.subarray(differenceEnd),
    length,
  });
}

interface Streams {
  readonly control: Uint8Array;
  readonly difference: Uint8Array;
  readonly extra: Uint8Array;
  readonly length: number;
}

function carryOut(base: Uint8Array, streams: Streams): Uint8Array {
  const control = bunzip2Growing(streams.control, streams.length);
  if (control.length % TRIPLE_BYTES !== 0) throw broken("whole control triples", `${control.length} B`);
  // The triples are checked as a whole first: they give the exact lengths of the other two streams.
  let added = 0;
  let extra = 0;
  for (let at = 0; at < control.length; at += TRIPLE_BYTES) {
    const add = readOffset(control, at);
    const insert = readOffset(control, at + 8);
    if (add < 0 || insert < 0) throw broken("lengths of at least 0", `${add} and ${insert}`);
    added += add;
    extra += insert;
    if (added + extra > streams.length) throw broken(`${streams.length} B in all`, "more");
  }
  if (added + extra !== streams.length) throw broken(`${streams.length} B in all`, `${added + extra} B`);
  const differences = bunzip2(streams.difference, added);
  const extras = bunzip2(streams.extra, extra);
  const result = new Uint8Array(streams.length);
  let at = 0;
  let baseAt = 0;
  let differenceAt = 0;
  let extraAt = 0;
  for (let triple = 0; triple < control.length; triple += TRIPLE_BYTES) {
    const add = readOffset(control, triple);
    const insert = readOffset(control, triple + 8);
    // Outside of the base the original reads zeros.
    for (let i = 0; i < add; i++) result[at++] = differences[differenceAt++]! + (base[baseAt + i] ?? 0);
    result.set(extras.subarray(extraAt, extraAt + insert), at);
    at += insert;
    extraAt += insert;
    baseAt += add + readOffset(control, triple + 16);
  }
  return result;
}

/**
 * The control stream does not name its length. Each triple but an idle one makes a byte, so the result bounds it; the
 * buffer starts small and grows, so that a tiny patch can't make a large allocation.
 */
function bunzip2Growing(bytes: Uint8Array, resultLength: number): Uint8Array {
  const limit = Math.min(PATCH_LIMITS.maxBsdiffBytes, TRIPLE_BYTES * (resultLength + 1));
  return bunzip2(bytes, { atMost: limit });
}
