import type { Graph } from "../graph/graph.js";
import type { InputCovariance } from "./covariance.js";
import { descend } from "./descent.js";
import { channelCount, type Linear, weightIndex } from "./linear.js";

/**
 * Rounds each weight up or down so that the layer's output, not the weight, comes closest to the float one: AdaRound's
 * objective (Nagel et al., Up or Down?, 2020), e' H e with H the covariance of the layer's inputs, minimised by
 * coordinate descent from the nearest codes. No training library, no random numbers.
 */
export function codesByCovariance(
  graph: Graph,
  layer: Linear,
  nearest: Int8Array,
  scale: Float32Array,
  covariance: InputCovariance,
): Int8Array {
  const weights = graph.tensors.get(layer.inputs[1]!)!;
  const data = weights.data as Float32Array;
  const channels = channelCount(layer, weights);
  const taps = data.length / channels;
  const at = weightIndex(layer, channels, taps);
  const rows = <T>(make: (channel: number) => T): T[] =>
    Array.from({ length: channels }, (_, channel) => make(channel));
  const start = rows((channel) => Int32Array.from({ length: taps }, (_, tap) => nearest[at(channel, tap)]!));
  const problem = {
    target: rows((channel) => Float64Array.from({ length: taps }, (_, tap) => data[at(channel, tap)]!)),
    old: start.map((row) => row.slice()),
    scale,
    covariance: covariance.covariance(),
    importance: new Float64Array(channels).fill(1),
  };
  const { codes } = descend(problem, start, 0);
  const flat = new Int8Array(nearest.length);
  codes.forEach((row, channel) => {
    row.forEach((code, tap) => {
      flat[at(channel, tap)] = code;
    });
  });
  return flat;
}
