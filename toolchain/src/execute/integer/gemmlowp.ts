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

/** x * 2^exponent saturated to int32 (SaturatingRoundingMultiplyByPOTParam with a left shift). */
function shiftLeftSaturating(x: number, exponent: number): number {
  if (exponent === 0) return x;
  const threshold = 2 ** (31 - exponent) - 1;
  return x > threshold ? 0x7fffffff : x < -threshold ? -0x80000000 : x << exponent;
}

function saturate32(x: number): number {
  return Math.min(Math.max(x, -0x80000000), 0x7fffffff);
}

/** log(x) in Q5 for x >= 1 in Q`inputBits`: log_x_for_x_greater_than_or_equal_to_1, a rational function around 2^k. */
export function logOfOneOrMore(x: number, inputBits: number): number {
  const outputBits = 5;
  // One bit of headroom: the power of two and the rest are summed before they are rounded.
  const sumBits = outputBits + 1;
  const log2 = 1488522236;
  const sqrtSqrtHalf = 1805811301;
  const sqrtHalf = 1518500250;
  const quarter = roundingDivideByPot(536870912, sumBits);

  const headroomA = Math.clz32(x);
  const a = shiftLeftSaturating(multiply(shiftLeftSaturating(x, headroomA - 1), sqrtHalf), 1);
  const powerA = saturate32(shiftLeftSaturating(inputBits - headroomA, 31 - sumBits) + quarter);
  const headroomB = Math.clz32(multiply(x, sqrtHalf)) - 1;
  const b = shiftLeftSaturating(x, headroomB);
  const powerB = saturate32(shiftLeftSaturating(inputBits - headroomB, 31 - sumBits) - quarter);

  const r = Math.min(a, b);
  const power = Math.max(powerA, powerB);
  const sum = r + sqrtSqrtHalf;
  const p = Math.trunc((sum + (sum >= 0 ? 1 : -1)) / 2);
  const half = (r - sqrtSqrtHalf) | 0;
  const q = (half + half) | 0;
  const square = multiply(q, q);
  const numerator = (multiply(q, r) + multiply(multiply(q, square), 117049297)) | 0;
  const inner = (1057819769 + q + multiply(127690142, square)) | 0;
  const denominatorLessOne = (multiply(p, inner) + multiply(638450708, q)) | 0;
  const rest = multiply(roundingDivideByPot(numerator, sumBits), oneOverOnePlusX(denominatorLessOne));
  return saturatingRoundingMultiplyByPot((multiply(power, log2) + rest) | 0, sumBits - outputBits);
}

/** 1 / sqrt(x) = multiplier * 2^(shift - 31) for x > 0: GetInvSqrtQuantizedMultiplierExp, five Newton steps in Q3. */
export function inverseSquareRoot(x: number): { multiplier: number; shift: number } {
  if (x <= 1) return { multiplier: 0x7fffffff, shift: 0 };
  let rightShift = 11;
  let scaled = x;
  while (scaled >= 2 ** 29) {
    scaled = Math.trunc(scaled / 4);
    rightShift += 1;
  }
  const pairs = Math.trunc((Math.clz32(scaled) - 1) / 2) - 1;
  rightShift -= pairs;
  scaled <<= 2 * pairs;
  const input = scaled >> 1;
  const halfInput = roundingDivideByPot(input, 1);
  const halfThree = (1 << 28) + (1 << 27);
  let y = 1 << 28;
  for (let step = 0; step < 5; step++) {
    // Products of Q3 numbers are Q6 and Q9: back to Q3.
    const cube = saturatingRoundingMultiplyByPot(multiply(multiply(y, y), y), 6);
    y = saturatingRoundingMultiplyByPot((multiply(halfThree, y) - multiply(halfInput, cube)) | 0, 3);
  }
  y = multiply(y, 1518500250);
  if (rightShift < 0) {
    y <<= -rightShift;
    rightShift = 0;
  }
  return { multiplier: y, shift: -rightShift };
}
