import { PLAIN_FORM } from "@mote/protocol";
import type { OperatorOf } from "../../../graph/graph.js";
import { activationRange, channelsOf, foldedBias, tensorOf, zeroPointOf } from "../arithmetic.js";
import type { CFunction, Step } from "../step.js";
import { channelsAt, constS8, edgesAt, type LowerContext, makeStep, s8, weightsAt } from "./context.js";
import { writeChannels, writeEdges } from "./conv.js";
import { REQUANTIZING, requantizerOf } from "./requantize.js";

interface DepthwiseGeometry {
  readonly height: number;
  readonly width: number;
  readonly depth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly multiplier: number;
  readonly kernelH: number;
  readonly kernelW: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly dilationH: number;
  readonly dilationW: number;
  readonly top: number;
  readonly left: number;
}

export function lowerDepthwise(context: LowerContext, operator: OperatorOf<"depthwiseConv2d">): Step {
  const { graph, params } = context;
  const { attributes } = operator;
  const input = tensorOf(graph, operator.inputs[0]!);
  const output = tensorOf(graph, operator.outputs[0]!);
  const [, height, width, depth] = input.shape as [number, number, number, number];
  const [, outHeight, outWidth, outDepth] = output.shape as [number, number, number, number];
  const [, kernelH, kernelW] = tensorOf(graph, operator.inputs[1]!).shape as [number, number, number];
  const channels = channelsOf(graph, operator);
  const inputZeroPoint = zeroPointOf(input);
  const range = activationRange(attributes.activation, output);
  const edges = writeEdges(params, inputZeroPoint, zeroPointOf(output), range);
  const scaling = writeChannels(params, channels, (channel) => foldedBias(channel, inputZeroPoint));
  const weights = params.bytes(Int8Array.from(channels.flatMap((channel) => [...channel.weights])), {
    rowBytes: kernelH * kernelW,
    form: PLAIN_FORM,
  });
  const geometry: DepthwiseGeometry = {
    height,
    width,
    depth,
    outHeight,
    outWidth,
    multiplier: attributes.multiplier,
    kernelH,
    kernelW,
    strideH: attributes.strideH,
    strideW: attributes.strideW,
    dilationH: attributes.dilationH,
    dilationW: attributes.dilationW,
    top: attributes.padding.top,
    left: attributes.padding.left,
  };
  const [from, to] = [context.bufferOf(input.name), context.bufferOf(output.name)];
  // Row y of the output needs input rows from y - top on: those above the one being written are kept aside.
  const requantize = requantizerOf(channels, context.takeGiven(operator.name));
  const keptRows = attributes.padding.top + 1;
  const canOverwrite =
    attributes.multiplier === 1 &&
    attributes.strideH === 1 &&
    attributes.strideW === 1 &&
    attributes.dilationH === 1 &&
    outHeight === height &&
    outWidth === width;
  return makeStep(context, operator, [input.name], {
    kernelClass: "depthwise",
    macs: outHeight * outWidth * outDepth * kernelH * kernelW,
    paramBytes: params.length - edges,
    scratchBytes: depth,
    inPlace: canOverwrite
      ? [{ input: from, output: to, outputLag: 0, extraScratchBytes: keptRows * width * depth }]
      : [],
    constants: [61, requantize === "requantize" ? 0 : 1],
    emit(placed) {
      const kernel = depthwiseKernel(geometry, placed.isInPlace ? keptRows : 0, requantize);
      return {
        call: `${kernel.name}(${constS8(placed.at(from))}, ${s8(placed.at(to))}, ${edgesAt(edges)}, ${channelsAt(scaling)}, ${weightsAt(weights)}, ${s8(placed.scratch)});`,
        functions: [...REQUANTIZING, kernel],
      };
    },
  });
}

/** Taps up to which the sum is written out. */
const UNROLLED_TAPS = 9;

function depthwiseKernel(g: DepthwiseGeometry, keptRows: number, requantize: string): CFunction {
  const name =
    `depthwise_${g.height}x${g.width}x${g.depth}_k${g.kernelH}x${g.kernelW}_s${g.strideH}x${g.strideW}` +
    `_p${g.top}x${g.left}_d${g.dilationH}x${g.dilationW}_m${g.multiplier}_to${g.outHeight}x${g.outWidth}${keptRows > 0 ? "_in_place" : ""}_${requantize}`;
  const rowBytes = g.width * g.depth;
  const taps = g.kernelH * g.kernelW;
  const y = `oy * ${g.strideH} - ${g.top} + ky * ${g.dilationH}`;
  const x = `ox * ${g.strideW} - ${g.left} + kx * ${g.dilationW}`;
  const keep =
    keptRows === 0
      ? ""
      : `        memcpy(kept + oy % ${keptRows} * ${rowBytes}, in + oy * ${rowBytes}, ${rowBytes});\n`;
  const row =
    keptRows === 0
      ? `in + y * ${rowBytes}`
      : `y <= oy ? kept + y % ${keptRows} * ${rowBytes} : in + y * ${rowBytes}`;
  const channel = g.multiplier === 1 ? "o" : `o / ${g.multiplier}`;
  const sum =
    taps <= UNROLLED_TAPS
      ? Array.from(
          { length: taps },
          (_, t) => `                acc += taps[${t}][${channel}] * w[${t}];\n`,
        ).join("")
      : `                for (int32_t t = 0; t < ${taps}; t++) {
                    acc += taps[t][${channel}] * w[t];
                }
`;
  return {
    name,
    source: `/* Depthwise convolution ${g.kernelH}x${g.kernelW}, ${g.height}x${g.width}x${g.depth} -> ${g.outHeight}x${g.outWidth}x${g.depth * g.multiplier}; scratch holds one pixel of zero points for taps
 * outside the image${keptRows > 0 ? `, then ${keptRows} input rows that the output, written over the input, would destroy` : ""} */
static void ${name}(const int8_t *in, int8_t *out, const edges_t *edges, const channel_t *channels, const int8_t *weights, int8_t *scratch) {
    const int8_t *const border = scratch;
${keptRows > 0 ? `    int8_t *const kept = scratch + ${g.depth};\n` : ""}    memset(scratch, edges->input_zero_point, ${g.depth});
    for (int32_t oy = 0; oy < ${g.outHeight}; oy++) {
${keep}        for (int32_t ox = 0; ox < ${g.outWidth}; ox++) {
            const int8_t *taps[${taps}];
            for (int32_t ky = 0; ky < ${g.kernelH}; ky++) {
                const int32_t y = ${y};
                for (int32_t kx = 0; kx < ${g.kernelW}; kx++) {
                    const int32_t x = ${x};
                    const int8_t *tap = border;
                    if (y >= 0 && y < ${g.height} && x >= 0 && x < ${g.width}) {
                        const int8_t *const row = ${row};
                        tap = row + x * ${g.depth};
                    }
                    taps[ky * ${g.kernelW} + kx] = tap;
                }
            }
            const int8_t *w = weights;
            for (int32_t o = 0; o < ${g.depth * g.multiplier}; o++, w += ${taps}) {
                int32_t acc = channels[o].bias;
${sum}                acc = ${requantize}(acc, channels[o].multiplier, channels[o].shift) + edges->output_zero_point;
                *out++ = clamp_code(acc, edges->low, edges->high);
            }
        }
    }
}
`,
  };
}
