/** Order of Ed25519's base point, little-endian (RFC 8032, section 5.1). */
const L = [
  0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/**
 * True when the signature's S (its last 32 bytes) is not below L. RFC 8032 refuses those; tweetnacl does not look, so
 * that anybody could turn one valid signature into another (S + L).
 */
export function isMalleable(signature: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const s = signature[32 + i]!;
    if (s !== L[i]!) return s > L[i]!;
  }
  return true;
}
