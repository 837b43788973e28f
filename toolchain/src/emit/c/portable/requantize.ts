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

/** What a kernel with an accumulator per channel needs, callees first. */
export const REQUANTIZING: readonly CFunction[] = [
  CHANNEL_TYPES,
  HIGH_MUL,
  ROUNDING_SHIFT,
  REQUANTIZE,
  CLAMP,
];

export const DOT: CFunction = {
  name: "dot",
  source: `/* acc + sum of x[i] * w[i] for i < n */
static int32_t dot(const int8_t *x, const int8_t *w, int32_t n, int32_t acc) {
    int32_t i = 0;
    for (; i + 4 <= n; i += 4) {
        acc += x[i] * w[i];
        acc += x[i + 1] * w[i + 1];
        acc += x[i + 2] * w[i + 2];
        acc += x[i + 3] * w[i + 3];
    }
    for (; i < n; i++) {
        acc += x[i] * w[i];
    }
    return acc;
}
`,
};

export const DOT_PAIR: CFunction = {
  name: "dot_pair",
  source: `/* Two output channels at once, each input loaded once: acc[k] += sum of x[i] * w[k * apart + i] for i < n.
 * One index counts down for all three pointers: Thumb-1 has no other way to load a signed byte in one instruction, and
 * inlined the loop would lose its registers. */
#if defined(__GNUC__)
__attribute__((noinline))
#endif
static void dot_pair(const int8_t *x, const int8_t *w, int32_t apart, int32_t n, int32_t acc[2]) {
    const int8_t *const v = w + apart;
    int32_t a = acc[0], b = acc[1];
    for (int32_t i = n - 1; i >= 0; i--) {
        const int32_t t = x[i];
        a += t * w[i];
        b += t * v[i];
    }
    acc[0] = a;
    acc[1] = b;
}
`,
};
