import { UnsupportedError } from "../../../errors.js";
import type { OperatorOf } from "../../../graph/graph.js";
import { activationRange, tensorOf } from "../arithmetic.js";
import type { CFunction, Step } from "../step.js";
import { constS8, edgesAt, type LowerContext, makeStep, s8 } from "./context.js";
import { writeEdges } from "./conv.js";
import { CHANNEL_TYPES, CLAMP } from "./requantize.js";

/** Average (over the taps inside the image) and maximum pooling. */
export function lowerPool(
  context: LowerContext,
  operator: OperatorOf<"averagePool2d"> | OperatorOf<"maxPool2d">,
): Step {
  const { graph, params } = context;
  const { attributes } = operator;
  if (operator.kind === "averagePool2d" && operator.attributes.countIncludePad)
    throw new UnsupportedError({
      expected: `average pooling over the taps inside the image for "${operator.name}"`,
      got: "an average that counts padding",
      todo: "Give the padding to an explicit Pad operator before the pooling.",
    });
  const input = tensorOf(graph, operator.inputs[0]!);
  const output = tensorOf(graph, operator.outputs[0]!);
  const [, height, width, depth] = input.shape as [number, number, number, number];
  const [, outHeight, outWidth] = output.shape as [number, number, number];
  const edges = writeEdges(params, 0, 0, activationRange(attributes.activation, output));
  const { top, bottom, left, right } = attributes.padding;
  const isPadded = top + bottom + left + right > 0;
  const kernel = poolKernel(operator.kind === "maxPool2d" ? "max" : "average", {
    height,
    width,
    depth,
    outHeight,
    outWidth,
    top,
    left,
    kernelH: attributes.kernelH,
    kernelW: attributes.kernelW,
    strideH: attributes.strideH,
    strideW: attributes.strideW,
  });
  const [from, to] = [context.bufferOf(input.name), context.bufferOf(output.name)];
  return makeStep(context, operator, [input.name], {
    kernelClass: "pool",
    macs: 0,
    paramBytes: params.length - edges,
    // Without padding a window never starts before the pixel that it is written to, so later windows stay whole.
    inPlace: isPadded ? [] : [{ input: from, output: to, outputLag: 0, extraScratchBytes: 0 }],
    emit: (placed) => ({
      call: `${kernel.name}(${constS8(placed.at(from))}, ${s8(placed.at(to))}, ${edgesAt(edges)});`,
      functions: [CHANNEL_TYPES, CLAMP, kernel],
    }),
  });
}

interface PoolGeometry {
  readonly height: number;
  readonly width: number;
  readonly depth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly top: number;
  readonly left: number;
  readonly kernelH: number;
  readonly kernelW: number;
  readonly strideH: number;
  readonly strideW: number;
}

/** Pixels of a window up to which an average multiplies: a division in the inner loop is a call on Cortex-M0. */
const MOST_RECIPROCAL = 256;

function poolKernel(mode: "max" | "average", g: PoolGeometry): CFunction {
  const name =
    `${mode}_pool_${g.height}x${g.width}x${g.depth}_k${g.kernelH}x${g.kernelW}_s${g.strideH}x${g.strideW}` +
    `_p${g.top}x${g.left}_to${g.outHeight}x${g.outWidth}`;
  const isShort = g.kernelH * g.kernelW <= MOST_RECIPROCAL;
  const quotient = isShort ? "size * reciprocal >> 24" : "size / (uint32_t)count";
  const body =
    mode === "max"
      ? `                int32_t code = -128;
                for (int32_t y = y0; y < y1; y++) {
                    for (int32_t x = x0; x < x1; x++) {
                        const int32_t tap = in[(y * ${g.width} + x) * ${g.depth} + c];
                        code = tap > code ? tap : code;
                    }
                }
`
      : `                int32_t sum = 0;
                for (int32_t y = y0; y < y1; y++) {
                    for (int32_t x = x0; x < x1; x++) {
                        sum += in[(y * ${g.width} + x) * ${g.depth} + c];
                    }
                }
                const int32_t sign = sum >> 31;
                const uint32_t size = (uint32_t)((sum ^ sign) - sign + count / 2);
                const int32_t code = ((int32_t)(${quotient}) ^ sign) - sign;
`;
  // Rounded up, the reciprocal gives every quotient of a sum of codes exactly while 129 count^2 < 2^24.
  const reciprocal = `            const uint32_t reciprocal = ((1u << 24) + (uint32_t)count - 1u) / (uint32_t)count;
`;
  return {
    name,
    source: `/* ${mode === "max" ? "Maximum" : "Average"} pooling ${g.kernelH}x${g.kernelW}, ${g.height}x${g.width}x${g.depth} -> ${g.outHeight}x${g.outWidth}x${g.depth}; taps outside the image do not count */
static void ${name}(const int8_t *in, int8_t *out, const edges_t *edges) {
    for (int32_t oy = 0; oy < ${g.outHeight}; oy++) {
        const int32_t top = oy * ${g.strideH} - ${g.top};
        const int32_t y0 = top > 0 ? top : 0;
        const int32_t y1 = top + ${g.kernelH} < ${g.height} ? top + ${g.kernelH} : ${g.height};
        for (int32_t ox = 0; ox < ${g.outWidth}; ox++) {
            const int32_t left = ox * ${g.strideW} - ${g.left};
            const int32_t x0 = left > 0 ? left : 0;
            const int32_t x1 = left + ${g.kernelW} < ${g.width} ? left + ${g.kernelW} : ${g.width};
${mode === "average" ? `            const int32_t count = (y1 - y0) * (x1 - x0);\n${isShort ? reciprocal : ""}` : ""}            for (int32_t c = 0; c < ${g.depth}; c++) {
${body}                *out++ = clamp_code(code, edges->low, edges->high);
            }
        }
    }
}
`,
  };
}
