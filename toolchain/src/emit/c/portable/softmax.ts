import { UnsupportedError } from "../../../errors.js";
import { quantizeMultiplier } from "../../../execute/integer/fixed-point.js";
import type { OperatorOf } from "../../../graph/graph.js";
import { elements, scaleOf, tensorOf } from "../arithmetic.js";
import type { CFunction, Step } from "../step.js";
import { constS8, int32sAt, type LowerContext, makeStep, s8 } from "./context.js";
import { CLAMP, HIGH_MUL, ROUNDING_SHIFT } from "./requantize.js";

/** Integer bits of a scaled difference (Q5.26), as in TFLite's softmax. */
const DIFFERENCE_INTEGER_BITS = 5;
const DIFFERENCE_FRACTION_BITS = 31 - DIFFERENCE_INTEGER_BITS;

/** Constants in Q0.31 and Q2.29 are gemmlowp's (fixedpoint/fixedpoint.h). */
const EXP: CFunction = {
  name: "exp_of_negative",
  source: `/* exp(x) in Q0.31 for x <= 0 in Q5.26: a polynomial on [-1/4, 0), then one factor per bit of the rest. */
static int32_t exp_of_negative(int32_t x) {
    static const int32_t factors[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int32_t quarter = INT32_C(1) << 24;
    const int32_t part = (x & (quarter - 1)) - quarter;
    const int32_t t = (int32_t)((uint32_t)part << 5) + (INT32_C(1) << 28);
    const int32_t t2 = high_mul(t, t);
    const int32_t t3 = high_mul(t2, t);
    const int32_t t4 = high_mul(t2, t2);
    const int32_t tail = rounding_shift(high_mul(rounding_shift(t4, 2) + t3, 715827883) + t2, 1);
    int32_t result = 1895147668 + high_mul(1895147668, t + tail);
    const int32_t rest = part - x;
    for (int32_t i = 0; i < 7; i++) {
        const int32_t taken = -((rest >> (24 + i)) & 1);
        result += (high_mul(result, factors[i]) - result) & taken;
    }
    const int32_t is_negative = x >> 31;
    return (result & is_negative) | (INT32_MAX & ~is_negative);
}
`,
};

const RECIPROCAL: CFunction = {
  name: "reciprocal",
  source: `/* 1 / (1 + x) in Q0.31 for x in [0, 1) in Q0.31: three steps of Newton's method in Q2.29. The first guess is off by at
 * most 1/17, so that no step overflows; only the end, 1 for x = 0, does by one. */
static int32_t reciprocal(int32_t x) {
    const int32_t half = (int32_t)(((uint32_t)x + UINT32_C(0x80000000)) >> 1);
    int32_t y = 1515870810 + high_mul(half, -1010580540);
    for (int32_t i = 0; i < 3; i++) {
        const int32_t rest = (INT32_C(1) << 29) - high_mul(half, y);
        y += high_mul(y, rest) * 4;
    }
    y -= not_negative(y - (INT32_C(1) << 30));
    return (int32_t)(((uint32_t)y << 1) - ((uint32_t)y >> 30));
}
`,
};

const SOFTMAX: CFunction = {
  name: "softmax",
  source: `/* exp of a difference of codes, 0 below the least; the same instructions for every value. */
static int32_t exp_of_difference(int32_t difference, const int32_t *t) {
    const int32_t above = difference - t[2];
    const int32_t kept = t[2] + not_negative(above);
    return exp_of_negative(high_mul((int32_t)((uint32_t)kept << t[1]), t[0])) & ~(above >> 31);
}

/* x > 0 */
static int32_t leading_zeros(uint32_t x) {
    int32_t zeros = 0;
    for (int32_t by = 16; by > 0; by >>= 1) {
        const int32_t shift = by & ((int32_t)(x >> (32 - by)) - 1) >> 31;
        zeros += shift;
        x <<= shift;
    }
    return zeros;
}

/* Rows of n codes; out may lie on in. Output scale 1/256, zero point -128. t: multiplier, left shift, least difference */
static void softmax(const int8_t *in, int8_t *out, int32_t rows, int32_t n, const int32_t *t) {
    for (int32_t row = 0; row < rows; row++, in += n, out += n) {
        int32_t largest = in[0];
        for (int32_t i = 1; i < n; i++) {
            largest += not_negative(in[i] - largest);
        }
        int32_t sum = 0;
        for (int32_t i = 0; i < n; i++) {
            sum += rounding_shift(exp_of_difference(in[i] - largest, t), 12);
        }
        const int32_t zeros = leading_zeros((uint32_t)sum);
        const int32_t scale = reciprocal((int32_t)(((uint32_t)sum << zeros) - UINT32_C(0x80000000)));
        for (int32_t i = 0; i < n; i++) {
            const int32_t share = high_mul(scale, exp_of_difference(in[i] - largest, t));
            out[i] = clamp_code(rounding_shift(share, 12 - zeros + 31 - 8) - 128, -128, 127);
        }
    }
}
`,
};

/** The three numbers of a softmax that depend on the input's scale (PreprocessSoftmaxScaling). */
export function softmaxScaling(inputScale: number, beta: number): [number, number, number] {
  const real = Math.min(beta * inputScale * 2 ** DIFFERENCE_FRACTION_BITS, 2 ** 31 - 1);
  const { multiplier, shift } = quantizeMultiplier(real);
  const radius = Math.floor(
    ((2 ** DIFFERENCE_INTEGER_BITS - 1) * 2 ** DIFFERENCE_FRACTION_BITS) / 2 ** shift,
  );
  return [multiplier, shift, -radius];
}

export function lowerSoftmax(context: LowerContext, operator: OperatorOf<"softmax">): Step {
  const { graph, params } = context;
  const input = tensorOf(graph, operator.inputs[0]!);
  const rank = input.shape.length;
  const { axis, beta } = operator.attributes;
  if (axis !== rank - 1 && axis !== -1)
    throw new UnsupportedError({
      expected: `a softmax over the last axis for "${operator.name}"`,
      got: `axis ${axis} of [${input.shape}]`,
      todo: "Transpose before and after it.",
    });
  const depth = input.shape[rank - 1]!;
  const table = params.int32s(softmaxScaling(scaleOf(input), beta));
  const [from, to] = [context.bufferOf(input.name), context.bufferOf(operator.outputs[0]!)];
  return makeStep(context, operator, [input.name], {
    kernelClass: "softmax",
    macs: 0,
    paramBytes: params.length - table,
    inPlace: [{ input: from, output: to, outputLag: 0, extraScratchBytes: 0 }],
    emit: (placed) => ({
      call: `softmax(${constS8(placed.at(from))}, ${s8(placed.at(to))}, ${elements(input) / depth}, ${depth}, ${int32sAt(table)});`,
      functions: [HIGH_MUL, ROUNDING_SHIFT, CLAMP, EXP, RECIPROCAL, SOFTMAX],
    }),
  });
}
