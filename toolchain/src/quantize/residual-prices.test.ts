import { describe, expect, it } from "vitest";
import { Random } from "../train/random.js";
import { adaptiveBits, pricesOf } from "./residual-prices.js";

const COUNT = 2000;

function residuals(share: number, size: number): { codes: Int32Array[]; old: Int32Array[] } {
  const random = new Random(1);
  const old = [Int32Array.from({ length: COUNT }, () => Math.round(random.between(-90, 90)))];
  const codes = [
    old[0]!.map((code) => (random.float() < share ? code + size * (1 + random.below(3)) : code)),
  ];
  return { codes, old };
}

describe("the price of a weight's residual", () => {
  it("is next to nothing where nothing changes, and dear for what did not occur", () => {
    const { codes, old } = residuals(0, 1);
    const price = pricesOf(codes, old);
    expect(price(0, 1)).toBeLessThan(0.01);
    expect(price(3, 1)).toBeGreaterThan(10);
    expect(adaptiveBits(codes, old)).toBeLessThan(16);
  });

  it("adds up to what an adaptive coder writes, but for what it has to learn", () => {
    const { codes, old } = residuals(0.3, 1);
    const price = pricesOf(codes, old);
    const sum = codes[0]!.reduce(
      (bits, code, i) => bits + price(code - old[0]![i]!, Math.sign(old[0]![i]!)),
      0,
    );
    const bits = adaptiveBits(codes, old);
    expect(bits).toBeGreaterThan(sum);
    expect(bits).toBeLessThan(1.05 * sum + 80);
    // A share of 0.3, three sizes, one sign: the entropy of it.
    const entropy = COUNT * (-0.3 * Math.log2(0.1) - 0.7 * Math.log2(0.7));
    expect(Math.abs(bits / entropy - 1)).toBeLessThan(0.06);
  });

  it("does not depend on the step that all residuals are multiples of", () => {
    const [fine, coarse] = [residuals(0.3, 1), residuals(0.3, 4)];
    expect(adaptiveBits(coarse.codes, coarse.old, 4)).toBeCloseTo(adaptiveBits(fine.codes, fine.old), 6);
  });
});
