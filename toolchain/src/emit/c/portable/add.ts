import { UnsupportedError } from "../../../errors.js";
import { quantizeMultiplier } from "../../../execute/integer/fixed-point.js";
import type { OperatorOf } from "../../../graph/graph.js";
import { activationRange, elements, scaleOf, tensorOf, zeroPointOf } from "../arithmetic.js";
import type { CFunction, Step } from "../step.js";
import { constS8, type LowerContext, makeStep, s8 } from "./context.js";
import { CLAMP, HIGH_MUL, REQUANTIZE, ROUNDING_SHIFT } from "./requantize.js";

/** TFLite raises both inputs by this many bits before it scales them, so that rounding does not cost a code. */
const ADD_LEFT_SHIFT = 20;

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
  const largest = 2 * Math.max(scaleOf(a!), scaleOf(b!));
  const qa = quantizeMultiplier(scaleOf(a!) / largest);
  const qb = quantizeMultiplier(scaleOf(b!) / largest);
  const qo = quantizeMultiplier(largest / (2 ** ADD_LEFT_SHIFT * scaleOf(output)));
  const { low, high } = activationRange(operator.attributes.activation, output);
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
  const [x, y, to] = [a!, b!, output].map((tensor) => context.bufferOf(tensor.name)) as [
    string,
    string,
    string,
  ];
  return makeStep(context, operator, [a!.name, b!.name], {
    kernelClass: "elementwise",
    macs: 0,
    paramBytes: params.length - table,
    inPlace: [x, y].map((input) => ({ input, output: to, outputLag: 0, extraScratchBytes: 0 })),
    emit: (placed) => ({
      call: `add(${constS8(placed.at(x))}, ${constS8(placed.at(y))}, ${s8(placed.at(to))}, ${elements(output)}, (const addition_t *)(const void *)(p + ${table}));`,
      functions: [HIGH_MUL, ROUNDING_SHIFT, REQUANTIZE, CLAMP, ADD_TYPES, ADD_KERNEL],
    }),
  });
}
