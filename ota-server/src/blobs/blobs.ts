import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { DigestMismatchError } from "@mote/protocol";

/** Blobs by SHA-256, never changed once they have their name: bundles' artifacts, manifests, patches. */
export interface Blobs {
  /** Length in bytes, or null when there is no such blob. */
  length(sha256: string): Promise<number | null>;
  /** Bytes `[start, end]`, both inclusive as in an HTTP Range. */
  stream(sha256: string, start: number, end: number): Readable;
  read(sha256: string): Promise<Uint8Array>;
  /** Digests of all blobs, in their order. */
  list(): Promise<string[]>;
  /**
   * Idempotent. Returns when the blob and its name are durable.
   *
   * @throws DigestMismatchError when the bytes are not what `sha256` names.
   */
  put(sha256: string, bytes: Uint8Array): Promise<void>;
}

export const SHA256_HEX = /^[0-9a-f]{64}$/;

/** @throws DigestMismatchError */
export function checkDigest(sha256: string, bytes: Uint8Array): void {
  const actual = createHash("sha256").update(bytes).digest("hex");
  if (actual === sha256) return;
  throw new DigestMismatchError({
    expected: `a blob with SHA-256 ${sha256}`,
    got: actual,
    todo: "Nothing was stored; send it again.",
  });
}
