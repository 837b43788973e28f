import { createHash } from "node:crypto";
import { type RawBuilder, sql } from "kysely";

/** 2^31 - 1, a prime: products of two draws stay below 2^63, which both databases reckon in exactly. */
export const DRAW_MODULUS = 2 ** 31 - 1;

/**
 * A device's number in [0, DRAW_MODULUS), from its id's SHA-256: stored with the device, so that a database can draw
 * cohorts out of a million devices without hashing a million ids.
 */
export function drawOf(deviceId: string): number {
  return createHash("sha256").update(deviceId).digest().readUInt32BE(0) % DRAW_MODULUS;
}

/**
 * How a rollout shuffles the draws: x -> (a x + b) mod p. For random a and b this family is pairwise independent (Carter
 * and Wegman 1979), and x is uniform already: who is in one rollout's canary says nothing about the next one's.
 */
export interface Shuffle {
  readonly a: number;
  readonly b: number;
}

export function shuffleOf(salt: string): Shuffle {
  const digest = createHash("sha256").update(salt).digest();
  return { a: 1 + (digest.readUIntBE(0, 6) % (DRAW_MODULUS - 1)), b: digest.readUIntBE(6, 6) % DRAW_MODULUS };
}

/** A device's place: an integer in [0, DRAW_MODULUS). */
export function placeOf({ a, b }: Shuffle, draw: number): number {
  return Number((BigInt(a) * BigInt(draw) + BigInt(b)) % BigInt(DRAW_MODULUS));
}

/** The same in SQL, of the column `draw`. */
export function placeSql({ a, b }: Shuffle): RawBuilder<number> {
  return sql<number>`((${sql.lit(a)} * draw + ${sql.lit(b)}) % ${sql.lit(DRAW_MODULUS)})`;
}

/** The draws of these places: the modulus is a prime, so the shuffle has an inverse, and an index on draws finds places. */
export function drawsAt({ a, b }: Shuffle, places: readonly number[]): number[] {
  const modulus = BigInt(DRAW_MODULUS);
  const inverse = power(BigInt(a), modulus - 2n, modulus);
  return places.map((place) => Number(((BigInt(place) - BigInt(b) + modulus) * inverse) % modulus));
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, base % modulus];
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}
