import { UnsupportedError } from "../../errors.js";
import type { Activation, Tensor } from "../../graph/graph.js";
import {
  clamp,
  quantizeMultiplier,
  requantizer,
  requantizeWide,
  requantizeWideSingle,
} from "./fixed-point.js";
import { activationRange, affine, type KernelContext } from "./kernel.js";

/**
 * Turns the exact accumulator of output channel `channel` into a code of the output; 32-bit ones wrap first, as in C.
 */
export type Requantizer = (accumulator: number, channel: number) => number;

export interface Accumulation {
  /** Bias per output channel, in units of s_in * s_w[channel]. */
  readonly bias: Float64Array;
  readonly requantize: Requantizer;
}

interface Parts {
  readonly input: Tensor;
  readonly weights: Tensor;
  readonly biasName: string | undefined;
  readonly output: Tensor;
  readonly channels: number;
  readonly activation: Activation;
  /** TFLite's scalar paths multiply s_in * s_w in float32 before they divide. */
  readonly isScalarPath: boolean;
}

/** What convolutions and fully-connected layers share: bias, multipliers per channel, clamping. */
export function prepareAccumulation(parts: Parts, context: KernelContext): Accumulation {
  const { input, weights, output, channels } = parts;
  const scales = weights.quantization?.scale;
  if (scales === undefined || (scales.length !== 1 && scales.length !== channels)) {
    throw new UnsupportedError({
      expected: `1 or ${channels} scales for weights "${weights.name}"`,
      got: scales === undefined ? "none" : `${scales.length}`,
      todo: "Quantize the weights per tensor or per output channel.",
    });
  }
  const inputScale = affine(input).scale;
  const { scale: outputScale, zeroPoint } = affine(output);
  const multiplier = new Int32Array(channels);
  const shift = new Int32Array(channels);
  for (let c = 0; c < channels; c++) {
    const scale = scales.length === 1 ? scales[0]! : scales[c]!;
    const product =
      parts.isScalarPath && scales.length === 1 ? Math.fround(inputScale * scale) : inputScale * scale;
    const quantized = quantizeMultiplier(product / outputScale, context.rounding);
    multiplier[c] = quantized.multiplier;
    shift[c] = quantized.shift;
  }
  const bias = context.constant(parts.biasName);
  const biasDtype = parts.biasName ? context.tensor(parts.biasName).dtype : "none";
  // TFLite accumulates int16 activations in 64 bits unless their bias is int32. Doubles hold 48 bits exactly.
  const isWide = input.dtype === "int16" && biasDtype !== "int32";
  const narrow = requantizer(context.rounding);
  const wide = parts.isScalarPath && context.rounding === "single" ? requantizeWideSingle : requantizeWide;
  const { min, max } = activationRange(output, parts.activation);
  return {
    bias: bias ?? new Float64Array(channels),
    requantize: isWide
      ? (x, c) => clamp(wide(x, multiplier[c]!, shift[c]!) + zeroPoint, min, max)
      : (x, c) => clamp(narrow(x | 0, multiplier[c]!, shift[c]!) + zeroPoint, min, max),
  };
}
