/**
 * What RFC 8032 refuses and libraries differ in. Whoever verifies asks here first, so that Node, browsers and the C
 * verifier (firmware-shims/src/ed25519.c) give one verdict on every signature; protocol/vectors hold them to it.
 */

/** Order of the base point (RFC 8032, section 5.1). */
const ORDER = bytes(2n ** 252n + 27742317777372353535851937790883648493n);
/** Prime of the field. */
const PRIME = bytes(2n ** 255n - 19n);
const ORDER_8_Y = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
/** y of the eight points of small order; the sign of x makes the rest. */
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  bytes(0n),
  bytes(1n),
  bytes(2n ** 255n - 20n),
  bytes(ORDER_8_Y),
  bytes(2n ** 255n - 19n - ORDER_8_Y),
];

/** Whether key and signature are what a verifier may be asked about at all. */
export function isSound(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return (
    publicKey.length === 32 && signature.length === 64 && !isMalleable(signature) && !isWeakKey(publicKey)
  );
}

/**
 * True when the signature's S (its last 32 bytes) is not below the order. RFC 8032 refuses those; tweetnacl does not
 * look, so that anybody could turn one valid signature into another (S + order).
 */
export function isMalleable(signature: Uint8Array): boolean {
  return !isBelow(signature.subarray(32), ORDER);
}

/**
 * True for the 32 B of a public key under which a signature proves nothing, or which is a second spelling of another:
 * points of small order, and coordinates at or beyond the prime.
 */
export function isWeakKey(publicKey: Uint8Array): boolean {
  const y = publicKey.slice();
  y[31]! &= 0x7f;
  return !isBelow(y, PRIME) || SMALL_ORDER_Y.some((small) => small.every((byte, i) => byte === y[i]));
}

/** Little-endian numbers of 32 B. */
function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    if (a[i] !== b[i]) return a[i]! < b[i]!;
  }
  return false;
}

function bytes(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}
