import { ARTIFACT_MAX_BYTES } from "../bundle/manifest.js";
import { PatchFormatError, PatchTooLargeError, PatchTruncatedError } from "../errors.js";

/**
 * A patch file: header, then the codec's payload up to the end of the file.
 *
 *   0   2  "MP"
 *   2   1  version, 3
 *   3   1  codec: 0 full, 1 tensor, 2 bsdiff
 *   4   4  length of the base in bytes, little-endian; 0 for full
 *   8   4  length of the result in bytes
 *   12  8  SHA-256 of the base, its first bytes; zeros for full
 *   20  8  SHA-256 of the result, its first bytes
 *   28     payload
 *
 * The digests serve honest mistakes, for which eight bytes are plenty. What a device trusts is the whole digest in the
 * signed manifest.
 */

export const PATCH_CODECS = ["full", "tensor", "bsdiff"] as const;
export type PatchCodec = (typeof PATCH_CODECS)[number];

export const PATCH_MAGIC = [0x4d, 0x50] as const;
export const PATCH_VERSION = 3;
export const PATCH_HEADER_BYTES = 28;
/** Of each SHA-256, what the header keeps. */
export const PATCH_DIGEST_BYTES = 8;

/** Bytes; defaults of every door through which a patch comes. */
export const PATCH_LIMITS = {
  maxResultBytes: ARTIFACT_MAX_BYTES,
  maxBaseBytes: ARTIFACT_MAX_BYTES,
  /** A bsdiff payload is held as a whole before it is applied. */
  maxBsdiffBytes: ARTIFACT_MAX_BYTES,
} as const;

export interface PatchHeader {
  readonly codec: PatchCodec;
  readonly baseLength: number;
  readonly resultLength: number;
  /** The first 8 bytes of the digest; zeros for full. */
  readonly baseDigest: Uint8Array;
  /** The first 8 bytes of the digest. */
  readonly resultDigest: Uint8Array;
}

/** Of digests only the first 8 bytes are kept. */
export function encodePatchHeader(header: PatchHeader): Uint8Array {
  const bytes = new Uint8Array(PATCH_HEADER_BYTES);
  bytes.set(PATCH_MAGIC);
  bytes[2] = PATCH_VERSION;
  bytes[3] = PATCH_CODECS.indexOf(header.codec);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, header.baseLength, true);
  view.setUint32(8, header.resultLength, true);
  bytes.set(header.baseDigest.subarray(0, PATCH_DIGEST_BYTES), 12);
  bytes.set(header.resultDigest.subarray(0, PATCH_DIGEST_BYTES), 20);
  return bytes;
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
  if (bytes.length < PATCH_HEADER_BYTES) {
    throw new PatchTruncatedError({
      expected: `a patch header of ${PATCH_HEADER_BYTES} B`,
      got: `${bytes.length} B`,
      todo: "Fetch the patch again.",
    });
  }
  const codec = PATCH_CODECS[bytes[3]!];
  if (bytes[2] !== PATCH_VERSION || codec === undefined) {
    throw new PatchFormatError({
      expected: `patch version ${PATCH_VERSION} with codec 0, 1 or 2`,
      got: `version ${bytes[2]}, codec ${bytes[3]}`,
      todo: "Update this program, or make the patch with a version that it knows.",
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, PATCH_HEADER_BYTES);
  const baseLength = view.getUint32(4, true);
  const resultLength = view.getUint32(8, true);
  if (resultLength > maxResultBytes || baseLength > PATCH_LIMITS.maxBaseBytes) {
    throw new PatchTooLargeError({
      expected: `a result of at most ${maxResultBytes} B from a base of at most ${PATCH_LIMITS.maxBaseBytes} B`,
      got: `${resultLength} B from ${baseLength} B`,
      todo: "Refuse this patch; it was not made for this release.",
    });
  }
  if (codec === "full" && (baseLength !== 0 || bytes.subarray(12, 20).some((byte) => byte !== 0))) {
    throw new PatchFormatError({
      expected: "no base for the codec full",
      got: `a base of ${baseLength} B, or the digest of one`,
      todo: "Make the patch again.",
    });
  }
  return {
    codec,
    baseLength,
    resultLength,
    baseDigest: bytes.slice(12, 20),
    resultDigest: bytes.slice(20, 28),
  };
}
