import { expect, it } from "vitest";
import { COUNT_LIMIT, KEPT_COUNT, RATES } from "./adaptive-bit.js";
import { FIELD_EXPONENTS, FORM_BITS, LOOKAHEAD_BYTES, MAX_EXPONENT, NUMBER_EXPONENTS } from "./layout.js";

/** What no probability falls below, in 1/65536. */
const LEAST = 7;

/** The most bits of payload that `length` decisions by one adaptive bit can cost, whatever it has learnt before. */
function mostBits(length: number, count: number): number {
  let most = new Float64Array(65536);
  for (let left = 1; left <= length; left++) {
    const rate = RATES[Math.min(COUNT_LIMIT, count + length - left)]!;
    most = most.map((_, p) => {
      if (p < LEAST || p > 65536 - LEAST) return 0;
      const zero = -Math.log2(p / 65536) + most[p + (((65536 - p) * rate) >>> 16)]!;
      const one = -Math.log2(1 - p / 65536) + most[p - ((p * rate) >>> 16)]!;
      return Math.max(zero, one);
    });
  }
  return most.reduce((a, b) => Math.max(a, b), 0);
}

it("a step of the decoder never takes more than LOOKAHEAD_BYTES", () => {
  // The slower a bit moves, the longer it can be wrong.
  const worst = (length: number): number => mostBits(length, COUNT_LIMIT);
  expect(mostBits(31, KEPT_COUNT)).toBeLessThan(worst(31));
  const [single, mantissa] = [worst(1), worst(MAX_EXPONENT - 1)];
  const gamma = (exponents: number): number =>
    (exponents - 1) * single + worst(MAX_EXPONENT - exponents + 1) + mantissa;
  const number = 2 * single + gamma(NUMBER_EXPONENTS);
  const ratio = 2 * single + gamma(FIELD_EXPONENTS);
  const owed = 3;
  expect(Math.max(number, ratio) / 8 + owed).toBeLessThan(LOOKAHEAD_BYTES);
  expect((FORM_BITS * single) / 8 + owed).toBeLessThan(LOOKAHEAD_BYTES);
});
