import {
  saturatingRoundingDoublingHighMul as multiply,
  roundingDivideByPot,
  saturatingRoundingMultiplyByPot,
} from "./fixed-point.js";

/**
 * Transcendental functions on fixed-point numbers, as gemmlowp/fixedpoint.h computes them. Qm.n is an int32 with m
 * integer and n = 31 - m fractional bits. Products of a Q0 and a Qm number keep the format Qm.
 */

const Q0_ONE = 0x7fffffff;
const Q2_ONE = 1 << 29;

/** exp(a) in Q0 for a in [-1/4, 0) in Q0: Taylor's series of degree 4 around -1/8. */
function expBetweenMinusQuarterAndZero(a: number): number {
  const expOfMinusEighth = 1895147668;
  const oneThird = 715827883;
  const x = a + (1 << 28);
  const x2 = multiply(x, x);
  const x3 = multiply(x2, x);
  const x4 = multiply(x2, x2);
  const tail = roundingDivideByPot((multiply((roundingDivideByPot(x4, 2) + x3) | 0, oneThird) + x2) | 0, 1);
  return (expOfMinusEighth + multiply(expOfMinusEighth, (x + tail) | 0)) | 0;
}

/** exp(-2^k) in Q0, k = -2 .. 4. */
const EXP_OF_MINUS_POWER = [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242];

/** exp(a) in Q0 for a <= 0 in Q`integerBits`, integerBits <= 5. */
export function expOnNegativeValues(a: number, integerBits: number): number {
  if (a === 0) return Q0_ONE;
  const fractionalBits = 31 - integerBits;
  const quarter = 1 << (fractionalBits - 2);
  const remainderInQuarter = (a & (quarter - 1)) - quarter;
  let result = expBetweenMinusQuarterAndZero(
    saturatingRoundingMultiplyByPot(remainderInQuarter, integerBits),
  );
  const quarters = (remainderInQuarter - a) | 0;
  for (let k = -2; k < integerBits; k++) {
    if ((quarters & (1 << (fractionalBits + k))) !== 0) result = multiply(result, EXP_OF_MINUS_POWER[k + 2]!);
  }
  return result;
}

/** 1 / (1 + a) in Q0 for a in (0, 1) in Q0: three Newton steps. */
export function oneOverOnePlusX(a: number): number {
  const sum = a + Q0_ONE;
  const halfDenominator = Math.trunc((sum + (sum >= 0 ? 1 : -1)) / 2);
  const fortyEightOverSeventeen = 1515870810;
  const minusThirtyTwoOverSeventeen = -1010580540;
  let x = (fortyEightOverSeventeen + multiply(halfDenominator, minusThirtyTwoOverSeventeen)) | 0;
  for (let step = 0; step < 3; step++) {
    const error = (Q2_ONE - multiply(halfDenominator, x)) | 0;
    x = (x + saturatingRoundingMultiplyByPot(multiply(x, error), 2)) | 0;
  }
  return saturatingRoundingMultiplyByPot(x, 1);
}

/** GetReciprocal: 1 / x for x > 0 with `integerDigits` integer bits, as a Q0 mantissa and its excess exponent. */
export function reciprocal(x: number, integerDigits: number): { mantissa: number; bitsOverUnit: number } {
  const headroomPlusOne = Math.clz32(x);
  const mantissaMinusOne = ((x << headroomPlusOne) >>> 0) - 2 ** 31;
  return { mantissa: oneOverOnePlusX(mantissaMinusOne), bitsOverUnit: integerDigits - headroomPlusOne };
}
