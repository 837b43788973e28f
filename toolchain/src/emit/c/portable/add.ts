import { UnsupportedError } from "../../../errors.js";
import { quantizeMultiplier } from "../../../execute/integer/fixed-point.js";
import type { OperatorOf } from "../../../graph/graph.js";
import { ADD_LEFT_SHIFT, proveAffine } from "../affine-addition.js";
import { activationRange, elements, scaleOf, tensorOf, zeroPointOf } from "../arithmetic.js";
import type { CFunction, Step } from "../step.js";
import { constS8, int32sAt, type LowerContext, makeStep, s8 } from "./context.js";
import { CLAMP, HIGH_MUL, REQUANTIZE, ROUNDING_SHIFT } from "./requantize.js";

const ADD_TYPES: CFunction = {
  name: "addition_t",
  source: `/* Zero points, multipliers and shifts of both inputs and of the output, and the activation's range. */
typedef struct {
    int32_t zero_point_a, multiplier_a, shift_a;
    int32_t zero_point_b, multiplier_b, shift_b;
    int32_t zero_point_out, multiplier_out, shift_out;
    int32_t low, high;
} addition_t;
`,
};

const ADD_KERNEL: CFunction = {
  name: "add",
  source: `/* Element by element; out may lie on x or on y. */
static void add(const int8_t *x, const int8_t *y, int8_t *out, int32_t n, const addition_t *t) {
    for (int32_t i = 0; i < n; i++) {
        const int32_t ax = (x[i] - t->zero_point_a) * (1 << ${ADD_LEFT_SHIFT});
        const int32_t ay = (y[i] - t->zero_point_b) * (1 << ${ADD_LEFT_SHIFT});
        const int32_t sum =
            requantize(ax, t->multiplier_a, t->shift_a) + requantize(ay, t->multiplier_b, t->shift_b);
        const int32_t code = requantize(sum, t->multiplier_out, t->shift_out) + t->zero_point_out;
        out[i] = clamp_code(code, t->low, t->high);
    }
}
`,
};

const affineKernel = (shift: number): CFunction => ({
  name: `add_affine_s${shift}`,
  source: `/* (t[2] + t[0] x + t[1] y) >> ${shift} of codes + 128, saturated; proved for every pair of codes. Out may lie on x or on y. */
static void add_affine_s${shift}(const int8_t *x, const int8_t *y, int8_t *out, int32_t n, const int32_t *t) {
    /* A product may leave int32 where the sum does not: unsigned. */
    const uint32_t a = (uint32_t)t[0], b = (uint32_t)t[1], c = (uint32_t)t[2];
    for (int32_t i = 0; i < n; i++) {
        const int32_t sum = (int32_t)(c + ((uint8_t)x[i] ^ 0x80u) * a + ((uint8_t)y[i] ^ 0x80u) * b) >> ${shift};
        out[i] = (int8_t)(127 - not_negative(255 - not_negative(sum)));
    }
}
`,
});

/** The affine form, where the activation leaves all codes and the form is proved; the general one otherwise. */
export function lowerAdd(context: LowerContext, operator: OperatorOf<"add">): Step {
  const { graph, params } = context;
  const [a, b] = operator.inputs.map((name) => tensorOf(graph, name));
  const output = tensorOf(graph, operator.outputs[0]!);
  if (elements(a!) !== elements(b!) || a!.data !== undefined || b!.data !== undefined)
    throw new UnsupportedError({
      expected: `two activations of one shape for "${operator.name}"`,
      got: `[${a!.shape}] and [${b!.shape}]${(a!.data ?? b!.data) ? ", one of them constant" : ""}`,
      todo: "Fold a constant addition into the bias before it, or expand the smaller input.",
    });
  const { low, high } = activationRange(operator.attributes.activation, output);
  const [x, y, to] = [a!, b!, output].map((tensor) => context.bufferOf(tensor.name)) as [
    string,
    string,
    string,
  ];
  const shared = {
    kernelClass: "elementwise" as const,
    macs: 0,
    inPlace: [x, y].map((input) => ({ input, output: to, outputLag: 0, extraScratchBytes: 0 })),
  };
  const affine =
    low === -128 && high === 127 ? proveAffine(graph, operator, context.takeGiven(operator.name)) : null;
  if (affine !== null) {
    const table = params.int32s([affine.a, affine.b, affine.c]);
    return makeStep(context, operator, [a!.name, b!.name], {
      ...shared,
      paramBytes: 12,
      constants: [50, affine.shift],
      emit: (placed) => ({
        call: `add_affine_s${affine.shift}(${constS8(placed.at(x))}, ${constS8(placed.at(y))}, ${s8(placed.at(to))}, ${elements(output)}, ${int32sAt(table)});`,
        functions: [CLAMP, affineKernel(affine.shift)],
      }),
    });
  }
  const largest = 2 * Math.max(scaleOf(a!), scaleOf(b!));
  const qa = quantizeMultiplier(scaleOf(a!) / largest);
  const qb = quantizeMultiplier(scaleOf(b!) / largest);
  const qo = quantizeMultiplier(largest / (2 ** ADD_LEFT_SHIFT * scaleOf(output)));
  const table = params.int32s([
    zeroPointOf(a!),
    qa.multiplier,
    qa.shift,
    zeroPointOf(b!),
    qb.multiplier,
    qb.shift,
    zeroPointOf(output),
    qo.multiplier,
    qo.shift,
    low,
    high,
  ]);
  return makeStep(context, operator, [a!.name, b!.name], {
    ...shared,
    paramBytes: params.length - table,
    constants: [51],
    emit: (placed) => ({
      call: `add(${constS8(placed.at(x))}, ${constS8(placed.at(y))}, ${s8(placed.at(to))}, ${elements(output)}, (const addition_t *)(const void *)(p + ${table}));`,
      functions: [HIGH_MUL, ROUNDING_SHIFT, REQUANTIZE, CLAMP, ADD_TYPES, ADD_KERNEL],
    }),
  });
}
