import type { Graph } from "../graph/graph.js";
import { fieldIndex } from "./input-statistics.js";
import { channelCount, type Linear, weightIndex } from "./linear.js";

/**
 * Rounded weights shift the mean of each output channel by sum_i (w_q - w)_i E[x_i]; the bias takes the shift back.
 * (Nagel et al., Data-Free Quantization, section 4.2, with measured means in place of assumed ones.)
 */
export function correctedBias(
  graph: Graph,
  layer: Linear,
  codes: Int8Array,
  scale: Float32Array,
  bias: ArrayLike<number> | null,
  means: Float64Array,
): Float64Array {
  const weights = graph.tensors.get(layer.inputs[1]!)!;
  const data = weights.data as Float32Array;
  const channels = channelCount(layer, weights);
  const perChannel = data.length / channels;
  const at = weightIndex(layer, channels, perChannel);
  const field = fieldIndex(graph, layer);
  return Float64Array.from({ length: channels }, (_, channel) => {
    let shift = 0;
    for (let tap = 0; tap < perChannel; tap++) {
      const i = at(channel, tap);
      shift += (codes[i]! * scale[channel]! - data[i]!) * means[field(channel, tap)]!;
    }
    return (bias === null ? 0 : bias[channel]!) - shift;
  });
}
