import { PatchTruncatedError } from "../errors.js";
import { AdaptiveBits, COUNT_LIMIT, RATES } from "./adaptive-bit.js";

/** Zeros that an encoder may leave away at the end of a payload, and a decoder reads all the same. */
export const TRAILING_ZEROS = 4;
/** Below it, another byte comes in. */
const LEAST_RANGE = 0x1000000;

/**
 * Binary range decoder, 32 bits, one byte at a time (Martin 1979; the binary form that LZMA made known). Push-fed: the
 * caller appends input and only asks for a symbol when enough of it is there or the input has ended.
 */
export class RangeDecoder {
  readonly bits: AdaptiveBits;
  readonly #probability: Uint16Array;
  readonly #count: Uint8Array;
  /** Both are unsigned, kept as signed integers: those need no memory of their own. */
  #range = -1;
  #code = 0;
  #input = new Uint8Array(0);
  #position = 0;
  #virtual = 0;

  constructor(contexts: number) {
    this.bits = new AdaptiveBits(contexts);
    this.#probability = this.bits.probability;
    this.#count = this.bits.count;
  }

  append(chunk: Uint8Array): void {
    const rest = this.#input.length - this.#position;
    const input = new Uint8Array(rest + chunk.length);
    input.set(this.#input.subarray(this.#position));
    input.set(chunk, rest);
    this.#input = input;
    this.#position = 0;
  }

  get available(): number {
    return this.#input.length - this.#position;
  }

  /**
   * True when exactly what the encoder wrote has been read. It ends on the one multiple of 2^24 within the last range,
   * and leaves its three zero bytes away, so that no other bytes decode to the same.
   */
  get isAtEnd(): boolean {
    return this.available === 0 && this.#virtual >= TRAILING_ZEROS - 1 && this.#code >>> 0 < LEAST_RANGE;
  }

  /** Reads the first four bytes. */
  start(): void {
    for (let i = 0; i < 4; i++) this.#code = (this.#code << 8) | this.#nextByte();
  }

  /** Two ways, not one with a bit in it: a processor that guesses the bit goes on without waiting for the range. */
  bit(index: number): number {
    const p = this.#probability[index]!;
    const n = this.#count[index]!;
    const rate = RATES[n]!;
    if (n < COUNT_LIMIT) this.#count[index] = n + 1;
    const range = this.#range >>> 0;
    const code = this.#code >>> 0;
    const bound = Math.imul(range >>> 16, p) >>> 0;
    if (code < bound) {
      this.#probability[index] = p + (Math.imul(65536 - p, rate) >>> 16);
      this.#range = bound | 0;
      if (bound < LEAST_RANGE) this.#normalize();
      return 0;
    }
    this.#probability[index] = p - (Math.imul(p, rate) >>> 16);
    this.#code = (code - bound) | 0;
    this.#range = (range - bound) | 0;
    if (range - bound < LEAST_RANGE) this.#normalize();
    return 1;
  }

  /** `count` bits (at most 31) of equal probability, the highest first. */
  direct(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      // As an adaptive bit of one half, so that a small decoder needs no other way.
      const bound = (this.#range >>> 16) << 15;
      const bit = this.#code >>> 0 >= bound ? 1 : 0;
      if (bit === 1) this.#code = (this.#code - bound) | 0;
      this.#range = bit === 1 ? (this.#range - bound) | 0 : bound;
      value = (value << 1) | bit;
      if (this.#range >>> 0 < LEAST_RANGE) this.#shift();
    }
    return value >>> 0;
  }

  #normalize(): void {
    while (this.#range >>> 0 < LEAST_RANGE) this.#shift();
  }

  #shift(): void {
    this.#code = (this.#code << 8) | this.#nextByte();
    this.#range <<= 8;
  }

  #nextByte(): number {
    if (this.#position < this.#input.length) return this.#input[this.#position++]!;
    if (this.#virtual === TRAILING_ZEROS) {
      throw new PatchTruncatedError({
        expected: "more payload",
        got: "the end of the patch",
        todo: "Fetch the patch again.",
      });
    }
    this.#virtual++;
    return 0;
  }
}
