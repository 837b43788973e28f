import { AdaptiveBits } from "../adaptive-bit.js";
import { TRAILING_ZEROS } from "../range-decoder.js";

/** Where a bit goes: into a payload, or only into a sum of what it would cost. */
export interface BitSink {
  readonly bits: AdaptiveBits;
  bit(index: number, bit: number): void;
  /** `count` bits (at most 31) of equal probability, the highest first. */
  direct(value: number, count: number): void;
}

/** The other half of RangeDecoder. A carry may run back through bytes already fixed, so the last one is held. */
export class RangeEncoder implements BitSink {
  readonly bits: AdaptiveBits;
  readonly #out: number[] = [];
  #low = 0;
  #range = 0xffffffff;
  #held = -1;
  #heldFf = 0;

  constructor(contexts: number) {
    this.bits = new AdaptiveBits(contexts);
  }

  bit(index: number, bit: number): void {
    const bound = (this.#range >>> 16) * this.bits.probability[index]!;
    if (bit === 0) {
      this.#range = bound;
    } else {
      this.#low += bound;
      this.#range -= bound;
    }
    this.bits.update(index, bit);
    while (this.#range < 0x1000000) this.#shift();
  }

  direct(value: number, count: number): void {
    for (let i = count - 1; i >= 0; i--) {
      const bound = (this.#range >>> 16) << 15;
      const isOne = ((value >>> i) & 1) === 1;
      this.#low += isOne ? bound : 0;
      this.#range = isOne ? this.#range - bound : bound;
      if (this.#range < 0x1000000) this.#shift();
    }
  }

  #shift(): void {
    this.#emit();
    this.#range = (this.#range << 8) >>> 0;
  }

  #emit(): void {
    if (this.#low >= 0x100000000 || this.#low < 0xff000000) {
      const carry = this.#low >= 0x100000000 ? 1 : 0;
      // The first held byte is always 0 without carry: the decoder does not read it.
      if (this.#held >= 0) this.#out.push((this.#held + carry) & 255);
      for (; this.#heldFf > 0; this.#heldFf--) this.#out.push((255 + carry) & 255);
      this.#held = Math.floor(this.#low / 0x1000000) & 255;
    } else {
      this.#heldFf++;
    }
    this.#low = (this.#low % 0x1000000) * 256;
  }

  /** The payload. The value within the last range that has most zeros at its end is taken, and they are left away. */
  finish(): Uint8Array {
    this.#low = Math.ceil(this.#low / 0x1000000) * 0x1000000;
    for (let i = 0; i < 5; i++) this.#emit();
    let end = this.#out.length;
    for (let i = 0; i < TRAILING_ZEROS && end > 0 && this.#out[end - 1] === 0; i++) end--;
    return Uint8Array.from(this.#out.slice(0, end));
  }
}

/** −log2(i / 4096): what a bit of that probability costs. */
const BIT_COST = Float64Array.from({ length: 4097 }, (_, i) => -Math.log2(Math.max(i, 0.5) / 4096));

/** Adapts as RangeEncoder does and only adds up bits, so that ways to code a tensor can be tried cheaply. */
export class CostCounter implements BitSink {
  readonly bits: AdaptiveBits;
  /** Bits so far. */
  cost = 0;

  constructor(bits: AdaptiveBits) {
    this.bits = new AdaptiveBits(bits.count.length);
    this.bits.copyFrom(bits);
  }

  bit(index: number, bit: number): void {
    const p = this.bits.probability[index]!;
    this.cost +=
      p > 60000 && bit === 0 ? -Math.log2(p / 65536) : BIT_COST[(bit === 0 ? p : 65536 - p) >>> 4]!;
    this.bits.update(index, bit);
  }

  direct(_value: number, count: number): void {
    this.cost += count;
  }
}
