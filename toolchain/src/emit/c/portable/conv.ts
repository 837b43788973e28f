import { PLAIN_FORM, type RowForm } from "@mote/protocol";
import type { OperatorOf } from "../../../graph/graph.js";
import {
  activationRange,
  type Channel,
  channelsOf,
  type Range,
  tensorOf,
  zeroPointOf,
} from "../arithmetic.js";
import type { ParamOffset, ParamWriter } from "../params.js";
import type { CFunction, Step } from "../step.js";
import { channelsAt, constS8, edgesAt, type LowerContext, makeStep, s8, u8 } from "./context.js";
import { requantizerOf } from "./requantize.js";
import { paddedInputs, rowBias, rowsBytes, rowsFunctions, writeRows } from "./rows.js";

export function writeEdges(
  params: ParamWriter,
  inputZeroPoint: number,
  outputZeroPoint: number,
  { low, high }: Range,
): ParamOffset {
  return params.int32s([inputZeroPoint, outputZeroPoint, low, high]);
}

/** A bias, a multiplier, a shift. */
const CHANNEL_TABLE: RowForm = {
  ...PLAIN_FORM,
  words: { hasHead: false, extras: 1, extrasFollow: false, shift: 0 },
};

export function writeChannels(
  params: ParamWriter,
  channels: readonly Channel[],
  biasOf: (channel: Channel) => number,
): ParamOffset {
  const words = channels.flatMap((channel) => [biasOf(channel), channel.multiplier, channel.shift]);
  return params.int32s(words, { rowBytes: 12, form: CHANNEL_TABLE });
}

