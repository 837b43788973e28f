import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** 256 random bits, safe in URLs and headers. */
export function newSecret(prefix: string): string {
  return `${prefix}_${randomBytes(32).toString("base64url")}`;
}

/** How secrets with full entropy are stored: their digest finds them, and a stolen store gives none away. */
export function sha256Hex(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

export function isEqualSecret(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
