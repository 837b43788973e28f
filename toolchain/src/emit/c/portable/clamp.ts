import { quantizeMultiplier } from "../../../execute/integer/fixed-point.js";
import type { OperatorOf } from "../../../graph/graph.js";
import { activationRange, elements, scaleOf, tensorOf, zeroPointOf } from "../arithmetic.js";
import type { CFunction, Step } from "../step.js";
import { constS8, int32sAt, type LowerContext, makeStep, s8 } from "./context.js";
import { CLAMP, HIGH_MUL, REQUANTIZE, ROUNDING_SHIFT } from "./requantize.js";

const RESCALE: CFunction = {
  name: "rescale",
  source: `/* Element by element from one scale to another; out may lie on in.
 * t: input zero point, multiplier, shift, output zero point, low, high */
static void rescale(const int8_t *in, int8_t *out, int32_t n, const int32_t *t) {
    for (int32_t i = 0; i < n; i++) {
        const int32_t code = requantize(in[i] - t[0], t[1], t[2]) + t[3];
        out[i] = clamp_code(code, t[4], t[5]);
    }
}
`,
};

/** An activation that stands alone, or a change of scale: the same kernel with another range. */
export function lowerRescale(
  context: LowerContext,
  operator: OperatorOf<"relu"> | OperatorOf<"relu6"> | OperatorOf<"requantize">,
): Step {
  const { graph, params } = context;
  const input = tensorOf(graph, operator.inputs[0]!);
  const output = tensorOf(graph, operator.outputs[0]!);
  const { multiplier, shift } = quantizeMultiplier(scaleOf(input) / scaleOf(output));
  const { low, high } = activationRange(operator.kind === "requantize" ? "none" : operator.kind, output);
  const table = params.int32s([zeroPointOf(input), multiplier, shift, zeroPointOf(output), low, high]);
  const [from, to] = [context.bufferOf(input.name), context.bufferOf(output.name)];
  return makeStep(context, operator, [input.name], {
    kernelClass: "elementwise",
    macs: 0,
    paramBytes: params.length - table,
    inPlace: [{ input: from, output: to, outputLag: 0, extraScratchBytes: 0 }],
    emit: (placed) => ({
      call: `rescale(${constS8(placed.at(from))}, ${s8(placed.at(to))}, ${elements(output)}, ${int32sAt(table)});`,
      functions: [HIGH_MUL, ROUNDING_SHIFT, REQUANTIZE, CLAMP, RESCALE],
    }),
  });
}
