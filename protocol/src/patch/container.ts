import { ARTIFACT_MAX_BYTES } from "../bundle/manifest.js";
import { PatchFormatError, PatchTooLargeError, PatchTruncatedError } from "../errors.js";

/**
 * A patch file: header, then the codec's payload up to the end of the file.
 *
 *   0   4  "MPAT"
 *   4   1  version, 2
 *   5   1  codec: 0 full, 1 tensor, 2 bsdiff
 *   6   2  zero
 *   8   4  length of the base in bytes, little-endian; 0 for full
 *   12  4  length of the result in bytes
 *   16  32 SHA-256 of the base; zeros for full
 *   48  32 SHA-256 of the result
 *   80     payload
 *
 * The digests serve honest mistakes. What a device trusts is the digest in the signed manifest.
 */

export const PATCH_CODECS = ["full", "tensor", "bsdiff"] as const;
export type PatchCodec = (typeof PATCH_CODECS)[number];

export const PATCH_MAGIC = [0x4d, 0x50, 0x41, 0x54] as const;
export const PATCH_VERSION = 2;
export const PATCH_HEADER_BYTES = 80;

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
  /** 32 bytes. */
  readonly baseSha256: Uint8Array;
  /** 32 bytes. */
  readonly resultSha256: Uint8Array;
}

export function encodePatchHeader(header: PatchHeader): Uint8Array {
  const bytes = new Uint8Array(PATCH_HEADER_BYTES);
  bytes.set(PATCH_MAGIC);
  bytes[4] = PATCH_VERSION;
  bytes[5] = PATCH_CODECS.indexOf(header.codec);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, header.baseLength, true);
  view.setUint32(12, header.resultLength, true);
  bytes.set(header.baseSha256, 16);
  bytes.set(header.resultSha256, 48);
  return bytes;
}

/** Reads the header and refuses lengths beyond the limits before anyone allocates by them. */
export function decodePatchHeader(
  bytes: Uint8Array,
  maxResultBytes: number = PATCH_LIMITS.maxResultBytes,
): PatchHeader {
  if (PATCH_MAGIC.some((byte, i) => i < bytes.length && bytes[i] !== byte)) {
    throw new PatchFormatError({
      expected: 'a patch, which starts with "MPAT"',
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
  const codec = PATCH_CODECS[bytes[5]!];
  if (bytes[4] !== PATCH_VERSION || codec === undefined || bytes[6] !== 0 || bytes[7] !== 0) {
    throw new PatchFormatError({
      expected: `patch version ${PATCH_VERSION} with codec 0, 1 or 2`,
      got: `version ${bytes[4]}, codec ${bytes[5]}, reserved ${bytes[6]} ${bytes[7]}`,
      todo: "Update this program, or make the patch with a version that it knows.",
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, PATCH_HEADER_BYTES);
  const baseLength = view.getUint32(8, true);
  const resultLength = view.getUint32(12, true);
  if (resultLength > maxResultBytes || baseLength > PATCH_LIMITS.maxBaseBytes) {
    throw new PatchTooLargeError({
      expected: `a result of at most ${maxResultBytes} B from a base of at most ${PATCH_LIMITS.maxBaseBytes} B`,
      got: `${resultLength} B from ${baseLength} B`,
      todo: "Refuse this patch; it was not made for this release.",
    });
  }
  if (codec === "full" && (baseLength !== 0 || bytes.subarray(16, 48).some((byte) => byte !== 0))) {
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
    baseSha256: bytes.slice(16, 48),
    resultSha256: bytes.slice(48, 80),
  };
}
