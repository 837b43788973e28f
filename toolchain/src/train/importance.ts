import type { Graph } from "../graph/graph.js";
import type { ChannelAnalysis, ChannelSlice } from "../transform/channels.js";
import { Differentiable } from "./differentiable.js";
import { Random } from "./random.js";
import type { Training } from "./tensorflow.js";
import { backprop, type Loss, type Samples } from "./trainer.js";

export interface ImportanceOptions {
  readonly seed: number;
  /** Samples looked at; some hundred suffice. */
  readonly samples?: number;
  readonly signal?: AbortSignal;
}

const DEFAULT_SAMPLES = 512;
/** Small, because squares of sums over a batch hide what single samples need. */
const BATCH = 16;

/**
 * What the loss would lose, to first order, if a channel's values were zero: (sum of gradient * weight over the weights
 * that read the channel)^2, averaged over small batches (Molchanov et al. 2019, "Importance Estimation for Neural
 * Network Pruning"). Reading the consumers' weights gives the same as a gate behind the channel, whether or not batch
 * norms are folded. Without labels, a random projection of the logits stands for the loss.
 *
 * Returns one figure per group id.
 */
export async function channelImportance(
  training: Training,
  graph: Graph,
  analysis: ChannelAnalysis,
  data: Samples,
  options: ImportanceOptions,
): Promise<Float64Array> {
  const importance = new Float64Array(analysis.groups.length);
  const model = new Differentiable(training, graph);
  const random = new Random(options.seed);
  const order = random.permutation(data.count);
  const count = Math.min(data.count, options.samples ?? DEFAULT_SAMPLES);
  const loss = data.labels === undefined ? projectionLoss : undefined;
  try {
    for (let from = 0; from < count; from += BATCH) {
      await new Promise(setImmediate);
      options.signal?.throwIfAborted();
      const indices = order.subarray(from, Math.min(from + BATCH, count));
      const { gradients } = backprop(model, data, indices, { freezeStatistics: true }, random, loss);
      for (const { id, slices } of analysis.groups) importance[id]! += gate(graph, slices, gradients) ** 2;
    }
  } finally {
    model.dispose();
  }
  return importance;
}

/** Random +-1 vectors times the logits: its squared gradients average to the whole Jacobian's. */
const projectionLoss: Loss = ({ model, logits, random }) => {
  const { tf } = model.training;
  const signs = Float32Array.from({ length: logits.size }, () => (random.float() < 0.5 ? -1 : 1));
  return tf.sum(tf.mul(logits, tf.tensor(signs, logits.shape)));
};

/** Sum of gradient * weight over the weights that read the group's channels. */
function gate(
  graph: Graph,
  slices: readonly ChannelSlice[],
  gradients: ReadonlyMap<string, Float32Array>,
): number {
  let sum = 0;
  for (const { tensor, axis, index, role } of slices) {
    const gradient = gradients.get(tensor);
    const { shape, data } = graph.tensors.get(tensor)!;
    if (role !== "consumer" || gradient === undefined || !(data instanceof Float32Array)) continue;
    const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    const step = shape[axis]! * inner;
    for (let at = index * inner; at < data.length; at += step)
      for (let i = 0; i < inner; i++) sum += gradient[at + i]! * data[at + i]!;
  }
  return sum;
}
