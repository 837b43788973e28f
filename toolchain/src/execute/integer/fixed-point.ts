/**
 * The integer arithmetic of TensorFlow Lite's 8-bit specification, exact to the bit. Every other part that computes
 * integers (kernels, quantizer, C emitter) takes its numbers from here.
 * Source: tensorflow/lite/kernels/internal/{common.h,quantization_util.cc} and gemmlowp/fixedpoint.h.
 */

/** How an int32 accumulator becomes an 8-bit code. Mixing the two gives results that differ by one. */
export type Rounding = "double" | "single";

/** real = multiplier * 2^(shift - 31); multiplier is 0 or in [2^30, 2^31). */
export interface QuantizedMultiplier {
  readonly multiplier: number;
  readonly shift: number;
}

const TWO_31 = 2 ** 31;
const INT32_MAX = 0x7fffffff;
const INT32_MIN = -0x80000000;

/** x = fraction * 2^exponent with |fraction| in [0.5, 1); C's frexp for finite doubles. */
export function frexp(x: number): { fraction: number; exponent: number } {
  if (x === 0 || !Number.isFinite(x)) return { fraction: x, exponent: 0 };
  let exponent = Math.max(-1023, Math.floor(Math.log2(Math.abs(x))) + 1);
  let fraction = x * 2 ** -exponent;
  // log2 is rounded and subnormals exceed 2^-exponent's range: settle the last bit by hand.
  while (Math.abs(fraction) < 0.5) {
    fraction *= 2;
    exponent -= 1;
  }
  while (Math.abs(fraction) >= 1) {
    fraction /= 2;
    exponent += 1;
  }
  return { fraction, exponent };
}

/** QuantizeMultiplier: `real` must be finite and not negative. */
export function quantizeMultiplier(real: number, rounding: Rounding = "double"): QuantizedMultiplier {
  if (real === 0) return { multiplier: 0, shift: 0 };
  const { fraction, exponent } = frexp(real);
  let multiplier = Math.round(fraction * TWO_31);
  let shift = exponent;
  if (multiplier === TWO_31) {
    multiplier /= 2;
    shift += 1;
  }
  if (shift < -31) return { multiplier: 0, shift: 0 };
  if (rounding === "single" && shift > 30) return { multiplier: INT32_MAX, shift: 30 };
  return { multiplier, shift };
}

/**
 * round(a * b / 2^31) for int32 a and b, midpoints upward. gemmlowp adds 2^30 (or 1 - 2^30 below zero) and truncates,
 * which for both signs is floor((a * b + 2^30) / 2^31). b is taken in halves, so that no term exceeds 2^53.
 */
export function saturatingRoundingDoublingHighMul(a: number, b: number): number {
  if (a === INT32_MIN && b === INT32_MIN) return INT32_MAX;
  const low = Math.floor((a * (b & 0xffff) + 0x40000000) * (1 / 65536));
  return Math.floor((a * (b >> 16) + low) * (1 / 32768));
}

/** x / 2^exponent for int32 x and exponent 0..31, midpoints away from zero. */
export function roundingDivideByPot(x: number, exponent: number): number {
  const mask = ((1 << exponent) - 1) | 0;
  const threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + ((x & mask) > threshold ? 1 : 0);
}

/** x * 2^exponent saturated to int32, or a rounding division when the exponent is negative. */
export function saturatingRoundingMultiplyByPot(x: number, exponent: number): number {
  if (exponent <= 0) return roundingDivideByPot(x, -exponent);
  const wide = x * 2 ** exponent;
  return clamp(wide, INT32_MIN, INT32_MAX);
}

/** MultiplyByQuantizedMultiplier of an int32, TFLite's and CMSIS-NN's default. The left shift wraps, as in C. */
export function requantizeDouble(x: number, multiplier: number, shift: number): number {
  return shift > 0
    ? saturatingRoundingDoublingHighMul(x << shift, multiplier)
    : roundingDivideByPot(saturatingRoundingDoublingHighMul(x, multiplier), -shift);
}

/** The same with one rounding: (x * multiplier + 2^(30 - shift)) >> (31 - shift). */
export function requantizeSingle(x: number, multiplier: number, shift: number): number {
  const total = 31 - shift;
  // The result fits int32, so with a small total shift the whole product is below 2^53.
  if (total < 17) return Math.floor((x * multiplier + 2 ** (total - 1)) / 2 ** total);
  const low = Math.floor(x * (multiplier & 0xffff) * (1 / 65536));
  return Math.floor((x * (multiplier >> 16) + low + 2 ** (total - 17)) / 2 ** (total - 16));
}

/**
 * (x * multiplier + 2^(30 - shift)) >> (31 - shift) of an int64 x in [-2^47, 2^47) with the whole multiplier: how LiteRT's
 * matrix products requantize 16-bit layers. The result fits int32.
 */
export function requantizeWideSingle(x: number, multiplier: number, shift: number): number {
  const total = 31 - shift;
  if (Math.abs(x) >= 2 ** 37) {
    return Number((BigInt(x) * BigInt(multiplier) + (1n << BigInt(total - 1))) >> BigInt(total));
  }
  // x in two parts, so that both products stay below 2^53.
  const high = Math.floor(x / 65536);
  const low = (x - high * 65536) * multiplier + 2 ** (total - 1);
  if (total <= 16) return high * multiplier * 2 ** (16 - total) + Math.floor(low / 2 ** total);
  return Math.floor((high * multiplier + Math.floor(low / 65536)) / 2 ** (total - 16));
}

export type Requantize = (x: number, multiplier: number, shift: number) => number;

export function requantizer(rounding: Rounding): Requantize {
  return rounding === "double" ? requantizeDouble : requantizeSingle;
}

/** The 16-bit multiplier that TFLite uses where the accumulator is wider than 32 bits (int16x8). */
export function reducedMultiplier(multiplier: number): number {
  return multiplier < 0x7fff0000 ? (multiplier + (1 << 15)) >> 16 : 0x7fff;
}

/**
 * MultiplyByQuantizedMultiplier of an int64 x in [-2^47, 2^47), which a double holds exactly: one rounding in both
 * modes, by the reduced multiplier. shift is in [-31, 8).
 */
export function requantizeWide(x: number, multiplier: number, shift: number): number {
  const reduced = reducedMultiplier(multiplier);
  const total = 15 - shift;
  const high = Math.floor(x / 0x1000000);
  const low = (x - high * 0x1000000) * reduced + 2 ** (total - 1);
  if (total < 24) return high * reduced * 2 ** (24 - total) + Math.floor(low / 2 ** total);
  return Math.floor((high * reduced + Math.floor(low / 0x1000000)) / 2 ** (total - 24));
}

/** C's std::round: midpoints away from zero (Math.round sends negative midpoints up). */
export function roundAwayFromZero(x: number): number {
  return x < 0 ? -Math.floor(-x + 0.5) : Math.floor(x + 0.5);
}

export function clamp(x: number, low: number, high: number): number {
  return Math.min(Math.max(x, low), high);
}
