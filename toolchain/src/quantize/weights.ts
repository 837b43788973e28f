import { clamp, roundAwayFromZero } from "../execute/integer/fixed-point.js";
import type { Tensor } from "../graph/graph.js";
import { channelAxis, channelCount, type Weighted, weightIndex } from "./linear.js";

export interface QuantizedWeights {
  /** int8 codes in [-127, 127] in the layout of the float weights. */
  readonly codes: Int8Array;
  readonly scale: Float32Array;
}

/**
 * Accumulator codes of a bias stay below this, so that the products have room beside it in 32 bits. int16 activations
 * accumulate in 64; there the same limit lets every format that has only 32-bit biases hold them.
 */
const BIAS_CODE_MAX = 2 ** 30;

/**
 * The scale of each output channel: max |w| / 127, widened where the bias would not fit 32 bits at s_in * s_w. A channel
 * of zeros gets a scale that gives its bias 24 bits.
 */
export function weightScales(
  layer: Weighted,
  weights: Tensor,
  bias: Float32Array | null,
  inputScale: number,
): Float32Array {
  const data = weights.data as Float32Array;
  const channels = channelCount(layer, weights);
  const perChannel = data.length / channels;
  const at = weightIndex(layer, channels, perChannel);
  return Float32Array.from({ length: channels }, (_, channel) => {
    let greatest = 0;
    for (let tap = 0; tap < perChannel; tap++)
      greatest = Math.max(greatest, Math.abs(data[at(channel, tap)]!));
    const magnitude = bias === null ? 0 : Math.abs(bias[channel]!);
    if (greatest === 0) return magnitude === 0 ? 1 : magnitude / (inputScale * 2 ** 24);
    return Math.max(greatest / 127, magnitude / (inputScale * BIAS_CODE_MAX));
  });
}

/** Codes nearest to the weights at the given scales. */
export function nearestCodes(layer: Weighted, weights: Tensor, scale: Float32Array): Int8Array {
  const data = weights.data as Float32Array;
  const codes = new Int8Array(data.length);
  const isLast = channelAxis(layer) === 3;
  const perChannel = data.length / scale.length;
  for (let i = 0; i < data.length; i++) {
    const channel = isLast ? i % scale.length : Math.floor(i / perChannel);
    codes[i] = clamp(roundAwayFromZero(data[i]! / scale[channel]!), -127, 127);
  }
  return codes;
}

/** Bias in units of s_in * s_w[channel], saturated to 32 bits. */
export function biasCodes(bias: ArrayLike<number>, inputScale: number, scale: Float32Array): Int32Array {
  return Int32Array.from(bias, (b, channel) =>
    clamp(roundAwayFromZero(b / (inputScale * scale[channel]!)), -0x7fffffff, 0x7fffffff),
  );
}
