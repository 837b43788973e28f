import type { OperatorOf } from "../../../graph/graph.js";
import {
  activationRange,
  type Channel,
  channelsOf,
  foldedBias,
  type Range,
  tensorOf,
  zeroPointOf,
} from "../arithmetic.js";
import type { ParamOffset, ParamWriter } from "../params.js";
import type { CFunction, Step } from "../step.js";
import { channelLoop, dotsFor } from "./channel-loop.js";
import { channelsAt, constS8, edgesAt, type LowerContext, makeStep, s8, weightsAt } from "./context.js";
import { REQUANTIZING } from "./requantize.js";

export function writeEdges(
  params: ParamWriter,
  inputZeroPoint: number,
  outputZeroPoint: number,
  { low, high }: Range,
): ParamOffset {
  return params.int32s([inputZeroPoint, outputZeroPoint, low, high]);
}

export function writeChannels(
  params: ParamWriter,
  channels: readonly Channel[],
  inputZeroPoint: number,
): ParamOffset {
  return params.int32s(
    channels.flatMap((channel) => [foldedBias(channel, inputZeroPoint), channel.multiplier, channel.shift]),
  );
}

export function concatWeights(channels: readonly Channel[]): Int8Array {
  return Int8Array.from(channels.flatMap((channel) => [...channel.weights]));
}

/** conv2d: a 1x1 convolution without stride or padding is a dot product per pixel, anything else gathers windows. */
export function lowerConv(context: LowerContext, operator: OperatorOf<"conv2d">): Step {
  const { graph, params } = context;
  const { attributes } = operator;
  const input = tensorOf(graph, operator.inputs[0]!);
  const output = tensorOf(graph, operator.outputs[0]!);
  const [, height, width, depth] = input.shape as [number, number, number, number];
  const [batch, outHeight, outWidth, outDepth] = output.shape as [number, number, number, number];
  const [, kernelH, kernelW, groupDepth] = tensorOf(graph, operator.inputs[1]!).shape as number[];
  const channels = channelsOf(graph, operator);
  const inputZeroPoint = zeroPointOf(input);
  const edges = writeEdges(
    params,
    inputZeroPoint,
    zeroPointOf(output),
    activationRange(attributes.activation, output),
  );
  const scaling = writeChannels(params, channels, inputZeroPoint);
  const weights = params.bytes(concatWeights(channels));
  const { top, bottom, left, right } = attributes.padding;
  const isPadded = top + bottom + left + right > 0;
  const isPointwise =
    kernelH === 1 &&
    kernelW === 1 &&
    attributes.strideH === 1 &&
    attributes.strideW === 1 &&
    !isPadded &&
    attributes.groups === 1;
  const geometry: ConvGeometry = {
    height,
    width,
    depth,
    outHeight,
    outWidth,
    outDepth,
    kernelH: kernelH!,
    kernelW: kernelW!,
    groupDepth: groupDepth!,
    groups: attributes.groups,
    strideH: attributes.strideH,
    strideW: attributes.strideW,
    dilationH: attributes.dilationH,
    dilationW: attributes.dilationW,
    top,
    left,
    isPadded,
  };
  const [from, to] = [context.bufferOf(input.name), context.bufferOf(output.name)];
  return makeStep(context, operator, [input.name], {
    kernelClass: isPointwise ? "pointwise" : "conv",
    macs: batch * outHeight * outWidth * outDepth * kernelH! * kernelW! * groupDepth!,
    paramBytes: params.length - edges,
    scratchBytes: isPadded && !isPointwise ? depth : 0,
    inPlace: isPointwise ? [{ input: from, output: to, outputLag: 0, extraScratchBytes: depth }] : [],
    emit(placed) {
      const kernel = isPointwise
        ? pointwiseKernel(outHeight * outWidth, depth, outDepth, placed.isInPlace)
        : convKernel(geometry);
      const scratch = isPadded || placed.isInPlace ? `, ${s8(placed.scratch)}` : "";
      return {
        call: `${kernel.name}(${constS8(placed.at(from))}, ${s8(placed.at(to))}, ${edgesAt(edges)}, ${channelsAt(scaling)}, ${weightsAt(weights)}${scratch});`,
        functions: [...REQUANTIZING, ...dotsFor(outDepth, isPointwise || arePairsWhole(geometry)), kernel],
      };
    },
  });
}

interface ConvGeometry {
  readonly height: number;
  readonly width: number;
  readonly depth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly outDepth: number;
  readonly kernelH: number;
  readonly kernelW: number;
  readonly groupDepth: number;
  readonly groups: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly dilationH: number;
  readonly dilationW: number;
  readonly top: number;
  readonly left: number;
  readonly isPadded: boolean;
}

