/**
 * Adaptive probabilities: p = P(bit is 0) in 1/65536, moved by 1/(n + 1.6) of the distance after the n-th bit, n held
 * at 127. Integers only, so that TypeScript and C keep the same p for ever.
 *
 * p stays within [7, 65529]: a move rounds to nothing before that, whatever n is once KEPT_COUNT is reached. So one bit
 * costs at most 13.2 bits of payload; the streaming decoders rely on it (LOOKAHEAD_BYTES).
 */

export const COUNT_LIMIT = 127;
/** What counts are held to where adaptive bits go on with another tensor: it may be unlike the one before. */
export const KEPT_COUNT = 6;
export const PROBABILITY_HALF = 32768;

/** round(65536 / (n + 1.6)) for n = 0 … COUNT_LIMIT. */
export const RATES: Uint16Array = Uint16Array.from({ length: COUNT_LIMIT + 1 }, (_, n) =>
  Math.floor((655360 + 5 * n + 8) / (10 * n + 16)),
);

/** A flat array of adaptive bits; layout.ts says which index means what. */
export class AdaptiveBits {
  readonly probability: Uint16Array;
  readonly count: Uint8Array;

  constructor(size: number) {
    this.probability = new Uint16Array(size).fill(PROBABILITY_HALF);
    this.count = new Uint8Array(size);
  }

  reset(from: number, to: number): void {
    this.probability.fill(PROBABILITY_HALF, from, to);
    this.count.fill(0, from, to);
  }

  loosen(from: number, to: number): void {
    for (let i = from; i < to; i++) this.count[i] = Math.min(this.count[i]!, KEPT_COUNT);
  }

  update(index: number, bit: number): void {
    const p = this.probability[index]!;
    const n = this.count[index]!;
    const rate = RATES[n]!;
    // Below 2^32, so that the low half of the product is all of it.
    this.probability[index] =
      bit === 0 ? p + (Math.imul(65536 - p, rate) >>> 16) : p - (Math.imul(p, rate) >>> 16);
    if (n < COUNT_LIMIT) this.count[index] = n + 1;
  }

  copyFrom(other: AdaptiveBits): void {
    this.probability.set(other.probability);
    this.count.set(other.count);
  }
}
