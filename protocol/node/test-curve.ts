import { createHash } from "node:crypto";

/**
 * The curve of Ed25519 in plain big integers, for tests that need signatures no honest signer makes. By the book
 * (RFC 8032, section 5.1), slow, and nothing that a secret should meet.
 */

export const PRIME = 2n ** 255n - 19n;
export const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

export interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

const mod = (value: bigint): bigint => ((value % PRIME) + PRIME) % PRIME;

function pow(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = mod(b * b)) {
    if ((e & 1n) === 1n) result = mod(result * b);
  }
  return result;
}

const inverse = (value: bigint): bigint => pow(value, PRIME - 2n);
const D = mod(-121665n * inverse(121666n));

export function plus(a: Point, b: Point): Point {
  const k = mod(D * mod(a.x * b.x) * mod(a.y * b.y));
  return {
    x: mod((a.x * b.y + b.x * a.y) * inverse(1n + k)),
    y: mod((a.y * b.y + a.x * b.x) * inverse(1n - k)),
  };
}

export function multiply(point: Point, scalar: bigint): Point {
  let result: Point = { x: 0n, y: 1n };
  for (let p = point, s = scalar; s > 0n; s >>= 1n, p = plus(p, p)) {
    if ((s & 1n) === 1n) result = plus(result, p);
  }
  return result;
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function toBytes(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

export function encode({ x, y }: Point): Uint8Array {
  return toBytes(y | ((x & 1n) << 255n));
}

/** Null for what is no point. */
export function decode(bytes: Uint8Array): Point | null {
  const number = littleEndian(bytes);
  const y = number & (2n ** 255n - 1n);
  const square = mod((y * y - 1n) * inverse(D * y * y + 1n));
  let x = pow(square, (PRIME + 3n) / 8n);
  if (mod(x * x - square) !== 0n) x = mod(x * pow(2n, (PRIME - 1n) / 4n));
  if (mod(x * x - square) !== 0n) return null;
  return { x: (x & 1n) === number >> 255n ? x : mod(-x), y };
}

export const BASE: Point = decode(toBytes(mod(4n * inverse(5n))))!;

/** A signature by `secret` that claims to be by `publicKey`, which need not be its own; h is the hash that binds them. */
export function signAs(
  publicKey: Uint8Array,
  secret: bigint,
  message: Uint8Array,
): { signature: Uint8Array; h: bigint } {
  const nonce = littleEndian(createHash("sha512").update("test nonce").update(message).digest()) % ORDER;
  const r = encode(multiply(BASE, nonce));
  const h = littleEndian(createHash("sha512").update(r).update(publicKey).update(message).digest()) % ORDER;
  const s = (nonce + h * secret) % ORDER;
  return { signature: new Uint8Array([...r, ...toBytes(s)]), h };
}
