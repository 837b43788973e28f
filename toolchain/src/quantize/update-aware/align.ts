import type { Graph } from "../../graph/graph.js";
import {
  type EqualizationPair,
  equalizationPairs,
  outputChannel,
  scalePairs,
} from "../../transform/equalize.js";
import { matchPrevious, realWeights } from "./previous.js";

/**
 * Half of the channels must be further than this from the old ones. Training moves norms too, seldom by so much, and what
 * it did must not be undone: it would change both layers.
 */
const LEAST_OCTAVES = Math.log2(1.5);

/**
 * The new float graph with the scales between its layers as the fleet's model has them. That one may have been equalized
 * before it was quantized, which changed its weights and activations by a factor a channel and its function not at all;
 * unless the new one is brought to the same factors, none of its codes is near an old one.
 */
export function alignToPrevious(graph: Graph, old: Graph): { graph: Graph; pairs: number } {
  if (equalizationPairs(graph).length === 0) return { graph, pairs: 0 };
  let pairs = 0;
  const aligned = scalePairs(graph, (moved, pair) => {
    const factors = factorsOf(moved, old, pair);
    const octaves = [...factors].map((factor) => Math.abs(Math.log2(factor))).sort((a, b) => a - b);
    if (octaves[octaves.length >> 1]! < LEAST_OCTAVES) return null;
    pairs++;
    return factors;
  });
  return pairs === 0 ? { graph, pairs } : { graph: aligned, pairs };
}

/**
 * By the norm of the weights that make a channel, new over old. Pairs come in order, so that what such a layer reads is as
 * in the old model already; the layer that reads the channel would say the same, mixed with the factors of its own outputs.
 */
function factorsOf(graph: Graph, old: Graph, { before, channels }: EqualizationPair): Float64Array {
  const next = graph.tensors.get(before.inputs[1]!)!.data as Float32Array;
  const held = realWeights(before, matchPrevious(graph, old).layers.get(before)!);
  const channelOf = outputChannel(before, next.length, channels);
  const [now, then] = [new Float64Array(channels), new Float64Array(channels)];
  next.forEach((w, i) => {
    now[channelOf(i)]! += w * w;
    then[channelOf(i)]! += held[i]! ** 2;
  });
  return now.map((power, channel) => {
    const factor = Math.sqrt(power / then[channel]!);
    return Number.isFinite(factor) && factor > 0 ? factor : 1;
  });
}
