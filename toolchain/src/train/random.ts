/**
 * A small seedable generator (sfc32, from Chris Doty-Humphrey's PractRand), so that a training run, a split and an
 * augmentation can be repeated from their seed on any machine. Not for secrets.
 */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number) {
    this.a = seed >>> 0;
    this.b = Math.floor(seed / 2 ** 32) >>> 0;
    this.c = 0x9e3779b9;
    for (let i = 0; i < 15; i++) this.uint32();
  }

  uint32(): number {
    const sum = (((this.a + this.b) >>> 0) + this.counter) >>> 0;
    this.counter = (this.counter + 1) >>> 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) >>> 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) >>> 0;
    this.c = (this.c + sum) >>> 0;
    return sum;
  }

  /** Uniform in [0, 1). */
  float(): number {
    return this.uint32() / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.float();
  }

  /** Uniform in 0 … bound-1. The bias at these bounds (below 2^20) is under one in four thousand million. */
  below(bound: number): number {
    return Math.floor(this.float() * bound);
  }

  /** Standard normal (Box-Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.float()));
    return radius * Math.cos(2 * Math.PI * this.float());
  }

  /** Fisher-Yates, in place. */
  shuffle<T extends number[] | Int32Array | Uint32Array>(values: T): T {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const kept = values[i]!;
      values[i] = values[j]!;
      values[j] = kept;
    }
    return values;
  }

  /** 0 … count-1 in random order. */
  permutation(count: number): Uint32Array {
    return this.shuffle(Uint32Array.from({ length: count }, (_, i) => i));
  }
}