function pointwiseKernel(pixels: number, depth: number, outDepth: number, isInPlace: boolean): CFunction {
  const name = `pointwise_${pixels}_c${depth}_o${outDepth}${isInPlace ? "_in_place" : ""}`;
  // Over the input: a pixel is set aside before its outputs are written. Where a pixel grows, the last goes first,
  // so that no output lands on an input that is still to be read.
  const loop =
    isInPlace && outDepth > depth
      ? `for (int32_t i = ${pixels - 1}; i >= 0; i--)`
      : `for (int32_t i = 0; i < ${pixels}; i++)`;
  return {
    name,
    source: `/* 1x1 convolution of ${pixels} pixels, ${depth} -> ${outDepth} channels${isInPlace ? ", out may lie on in; pixel holds one input pixel" : ""} */
static void ${name}(const int8_t *in, int8_t *out, const edges_t *edges, const channel_t *channels, const int8_t *weights${isInPlace ? ", int8_t *pixel" : ""}) {
    ${loop} {
        const int8_t *w = weights;
${isInPlace ? `        memcpy(pixel, in + i * ${depth}, ${depth});\n` : `        const int8_t *pixel = in + i * ${depth};\n`}        int8_t *to = out + i * ${outDepth};
${channelLoop(
  outDepth,
  depth,
  ({ isPair }) =>
    `                ${isPair ? `dot_pair(pixel, w, ${depth}, ${depth}, acc);` : `acc[0] = dot(pixel, w, ${depth}, acc[0]);`}\n`,
  "*to++",
)}    }
}
`,
  };
}

/** Channels 2 k and 2 k + 1 read the same inputs. */
const arePairsWhole = ({ groups, outDepth }: ConvGeometry): boolean =>
  groups === 1 || (outDepth / groups) % 2 === 0;

function dotText(isPair: boolean, x: string, w: string, n: number, apart: number): string {
  return isPair ? `dot_pair(${x}, ${w}, ${apart}, ${n}, acc);` : `acc[0] = dot(${x}, ${w}, ${n}, acc[0]);`;
}

function convKernel(g: ConvGeometry): CFunction {
  const name =
    `conv_${g.height}x${g.width}x${g.depth}_k${g.kernelH}x${g.kernelW}_s${g.strideH}x${g.strideW}` +
    `_p${g.top}x${g.left}_d${g.dilationH}x${g.dilationW}_g${g.groups}_to${g.outHeight}x${g.outWidth}x${g.outDepth}`;
  const outPerGroup = g.outDepth / g.groups;
  const groupOffset = g.groups === 1 ? "" : ` + o / ${outPerGroup} * ${g.groupDepth}`;
  const y = `oy * ${g.strideH}${g.top > 0 ? ` - ${g.top}` : ""} + ky${g.dilationH > 1 ? ` * ${g.dilationH}` : ""}`;
  const x = `ox * ${g.strideW}${g.left > 0 ? ` - ${g.left}` : ""} + kx${g.dilationW > 1 ? ` * ${g.dilationW}` : ""}`;
  // Without dilation and groups a row of the window is contiguous in NHWC, except where it leaves the image.
  const hasWholeRows = g.dilationW === 1 && g.groups === 1;
  const taps = g.kernelH * g.kernelW * g.groupDepth;
  const windowRow = (isPair: boolean): string => {
    const perTap = `for (int32_t kx = 0; kx < ${g.kernelW}; kx++) {
                        const int32_t x = ${x};
${
  g.isPadded
    ? `                        const int is_inside = y >= 0 && y < ${g.height} && x >= 0 && x < ${g.width};
                        const int8_t *tap = is_inside ? in + (y * ${g.width} + x) * ${g.depth} : border;
`
    : `                        const int8_t *tap = in + (y * ${g.width} + x) * ${g.depth};
`
}                        ${dotText(isPair, `tap${groupOffset}`, `w + (ky * ${g.kernelW} + kx) * ${g.groupDepth}`, g.groupDepth, taps)}
                    }`;
    const firstX = `ox * ${g.strideW}${g.left > 0 ? ` - ${g.left}` : ""}`;
    const wholeRow = dotText(
      isPair,
      `in + (y * ${g.width} + ${firstX}) * ${g.depth}`,
      `w + ky * ${g.kernelW * g.groupDepth}`,
      g.kernelW * g.groupDepth,
      taps,
    );
    const isRowInside = `y >= 0 && y < ${g.height} && ${firstX} >= 0 && ${firstX} + ${g.kernelW} <= ${g.width}`;
    return !hasWholeRows
      ? perTap
      : !g.isPadded
        ? wholeRow
        : `if (${isRowInside}) {
                        ${wholeRow}
                    } else {
                        ${perTap.replace(/\n/g, "\n    ")}
                    }`;
  };
  return {
    name,
    source: `/* Convolution ${g.kernelH}x${g.kernelW}, ${g.height}x${g.width}x${g.depth} -> ${g.outHeight}x${g.outWidth}x${g.outDepth}${g.isPadded ? "; border holds one pixel of zero points for taps outside the image" : ""} */
static void ${name}(const int8_t *in, int8_t *out, const edges_t *edges, const channel_t *channels, const int8_t *weights${g.isPadded ? ", int8_t *border" : ""}) {
${g.isPadded ? `    memset(border, edges->input_zero_point, ${g.depth});\n` : ""}    for (int32_t oy = 0; oy < ${g.outHeight}; oy++) {
        for (int32_t ox = 0; ox < ${g.outWidth}; ox++) {
            const int8_t *w = weights;
${channelLoop(
  g.outDepth,
  taps,
  ({ isPair }) => `                for (int32_t ky = 0; ky < ${g.kernelH}; ky++) {
                    const int32_t y = ${y};
                    ${windowRow(isPair)}
                }
`,
  "*out++",
  arePairsWhole(g),
)}        }
    }
}
`,
  };
}
