import { GraphError, UnsupportedError } from "../../errors.js";
import {
  type QuantizedMultiplier,
  quantizeMultiplier,
  roundAwayFromZero,
} from "../../execute/integer/fixed-point.js";
import type { Activation, Graph, Operator, Quantization, Tensor } from "../../graph/graph.js";

/** Numbers of TensorFlow Lite's 8-bit specification that a kernel needs, derived once from scales and zero points. */

export function tensorOf(graph: Graph, name: string): Tensor {
  const tensor = graph.tensors.get(name);
  if (tensor === undefined)
    throw new GraphError({
      expected: `a tensor named "${name}"`,
      got: "a graph without it",
      todo: "Run `mote inspect` on the model; if that passes, report this.",
    });
  return tensor;
}

export function quantizationOf(tensor: Tensor): Quantization {
  if (tensor.dtype !== "int8" || tensor.quantization === undefined)
    throw new UnsupportedError({
      expected: `int8 with a scale and a zero point for tensor "${tensor.name}"`,
      got: tensor.dtype,
      todo:
        tensor.dtype === "int16"
          ? "C is generated for int8 only: quantize the float model without `--scheme int16x8` and without layers kept wider."
          : "Quantize the model first: `mote quantize MODEL --data D -o OUT`.",
    });
  return tensor.quantization;
}

export const scaleOf = (tensor: Tensor): number => quantizationOf(tensor).scale[0]!;
export const zeroPointOf = (tensor: Tensor): number => quantizationOf(tensor).zeroPoint[0]!;

export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Codes between which a fused activation clamps (CalculateActivationRangeQuantized). */
export function activationRange(activation: Activation, output: Tensor): Range {
  const code = (real: number): number =>
    zeroPointOf(output) + roundAwayFromZero(Math.fround(real / scaleOf(output)));
  const low = activation === "relu-1-1" ? code(-1) : activation === "none" ? -128 : code(0);
  const high = activation === "relu6" ? code(6) : activation === "relu-1-1" ? code(1) : 127;
  return { low: Math.max(-128, low), high: Math.min(127, high) };
}

/** One output channel of a convolution or a dense layer. */
export interface Channel extends QuantizedMultiplier {
  /** Weights in the order in which they stand in the graph. */
  readonly weights: Int8Array;
  readonly bias: number;
  /** The real factor from accumulator to output code. */
  readonly real: number;
}

/** Channels of conv2d (axis 0), depthwiseConv2d (axis 3) or fullyConnected (axis 0). */
export function channelsOf(graph: Graph, operator: Operator): Channel[] {
  const input = tensorOf(graph, operator.inputs[0]!);
  const weights = tensorOf(graph, operator.inputs[1]!);
  const output = tensorOf(graph, operator.outputs[0]!);
  const { scale, zeroPoint } = quantizationOf(weights);
  if (!(weights.data instanceof Int8Array) || zeroPoint.some((value) => value !== 0))
    throw new UnsupportedError({
      expected: `constant int8 weights with zero point 0 for "${operator.name}"`,
      got: weights.data === undefined ? "weights computed at run time" : "other weights",
      todo: "Quantize the model per channel, symmetric.",
    });
  const biasName = operator.inputs[2] ?? "";
  const bias = biasName === "" ? undefined : tensorOf(graph, biasName).data;
  const isDepthwise = operator.kind === "depthwiseConv2d";
  const count = isDepthwise ? weights.shape[3]! : weights.shape[0]!;
  const taps = weights.data.length / count;
  const data = weights.data;
  return Array.from({ length: count }, (_, index) => {
    const weightScale = scale[scale.length === 1 ? 0 : index]!;
    // TFLite multiplies the scales of a dense layer in float where they are per tensor, in double elsewhere.
    const isFloatProduct = operator.kind === "fullyConnected" && scale.length === 1;
    const product = scaleOf(input) * weightScale;
    const real = (isFloatProduct ? Math.fround(product) : product) / scaleOf(output);
    const own = isDepthwise
      ? Int8Array.from({ length: taps }, (_, tap) => data[tap * count + index]!)
      : data.slice(index * taps, (index + 1) * taps);
    return { ...quantizeMultiplier(real), real, weights: own, bias: Number(bias?.[index] ?? 0) };
  });
}

/** Bias with the input's zero point folded in: acc = folded + sum(weights * code). */
export function foldedBias(channel: Channel, inputZeroPoint: number): number {
  let sum = 0;
  for (const weight of channel.weights) sum += weight;
  return channel.bias - inputZeroPoint * sum;
}

export const elements = (tensor: Tensor): number => tensor.shape.reduce((a, b) => a * b, 1);
