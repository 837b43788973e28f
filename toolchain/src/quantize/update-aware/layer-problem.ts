import type { Dataset } from "../../data/dataset.js";
import type { Graph } from "../../graph/graph.js";
import { floatConstant } from "../../transform/edges.js";
import type { ActivationSource } from "../calibrate.js";
import { InputCovariance } from "../covariance.js";
import type { DescentProblem } from "../descent.js";
import { channelCount, type Linear, weightIndex } from "../linear.js";
import type { Previous, PreviousLayer } from "./previous.js";

/** What devices hold of one layer, and the scales that new codes and biases count in. */
export interface HeldLayer {
  readonly layer: Linear;
  readonly previous: PreviousLayer;
  /** Codes, [channel][tap]. */
  readonly old: readonly Int32Array[];
  /** s_in and s_out, both the old ones. */
  readonly inputScale: number;
  readonly outputScale: number;
  readonly scale: Float32Array;
  /** Residuals are multiples of it. */
  readonly step: number;
}

/** Everything about one layer that does not depend on lambda. */
export interface LayerProblem extends DescentProblem, HeldLayer {
  readonly means: (channel: number) => Float64Array;
  readonly bias: Float32Array | null;
  readonly old: readonly Int32Array[];
  readonly scale: Float32Array;
  readonly step: number;
  /** Greatest new weight of each channel. */
  readonly greatest: readonly number[];
}

export function heldLayer(previous: Previous, layer: Linear): HeldLayer {
  const old = previous.layers.get(layer)!;
  const channels = old.scale.length;
  const taps = old.codes.length / channels;
  const at = weightIndex(layer, channels, taps);
  return {
    layer,
    previous: old,
    old: Array.from({ length: channels }, (_, channel) =>
      Int32Array.from({ length: taps }, (_, tap) => old.codes[at(channel, tap)]!),
    ),
    scale: old.scale,
    step: 1,
    inputScale: previous.activations.get(layer.inputs[0]!)!.scale[0]!,
    outputScale: previous.activations.get(layer.outputs[0]!)!.scale[0]!,
  };
}

/** Gathers the statistics of all layers in one pass over the samples. */
export async function layerProblems(
  graph: Graph,
  previous: Previous,
  dataset: Dataset,
  activations: ActivationSource,
  sensitivity: ReadonlyMap<Linear, Float64Array>,
): Promise<LayerProblem[]> {
  const statistics = new Map(
    [...previous.layers.keys()].map((layer) => [layer, new InputCovariance(graph, layer)]),
  );
  for (let i = 0; i < dataset.count; i++) {
    const values = await activations(dataset.sample(i));
    for (const [layer, covariance] of statistics) covariance.observe(values.get(layer.inputs[0]!)!);
  }
  return [...previous.layers.keys()].map((layer) => {
    const weights = graph.tensors.get(layer.inputs[1]!)!;
    const data = weights.data as Float32Array;
    const channels = channelCount(layer, weights);
    const taps = data.length / channels;
    const at = weightIndex(layer, channels, taps);
    const rows = <T>(make: (pick: (tap: number) => number) => T): T[] =>
      Array.from({ length: channels }, (_, channel) => make((tap) => at(channel, tap)));
    const target = rows((index) => Float64Array.from({ length: taps }, (_, tap) => data[index(tap)]!));
    const greatest = target.map((row) => row.reduce((most, w) => Math.max(most, Math.abs(w)), 0));
    return {
      ...heldLayer(previous, layer),
      target,
      greatest,
      covariance: statistics.get(layer)!.covariance(),
      means: statistics.get(layer)!.means(),
      importance: sensitivity.get(layer)!,
      bias: floatConstant(graph, layer.inputs[2]),
    };
  });
}

/** Steps of a bias are this share of an output code: finer than what the next layer could tell. */
const BIAS_STEP = 1 / 4;

/**
 * The values that a channel's bias may take: `from`, the old one, plus multiples of `unit`, a power of two of its codes
 * that is the same for the whole layer, because a patch shifts the residuals of a layer together.
 */
export function biasGrid(held: HeldLayer, channel: number): { from: number; unit: number } {
  const { previous, scale, inputScale, outputScale } = held;
  const code = inputScale * scale[channel]!;
  const typical = [...scale].sort((a, b) => a - b)[scale.length >> 1]! * inputScale;
  const step = 2 ** Math.max(0, Math.floor(Math.log2((outputScale * BIAS_STEP) / typical)));
  const old = previous.bias === null ? 0 : previous.bias[channel]!;
  return { from: old * code, unit: step * code };
}

/** The new bias takes back the mean error of the weights. */
export function biasOf(problem: LayerProblem, codes: readonly Int32Array[]): Float64Array | null {
  const { previous, scale } = problem;
  if (previous.bias === null && problem.bias === null) return null;
  return Float64Array.from(codes, (row, channel) => {
    const means = problem.means(channel);
    let real = problem.bias === null ? 0 : problem.bias[channel]!;
    row.forEach((code, tap) => {
      real -= (code * scale[channel]! - problem.target[channel]![tap]!) * means[tap]!;
    });
    const { from, unit } = biasGrid(problem, channel);
    return from + Math.round((real - from) / unit) * unit;
  });
}
