import type { Dataset } from "../../data/dataset.js";
import type { Graph } from "../../graph/graph.js";
import { floatConstant } from "../../transform/edges.js";
import type { LayerCodes } from "../assign.js";
import type { ActivationSource } from "../calibrate.js";
import { InputCovariance } from "../covariance.js";
import { type DescentProblem, roundTowards } from "../descent.js";
import { channelCount, type Linear, weightIndex } from "../linear.js";
import { frozenScales } from "./frozen-scales.js";
import type { Previous, PreviousLayer } from "./previous.js";

/** Everything about one layer that does not depend on lambda. */
export interface LayerProblem extends DescentProblem {
  readonly layer: Linear;
  readonly previous: PreviousLayer;
  readonly means: (channel: number) => Float64Array;
  readonly bias: Float32Array | null;
  /** s_in and s_out, both the old ones. */
  readonly inputScale: number;
  readonly outputScale: number;
  readonly scale: Float32Array;
  /** Channels whose scale had to move. */
  readonly movedScales: number;
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
  return [...previous.layers].map(([layer, old]) => {
    const weights = graph.tensors.get(layer.inputs[1]!)!;
    const data = weights.data as Float32Array;
    const channels = channelCount(layer, weights);
    const taps = data.length / channels;
    const at = weightIndex(layer, channels, taps);
    const rows = <T>(make: (pick: (tap: number) => number) => T): T[] =>
      Array.from({ length: channels }, (_, channel) => make((tap) => at(channel, tap)));
    const target = rows((index) => Float64Array.from({ length: taps }, (_, tap) => data[index(tap)]!));
    const greatest = target.map((row) => row.reduce((most, w) => Math.max(most, Math.abs(w)), 0));
    const { scale, moved } = frozenScales(old.scale, greatest);
    return {
      layer,
      previous: old,
      target,
      old: rows((index) => Int32Array.from({ length: taps }, (_, tap) => old.codes[index(tap)]!)),
      scale,
      movedScales: moved,
      covariance: statistics.get(layer)!.covariance(),
      means: statistics.get(layer)!.means(),
      importance: sensitivity.get(layer)!,
      bias: floatConstant(graph, layer.inputs[2]),
      inputScale: previous.activations.get(layer.inputs[0]!)!.scale[0]!,
      outputScale: previous.activations.get(layer.outputs[0]!)!.scale[0]!,
    };
  });
}

export interface RoundedUpdate {
  readonly layers: ReadonlyMap<Linear, LayerCodes>;
  /** Bits of all weight residuals at their own distribution; biases, scales and framing come on top. */
  readonly residualBits: number;
  readonly changedWeights: number;
  readonly weights: number;
}

/** Codes, scales and biases of all layers for one price of a bit. */
export function roundUpdate(problems: readonly LayerProblem[], lambda: number): RoundedUpdate {
  const layers = new Map<Linear, LayerCodes>();
  let [residualBits, changedWeights, weights] = [0, 0, 0];
  for (const problem of problems) {
    const { codes, bits } = roundTowards(problem, lambda);
    const taps = codes[0]!.length;
    const at = weightIndex(problem.layer, codes.length, taps);
    const flat = new Int8Array(problem.previous.codes.length);
    codes.forEach((row, channel) => {
      row.forEach((code, tap) => {
        flat[at(channel, tap)] = code;
        if (code !== problem.old[channel]![tap]) changedWeights++;
      });
    });
    residualBits += bits;
    weights += flat.length;
    layers.set(problem.layer, { codes: flat, scale: problem.scale, bias: biasOf(problem, codes) });
  }
  return { layers, residualBits, changedWeights, weights };
}

/**
 * The new bias takes back the mean error of the weights. It moves from the old one only in steps of 2^shift codes, at
 * most 1/16 of an output code, so that its residual is a small number too.
 */
function biasOf(problem: LayerProblem, codes: readonly Int32Array[]): Float64Array | null {
  const { previous, scale, inputScale, outputScale } = problem;
  if (previous.bias === null && problem.bias === null) return null;
  return Float64Array.from(codes, (row, channel) => {
    const means = problem.means(channel);
    let real = problem.bias === null ? 0 : problem.bias[channel]!;
    row.forEach((code, tap) => {
      real -= (code * scale[channel]! - problem.target[channel]![tap]!) * means[tap]!;
    });
    const unit = inputScale * scale[channel]!;
    const step = 2 ** Math.max(0, Math.floor(Math.log2(outputScale / unit / 16)));
    // The old bias said in today's units: the scale may have moved.
    const old =
      previous.bias === null ? 0 : previous.bias[channel]! * (previous.scale[channel]! / scale[channel]!);
    const from = Math.round(old);
    return (from + Math.round((real / unit - from) / step) * step) * unit;
  });
}
