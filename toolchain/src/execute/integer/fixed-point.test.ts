import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  frexp,
  quantizeMultiplier,
  reducedMultiplier,
  requantizeDouble,
  requantizeSingle,
  requantizeWide,
  requantizeWideSingle,
  roundAwayFromZero,
  roundingDivideByPot,
  saturatingRoundingDoublingHighMul,
} from "./fixed-point.js";

const int32 = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.constantFrom(-(2 ** 31), 2 ** 31 - 1, 0, -1, 1, 2 ** 30, -(2 ** 30)),
);
const multiplier = fc.integer({ min: 2 ** 30, max: 2 ** 31 - 1 });

/** gemmlowp's definitions on BigInt: the specification, too slow to run a model. */
function highMulSpecification(a: number, b: number): number {
  if (a === b && a === -(2 ** 31)) return 2 ** 31 - 1;
  const product = BigInt(a) * BigInt(b);
  const nudge = product >= 0n ? 1n << 30n : 1n - (1n << 30n);
  return Number((product + nudge) / (1n << 31n));
}

function divideSpecification(x: number, exponent: number): number {
  const mask = (1n << BigInt(exponent)) - 1n;
  const remainder = BigInt(x) & mask;
  const threshold = (mask >> 1n) + (x < 0 ? 1n : 0n);
  return Number((BigInt(x) >> BigInt(exponent)) + (remainder > threshold ? 1n : 0n));
}

describe("fixed-point arithmetic equals gemmlowp's definition", () => {
  it("high multiplication, for any two int32", () => {
    fc.assert(
      fc.property(int32, int32, (a, b) => {
        expect(saturatingRoundingDoublingHighMul(a, b)).toBe(highMulSpecification(a, b));
      }),
      { numRuns: 5000 },
    );
  });

  it("rounding division, for every exponent", () => {
    fc.assert(
      fc.property(int32, fc.integer({ min: 0, max: 31 }), (x, exponent) => {
        expect(roundingDivideByPot(x, exponent)).toBe(divideSpecification(x, exponent));
      }),
      { numRuns: 5000 },
    );
  });

  it("double rounding, left shifts wrapping like C", () => {
    fc.assert(
      fc.property(int32, multiplier, fc.integer({ min: -31, max: 8 }), (x, q, shift) => {
        const left = Number(BigInt.asIntN(32, BigInt(x) << BigInt(Math.max(shift, 0))));
        const want = divideSpecification(highMulSpecification(left, q), Math.max(-shift, 0));
        expect(requantizeDouble(x, q, shift)).toBe(want);
      }),
      { numRuns: 5000 },
    );
  });

  it("single rounding, wherever the result fits int32", () => {
    fc.assert(
      fc.property(int32, multiplier, fc.integer({ min: -31, max: 30 }), (wide, q, shift) => {
        const x = shift > 0 ? wide >> (shift + 1) : wide;
        const want = (BigInt(x) * BigInt(q) + (1n << BigInt(30 - shift))) >> BigInt(31 - shift);
        expect(requantizeSingle(x, q, shift)).toBe(Number(want));
      }),
      { numRuns: 5000 },
    );
  });

  it("the 64-bit form of int16x8, for 48-bit accumulators", () => {
    const wide = fc.bigInt({ min: -(1n << 47n), max: (1n << 47n) - 1n });
    fc.assert(
      fc.property(wide, multiplier, fc.integer({ min: -31, max: 7 }), (x, q, shift) => {
        const total = BigInt(15 - shift);
        const want = (x * BigInt(reducedMultiplier(q)) + (1n << (total - 1n))) >> total;
        fc.pre(want >= -(1n << 31n) && want < 1n << 31n);
        expect(requantizeWide(Number(x), q, shift)).toBe(Number(want));
      }),
      { numRuns: 5000 },
    );
  });
});

it("the 64-bit form with the whole multiplier rounds once, half up", () => {
  const wide = fc.bigInt({ min: -(1n << 47n), max: (1n << 47n) - 1n });
  fc.assert(
    fc.property(wide, multiplier, fc.integer({ min: -31, max: 7 }), (x, q, shift) => {
      const total = BigInt(31 - shift);
      const want = (x * BigInt(q) + (1n << (total - 1n))) >> total;
      fc.pre(want >= -(1n << 31n) && want < 1n << 31n);
      expect(requantizeWideSingle(Number(x), q, shift)).toBe(Number(want));
    }),
    { numRuns: 5000 },
  );
});

describe("quantizeMultiplier", () => {
  it("reproduces the real number within 2^-31 of itself", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 100, noNaN: true }), (real) => {
        const { multiplier: q, shift } = quantizeMultiplier(real);
        expect(Math.abs(q * 2 ** (shift - 31) - real)).toBeLessThanOrEqual(real * 2 ** -31);
      }),
    );
  });

  it("halves a mantissa that rounds up to one, and drops what is below 2^-32", () => {
    expect(quantizeMultiplier(1 - 2 ** -40)).toEqual({ multiplier: 2 ** 30, shift: 1 });
    expect(quantizeMultiplier(2 ** -34)).toEqual({ multiplier: 0, shift: 0 });
    expect(quantizeMultiplier(0)).toEqual({ multiplier: 0, shift: 0 });
    expect(quantizeMultiplier(0.5)).toEqual({ multiplier: 2 ** 30, shift: 0 });
  });

  it("takes apart any finite double, subnormals too", () => {
    for (const x of [5e-324, 2 ** -1022, 0.1, 1, 3, 2 ** 52 + 1, 1.7976931348623157e308, -0.75]) {
      const { fraction, exponent } = frexp(x);
      expect(Math.abs(fraction)).toBeGreaterThanOrEqual(0.5);
      expect(Math.abs(fraction)).toBeLessThan(1);
      expect(fraction * 2 ** Math.floor(exponent / 2) * 2 ** Math.ceil(exponent / 2)).toBe(x);
    }
  });
});

it("rounds midpoints away from zero on both sides", () => {
  expect([-1.5, -0.5, 0.5, 1.5, 2.4999].map(roundAwayFromZero)).toEqual([-2, -1, 1, 2, 2]);
});
