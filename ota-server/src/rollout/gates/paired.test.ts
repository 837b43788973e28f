import { describe, expect, test } from "vitest";
import { comparePaired, leastPairedP } from "./paired.js";

describe("devices that are compared with themselves", () => {
  test("give the exact share of signs under which the mean would be as large", () => {
    // Of 16 choices for {1, 2, 3, 4} two have a sum of at least 8: all positive, and all but the 1.
    expect(comparePaired([1, 2, 3, 4], 0, 0, 1)).toMatchObject({ difference: 2.5, pWorse: 1 / 16 });
    expect(comparePaired([-1, 2, 3, 4], 0, 0, 1).pWorse).toBe(2 / 16);
    expect(comparePaired([0, 0, 0], 0.1, 0, 1)).toEqual({ difference: 0, pWorse: 1, pTolerable: 1 / 8 });
  });

  test("judge a share against its margin, where zero can't be the centre", () => {
    const shares = [0.06, 0.07, 0.08, 0.09, 0.1, 0.11];
    expect(comparePaired(shares, 0.05, 0.05, 1)).toMatchObject({ pWorse: 1 / 64, pTolerable: 1 });
    expect(
      comparePaired(
        shares.map((share) => share - 0.06),
        0.06,
        0.06,
        1,
      ).pTolerable,
    ).toBeLessThan(0.05);
  });

  test("say the same whether signs are counted, drawn or left to Student's t", () => {
    const value = (i: number) => 0.02 + 0.06 * Math.sin(7 * i);
    const p = (n: number) =>
      comparePaired(
        Array.from({ length: n }, (_, i) => value(i)),
        1,
        0,
        7,
      ).pWorse;
    for (const [one, other] of [
      [16, 17],
      [29, 30],
    ] as const)
      expect(Math.abs(p(one) - p(other))).toBeLessThan(0.03);
  });

  test("of too few devices can't be surer than their signs", () => {
    expect([3, 16, 17, 30].map(leastPairedP)).toEqual([1 / 8, 2 ** -16, 1 / 20_001, 0]);
    expect(comparePaired([1, 1, 1], 0.5, 0, 1).pWorse).toBe(leastPairedP(3));
    expect(() => comparePaired([], 0.5, 0, 1)).toThrow(RangeError);
  });

  test("that all differ alike leave no doubt", () => {
    const many = new Array<number>(40).fill(0.2);
    expect(comparePaired(many, 0.05, 0.05, 1)).toEqual({
      difference: expect.closeTo(0.2),
      pWorse: 0,
      pTolerable: 1,
    });
  });
});
