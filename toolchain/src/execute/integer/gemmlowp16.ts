/**
 * sigmoid and tanh on 16-bit fixed-point numbers as gemmlowp/fixedpoint.h computes them for int16: what TensorFlow Lite's
 * integer LSTM applies to its gates. Qm.n has m integer and n = 15 - m fractional bits; results are Q0.15.
 */

import { roundingDivideByPot } from "./fixed-point.js";

const ONE = 32767;

const wrap16 = (x: number): number => (x << 16) >> 16;
const saturate16 = (x: number): number => Math.min(Math.max(x, -32768), 32767);
/** A constant given in 32 bits. */
const constant = (int32: number): number => roundingDivideByPot(int32, 16);

/** round(a * b / 2^15), midpoints upward: SaturatingRoundingDoublingHighMul of int16. */
export function highMul16(a: number, b: number): number {
  if (a === -32768 && b === -32768) return 32767;
  const product = a * b;
  return Math.trunc((product + (product >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15));
}

const EXP_OF_MINUS_EIGHTH = constant(1895147668);
const ONE_THIRD = constant(715827883);

/** exp(a) in Q0 for a in [-1/4, 0) in Q0: Taylor's series of degree 4 around -1/8. */
function expBetweenMinusQuarterAndZero(a: number): number {
  const x = wrap16(a + (1 << 12));
  const x2 = highMul16(x, x);
  const x3 = highMul16(x2, x);
  const x4 = highMul16(x2, x2);
  const tail = roundingDivideByPot(
    wrap16(highMul16(wrap16(roundingDivideByPot(x4, 2) + x3), ONE_THIRD) + x2),
    1,
  );
  return saturate16(EXP_OF_MINUS_EIGHTH + highMul16(EXP_OF_MINUS_EIGHTH, wrap16(x + tail)));
}

/** exp(-2^k) in Q0, k = -2 .. 4. */
const EXP_OF_MINUS_POWER = [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242].map(
  constant,
);
/** Beyond -2^5 the exponential is 0. */
const GREATEST_POWER = 5;

/** exp(a) in Q0 for a <= 0 in Q`integerBits`. */
function expOnNegativeValues16(a: number, integerBits: number): number {
  if (a === 0) return ONE;
  const fractionalBits = 15 - integerBits;
  if (integerBits > GREATEST_POWER && a < -(2 ** (fractionalBits + GREATEST_POWER))) return 0;
  const quarter = 1 << (fractionalBits - 2);
  const remainderInQuarter = (a & (quarter - 1)) - quarter;
  let result = expBetweenMinusQuarterAndZero(saturate16(remainderInQuarter * 2 ** integerBits));
  const quarters = wrap16(remainderInQuarter - a);
  for (let k = -2; k < Math.min(integerBits, GREATEST_POWER); k++) {
    if ((quarters & (1 << (fractionalBits + k))) !== 0)
      result = highMul16(result, EXP_OF_MINUS_POWER[k + 2]!);
  }
  return result;
}

const FORTY_EIGHT_OVER_SEVENTEEN = constant(1515870810);
const MINUS_THIRTY_TWO_OVER_SEVENTEEN = constant(-1010580540);
const Q2_ONE = 1 << 13;

/** 2 / (1 + a) in Q2 for a in (0, 1) in Q0: three Newton steps. */
function twoOverOnePlusX(a: number): number {
  const sum = a + ONE;
  const halfDenominator = Math.trunc((sum + (sum >= 0 ? 1 : -1)) / 2);
  let x = wrap16(FORTY_EIGHT_OVER_SEVENTEEN + highMul16(halfDenominator, MINUS_THIRTY_TWO_OVER_SEVENTEEN));
  for (let step = 0; step < 3; step++) {
    const error = wrap16(Q2_ONE - highMul16(halfDenominator, x));
    x = wrap16(x + saturate16(highMul16(x, error) * 4));
  }
  return x;
}

/** gemmlowp::logistic of a Q`integerBits` number. */
export function logistic16(a: number, integerBits: number): number {
  if (a === 0) return 1 << 14;
  const magnitude = a > 0 ? a : wrap16(-a);
  const positive = saturate16(twoOverOnePlusX(expOnNegativeValues16(wrap16(-magnitude), integerBits)) * 2);
  return a > 0 ? positive : wrap16(ONE - positive);
}

/** gemmlowp::tanh of a Q`integerBits` number: (1 - e) / (1 + e) for e = exp(-2|a|). */
export function hyperbolicTangent16(a: number, integerBits: number): number {
  if (a === 0) return 0;
  const negative = a < 0 ? a : wrap16(-a);
  const e = expOnNegativeValues16(negative, integerBits + 1);
  const t = saturate16((twoOverOnePlusX(e) - Q2_ONE) * 4);
  return a < 0 ? wrap16(-t) : t;
}
