import { PORTABLE_GENERAL } from "../../architecture.js";
import type { Channel } from "../arithmetic.js";
import type { CFunction } from "../step.js";

/** Types and arithmetic that every portable kernel stands on. */
export const CHANNEL_TYPES: CFunction = {
  name: "channel_t",
  source: `/* Per output channel, from the parameter blob: bias with the input's zero point folded in; the real factor
 * input scale * weight scale / output scale is multiplier * 2^(shift - 31). */
typedef struct {
    int32_t bias, multiplier, shift;
} channel_t;

/* Zero points and the range of a fused activation, from the parameter blob. */
typedef struct {
    int32_t input_zero_point, output_zero_point, low, high;
} edges_t;
`,
};

export const HIGH_MUL: CFunction = {
  name: "high_mul",
  source: `/* round(a * b / 2^31), midpoints up; b is never INT32_MIN. */
static inline int32_t high_mul(int32_t a, int32_t b) {
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
    /* No 64-bit product on this core, and the library's branches on data: four products of halves. */
    const int32_t a_low = a & 0xffff, a_high = a >> 16, b_low = b & 0xffff, b_high = b >> 16;
    const uint32_t low = (uint32_t)a_low * (uint32_t)b_low;
    const int32_t m = a_high * b_low + (int32_t)(low >> 16);
    const int32_t n = a_low * b_high + (1 << 14);
    return a_high * b_high * 2 + (m >> 15) + (n >> 15) + (((m & 0x7fff) + (n & 0x7fff)) >> 15);
#else
    return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
#endif
}
`,
};

export const ROUNDING_SHIFT: CFunction = {
  name: "rounding_shift",
  source: `/* round(x / 2^exponent), midpoints away from zero; exponent in 0..31. */
static inline int32_t rounding_shift(int32_t x, int32_t exponent) {
    const int32_t mask = (int32_t)((UINT32_C(1) << exponent) - 1u);
    const int32_t threshold = (mask >> 1) + (int32_t)((uint32_t)x >> 31);
    /* The sign of a difference instead of a comparison: no compiler makes a branch of it. */
    return (x >> exponent) + (int32_t)((uint32_t)(threshold - (x & mask)) >> 31);
}
`,
};

export const REQUANTIZE: CFunction = {
  name: "requantize",
  source: `/* TensorFlow Lite's double rounding: first to 31 bits, then by the shift. */
static inline int32_t requantize(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t raised = (int32_t)((uint32_t)x << left);
    return rounding_shift(high_mul(raised, multiplier), left - shift);
}
`,
};

export const CLAMP: CFunction = {
  name: "clamp_code",
  source: `/* max(0, x), without a branch */
static inline int32_t not_negative(int32_t x) {
    return x & ~(x >> 31);
}

static inline int8_t clamp_code(int32_t x, int32_t low, int32_t high) {
    const int32_t raised = low + not_negative((int32_t)((uint32_t)x - (uint32_t)low));
    return (int8_t)(raised - not_negative(raised - high));
}
`,
};

/** Accumulators below this take the shorter arithmetic. */
const SMALL_SUM = 2 ** 23;

const REQUANTIZE_DOWN: CFunction = {
  name: "requantize_down",
  source: `/* The same where every channel shifts right: shift < 0, multiplier >= 0, |x| < 2^23. */
static inline int32_t requantize_down(int32_t x, int32_t multiplier, int32_t shift) {
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
    /* high_mul in halves again; 2^24 keeps the sum of the middle products positive, so that it fits 32 bits. */
    const uint32_t x_low = (uint16_t)x, m_low = (uint16_t)multiplier, m_high = (uint32_t)multiplier >> 16;
    const int32_t x_high = x >> 16;
    const uint32_t middle = (x_low * m_low >> 16) + x_low * m_high + (uint32_t)x_high * m_low;
    const int32_t scaled =
        (int32_t)((uint32_t)x_high * m_high * 2 + ((middle + (1u << 24) + (1u << 14)) >> 15)) - (1 << 9);
#else
    const int32_t scaled = high_mul(x, multiplier);
#endif
    return (scaled + (INT32_C(1) << (-shift - 1)) + (scaled >> 31)) >> -shift;
}
`,
};

/** What a kernel with an accumulator per channel needs, callees first. */
export const REQUANTIZING: readonly CFunction[] = [
  CHANNEL_TYPES,
  HIGH_MUL,
  ROUNDING_SHIFT,
  REQUANTIZE,
  REQUANTIZE_DOWN,
  CLAMP,
];

/**
 * The C function that requantizes every channel: the shorter one where it holds for all of them and existing code
 * (`given`, see givenShifts) does not have the general one.
 */
export function requantizerOf(
  channels: readonly Channel[],
  given: number | undefined,
): "requantize" | "requantize_down" {
  if (given === PORTABLE_GENERAL) return "requantize";
  const isDown = channels.every(({ shift, bias, weights }) => {
    const most = weights.reduce((sum, weight) => sum + 255 * Math.abs(weight), Math.abs(bias));
    return shift < 0 && most < SMALL_SUM;
  });
  return isDown ? "requantize_down" : "requantize";
}
