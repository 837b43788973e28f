import type { Dataset } from "../../data/dataset.js";
import type { Graph } from "../../graph/graph.js";
import { channelCount, type Linear, linearLayers } from "../linear.js";
import { probeGradients } from "./probe-gradients.js";

/** Samples that are looked at: about a hundred suffice. */
const SAMPLES = 96;

/**
 * How strongly the logits follow each output channel of each layer: the squared Jacobian of all logits with respect to
 * the channel's sums before the activation, added over positions, averaged over samples.
 */
export async function logitSensitivity(graph: Graph, dataset: Dataset): Promise<Map<Linear, Float64Array>> {
  const sums = new Map(
    linearLayers(graph).map((layer) => [
      layer,
      new Float64Array(channelCount(layer, graph.tensors.get(layer.inputs[1]!)!)),
    ]),
  );
  const count = Math.min(SAMPLES, dataset.count);
  await probeGradients(
    graph,
    { ...dataset, count, sample: (i) => dataset.sample(i) },
    { probes: 1, seed: 1 },
    ({ layers }) => {
      for (const { layer, gradients } of layers) {
        const sum = sums.get(layer)!;
        const [gradient] = gradients;
        for (let i = 0; i < gradient!.length; i++) sum[i % sum.length]! += gradient![i]! ** 2 / count;
      }
    },
  );
  return sums;
}
