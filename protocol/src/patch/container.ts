import { ARTIFACT_MAX_BYTES } from "../bundle/manifest.js";
import { PatchFormatError, PatchTooLargeError, PatchTruncatedError } from "../errors.js";

/**
 * A patch file: header, then the codec's payload up to the end of the file.
 *
 *   0   2     "MP"
 *   2   1     16 * version, 4, + codec: 0 full, 1 tensor, 2 bsdiff
 *   3   4     SHA-256 of the base, its first bytes; zeros for full
 *   7   4     SHA-256 of the result, its first bytes
 *   11  1-4   bytes of the result, seven bits each, the lowest first; all bytes but the last have their highest bit set
 *             payload
 *
 * The digests serve honest mistakes: a base says by its digest whether it is the one, and so how long it is. What a device
 * trusts is the whole digest in the signed manifest.
 */

export const PATCH_CODECS = ["full", "tensor", "bsdiff"] as const;
export type PatchCodec = (typeof PATCH_CODECS)[number];

export const PATCH_MAGIC = [0x4d, 0x50] as const;
export const PATCH_VERSION = 4;
/** Of each SHA-256, what the header keeps. */
export const PATCH_DIGEST_BYTES = 4;
const BASE_DIGEST_AT = 3;
const RESULT_DIGEST_AT = BASE_DIGEST_AT + PATCH_DIGEST_BYTES;
const LENGTH_AT = RESULT_DIGEST_AT + PATCH_DIGEST_BYTES;
const LENGTH_MAX_BYTES = 4;
/** The longest header. */
export const PATCH_HEADER_MAX_BYTES = LENGTH_AT + LENGTH_MAX_BYTES;

/** Bytes; defaults of every door through which a patch comes. */
export const PATCH_LIMITS = {
  maxResultBytes: ARTIFACT_MAX_BYTES,
  /** A bsdiff payload is held as a whole before it is applied. */
  maxBsdiffBytes: ARTIFACT_MAX_BYTES,
} as const;

export interface PatchHeader {
  readonly codec: PatchCodec;
  readonly resultLength: number;
  /** The first 4 bytes of the digest; zeros for full. */
  readonly baseDigest: Uint8Array;
  /** The first 4 bytes of the digest. */
  readonly resultDigest: Uint8Array;
}

/** Of digests only the first 4 bytes are kept. @throws RangeError for a result of 2^28 bytes and more */
export function encodePatchHeader(header: PatchHeader): Uint8Array {
  const length: number[] = [];
  let left = header.resultLength;
  for (; left > 127; left = Math.floor(left / 128)) length.push((left & 127) | 128);
  length.push(left);
  if (length.length > LENGTH_MAX_BYTES) throw new RangeError(`a result of ${header.resultLength} bytes`);
  return Uint8Array.from([
    ...PATCH_MAGIC,
    16 * PATCH_VERSION + PATCH_CODECS.indexOf(header.codec),
    ...header.baseDigest.subarray(0, PATCH_DIGEST_BYTES),
    ...header.resultDigest.subarray(0, PATCH_DIGEST_BYTES),
    ...length,
  ]);
}

/** Bytes of the header that these bytes begin with; null while they are too few to tell. */
export function patchHeaderLength(bytes: Uint8Array): number | null {
  for (let at = LENGTH_AT; at < Math.min(bytes.length, PATCH_HEADER_MAX_BYTES); at++) {
    if (bytes[at]! < 128) return at + 1;
  }
  return bytes.length < PATCH_HEADER_MAX_BYTES ? null : PATCH_HEADER_MAX_BYTES;
}

/** Reads the header and refuses lengths beyond the limits before anyone allocates by them. */
export function decodePatchHeader(
  bytes: Uint8Array,
  maxResultBytes: number = PATCH_LIMITS.maxResultBytes,
): PatchHeader {
  if (PATCH_MAGIC.some((byte, i) => i < bytes.length && bytes[i] !== byte)) {
    throw new PatchFormatError({
      expected: 'a patch, which starts with "MP"',
      got: "other bytes",
      todo: "Name the file that `mote diff` wrote.",
    });
  }
  const version = bytes.length > 2 ? bytes[2]! >> 4 : PATCH_VERSION;
  const codec = PATCH_CODECS[(bytes[2] ?? 0) & 15];
  if (version !== PATCH_VERSION || codec === undefined) {
    throw new PatchFormatError({
      expected: `patch version ${PATCH_VERSION} with codec 0, 1 or 2`,
      got: version === 0 ? `version ${bytes[2]}` : `version ${version}, codec ${bytes[2]! & 15}`,
      todo: "Update this program, or make the patch with a version that it knows.",
    });
  }
  const end = patchHeaderLength(bytes);
  if (end === null) {
    throw new PatchTruncatedError({
      expected: `a patch header of up to ${PATCH_HEADER_MAX_BYTES} B`,
      got: `${bytes.length} B`,
      todo: "Fetch the patch again.",
    });
  }
  let resultLength = 0;
  for (let at = end - 1; at >= LENGTH_AT; at--) resultLength = 128 * resultLength + (bytes[at]! & 127);
  const isPlain = bytes[end - 1]! < 128 && (bytes[end - 1] !== 0 || end === LENGTH_AT + 1);
  if (!isPlain) {
    throw new PatchFormatError({
      expected: `a length of at most ${LENGTH_MAX_BYTES} bytes, none in vain`,
      got: "another one",
      todo: "Fetch the patch again.",
    });
  }
  if (resultLength > maxResultBytes) {
    throw new PatchTooLargeError({
      expected: `a result of at most ${maxResultBytes} B`,
      got: `${resultLength} B`,
      todo: "Refuse this patch; it was not made for this release.",
    });
  }
  const baseDigest = bytes.slice(BASE_DIGEST_AT, RESULT_DIGEST_AT);
  if (codec === "full" && baseDigest.some((byte) => byte !== 0)) {
    throw new PatchFormatError({
      expected: "no base for the codec full",
      got: "the digest of one",
      todo: "Make the patch again.",
    });
  }
  return { codec, resultLength, baseDigest, resultDigest: bytes.slice(RESULT_DIGEST_AT, LENGTH_AT) };
}