/** conv2d: every window is gathered into a vector, and rows of weights are multiplied by it. */
export function lowerConv(context: LowerContext, operator: OperatorOf<"conv2d">): Step {
  const { graph, params } = context;
  const { attributes } = operator;
  const input = tensorOf(graph, operator.inputs[0]!);
  const output = tensorOf(graph, operator.outputs[0]!);
  const [, height, width, depth] = input.shape as [number, number, number, number];
  const [batch, outHeight, outWidth, outDepth] = output.shape as [number, number, number, number];
  const [, kernelH, kernelW, groupDepth] = tensorOf(graph, operator.inputs[1]!).shape as [
    number,
    number,
    number,
    number,
  ];
  const channels = channelsOf(graph, operator);
  const { groups } = attributes;
  const inputZeroPoint = zeroPointOf(input);
  const edges = writeEdges(
    params,
    inputZeroPoint,
    zeroPointOf(output),
    activationRange(attributes.activation, output),
  );
  const scaling = writeChannels(params, channels, (channel) => rowBias(channel, inputZeroPoint));
  const taps = kernelH * kernelW * groupDepth;
  const perGroup = outDepth / groups;
  const [weights] = Array.from({ length: groups }, (_, group) =>
    writeRows(params, channels.slice(group * perGroup, (group + 1) * perGroup), taps),
  );
  const { top, bottom, left, right } = attributes.padding;
  const geometry: ConvGeometry = {
    height,
    width,
    depth,
    outHeight,
    outWidth,
    outDepth,
    kernelH,
    kernelW,
    groupDepth,
    groups,
    strideH: attributes.strideH,
    strideW: attributes.strideW,
    dilationH: attributes.dilationH,
    dilationW: attributes.dilationW,
    top,
    left,
    isPadded: top + bottom + left + right > 0,
  };
  const isPointwise =
    kernelH * kernelW * attributes.strideH * attributes.strideW * groups === 1 && !geometry.isPadded;
  const [from, to] = [context.bufferOf(input.name), context.bufferOf(output.name)];
  const requantize = requantizerOf(channels, context.takeGiven(operator.name));
  return makeStep(context, operator, [input.name], {
    kernelClass: isPointwise ? "pointwise" : "conv",
    macs: batch * outHeight * outWidth * outDepth * taps,
    paramBytes: params.length - edges,
    scratchBytes: paddedInputs(taps),
    inPlace: isPointwise ? [{ input: from, output: to, outputLag: 0, extraScratchBytes: 0 }] : [],
    constants: [60, requantize === "requantize" ? 0 : 1],
    emit(placed) {
      const kernel = isPointwise
        ? pointwiseKernel(outHeight * outWidth, depth, outDepth, requantize, placed.isInPlace)
        : convKernel(geometry, requantize);
      return {
        call: `${kernel.name}(${constS8(placed.at(from))}, ${s8(placed.at(to))}, ${edgesAt(edges)}, ${channelsAt(scaling)}, p + ${weights}, ${u8(placed.scratch)});`,
        functions: [...rowsFunctions(requantize), kernel],
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

function pointwiseKernel(
  pixels: number,
  depth: number,
  outDepth: number,
  requantize: string,
  isInPlace: boolean,
): CFunction {
  const inputs = paddedInputs(depth);
  // Over the input: a pixel is gathered before its outputs are written. Where a pixel grows, the last goes first, so
  // that no output lands on an input that is still to be read.
  const isBackward = isInPlace && outDepth > depth;
  const loop = isBackward
    ? `for (int32_t i = ${pixels - 1}; i >= 0; i--)`
    : `for (int32_t i = 0; i < ${pixels}; i++)`;
  const name = `pointwise_${pixels}_c${depth}_o${outDepth}${isBackward ? "_in_place" : ""}_${requantize}`;
  return {
    name,
    source: `/* 1x1 convolution of ${pixels} pixels, ${depth} -> ${outDepth} channels; pixel holds the inputs of one${isInPlace ? ", out may lie on in" : ""} */
static void ${name}(const int8_t *in, int8_t *out, const edges_t *edges, const channel_t *channels, const uint8_t *weights, uint8_t *pixel) {
${inputs > depth ? `    memset(pixel + ${depth}, 0, ${inputs - depth});\n` : ""}    ${loop} {
        const uint32_t total = gather(in + i * ${depth}, pixel, ${depth});
        rows_${requantize}(pixel, total, ${inputs}, weights, channels, ${outDepth}, edges, out + i * ${outDepth});
    }
}
`,
  };
}

function convKernel(g: ConvGeometry, requantize: string): CFunction {
  const name =
    `conv_${g.height}x${g.width}x${g.depth}_k${g.kernelH}x${g.kernelW}_s${g.strideH}x${g.strideW}` +
    `_p${g.top}x${g.left}_d${g.dilationH}x${g.dilationW}_g${g.groups}_to${g.outHeight}x${g.outWidth}x${g.outDepth}_${requantize}`;
  const taps = g.kernelH * g.kernelW * g.groupDepth;
  const inputs = paddedInputs(taps);
  const outPerGroup = g.outDepth / g.groups;
  const y = `oy * ${g.strideH}${g.top > 0 ? ` - ${g.top}` : ""} + ky${g.dilationH > 1 ? ` * ${g.dilationH}` : ""}`;
  const firstX = `ox * ${g.strideW}${g.left > 0 ? ` - ${g.left}` : ""}`;
  const x = `${firstX} + kx${g.dilationW > 1 ? ` * ${g.dilationW}` : ""}`;
  const group = g.groups === 1 ? "" : ` + g * ${g.groupDepth}`;
  // Without dilation and groups a row of the window is contiguous in NHWC, except where it leaves the image.
  const hasWholeRows = g.dilationW === 1 && g.groups === 1;
  const rowTaps = g.kernelW * g.groupDepth;
  const wholeRow = `total += gather(in + (y * ${g.width} + ${firstX}) * ${g.depth}, to, ${rowTaps});
                    to += ${rowTaps};`;
  const isInside = "y >= 0 && y < HEIGHT && x >= 0 && x < WIDTH"
    .replace("HEIGHT", String(g.height))
    .replace("WIDTH", String(g.width));
  const tapLoop = `for (int32_t kx = 0; kx < ${g.kernelW}; kx++, to += ${g.groupDepth}) {
                        const int32_t x = ${x};
${
  g.isPadded
    ? `                        if (${isInside}) {
                            total += gather(in + (y * ${g.width} + x) * ${g.depth}${group}, to, ${g.groupDepth});
                        } else {
                            memset(to, padding, ${g.groupDepth});
                            total += padding * ${g.groupDepth}u;
                        }
`
    : `                        total += gather(in + (y * ${g.width} + x) * ${g.depth}${group}, to, ${g.groupDepth});
`
}                    }`;
  const row = !hasWholeRows
    ? tapLoop
    : !g.isPadded
      ? wholeRow
      : `if (y >= 0 && y < ${g.height} && ${firstX} >= 0 && ${firstX} + ${g.kernelW} <= ${g.width}) {
                        ${wholeRow.replace(/\n/g, "\n    ")}
                    } else {
                        ${tapLoop.replace(/\n/g, "\n    ")}
                    }`;
  const scale =
    g.groups === 1
      ? ["channels", "weights", "out"]
      : [
          `channels + g * ${outPerGroup}`,
          `weights + g * ${rowsBytes(outPerGroup, taps)}`,
          `out + g * ${outPerGroup}`,
        ];
  return {
    name,
    source: `/* Convolution ${g.kernelH}x${g.kernelW}, ${g.height}x${g.width}x${g.depth} -> ${g.outHeight}x${g.outWidth}x${g.outDepth}; window holds the inputs of one output pixel */
static void ${name}(const int8_t *in, int8_t *out, const edges_t *edges, const channel_t *channels, const uint8_t *weights, uint8_t *window) {
${g.isPadded ? "    const uint8_t padding = (uint8_t)(edges->input_zero_point + 128);\n" : ""}${inputs > taps ? `    memset(window + ${taps}, 0, ${inputs - taps});\n` : ""}    for (int32_t oy = 0; oy < ${g.outHeight}; oy++) {
        for (int32_t ox = 0; ox < ${g.outWidth}; ox++, out += ${g.outDepth}) {
            for (int32_t g = 0; g < ${g.groups}; g++) {
                uint8_t *to = window;
                uint32_t total = 0;
                for (int32_t ky = 0; ky < ${g.kernelH}; ky++) {
                    const int32_t y = ${y};
                    ${row}
                }
                rows_${requantize}(window, total, ${inputs}, ${scale[1]}, ${scale[0]}, ${outPerGroup}, edges, ${scale[2]});
            }
        }
    }
}
`,
  };
}
