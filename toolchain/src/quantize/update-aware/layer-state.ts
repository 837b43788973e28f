import type { Graph, Tensor } from "../../graph/graph.js";
import type { LayerCodes } from "../assign.js";
import { type Linear, weightIndex } from "../linear.js";
import { adaptiveBits } from "../residual-prices.js";
import { biasGrid, type HeldLayer, type LayerProblem } from "./layer-problem.js";

/** Codes and biases of one layer as a search has them. */
export interface LayerState<Held extends HeldLayer = LayerProblem> {
  readonly problem: Held;
  readonly codes: readonly Int32Array[];
  /** Real biases on the grid of what a patch can say cheaply; null where the layer has none. */
  readonly bias: Float64Array | null;
}

export function copyState({ problem, codes, bias }: LayerState): LayerState {
  return { problem, codes: codes.map((row) => row.slice()), bias: bias === null ? null : bias.slice() };
}

export interface RoundedUpdate {
  readonly layers: ReadonlyMap<Linear, LayerCodes>;
  /** Bits of all residuals of weights and biases; scales and framing come on top. */
  readonly residualBits: number;
  readonly changedWeights: number;
  readonly weights: number;
}

/** What the quantizer builds a graph from. */
export function updateOf(states: readonly LayerState<HeldLayer>[]): RoundedUpdate {
  const layers = new Map<Linear, LayerCodes>();
  let [changedWeights, weights] = [0, 0];
  for (const { problem, codes, bias } of states) {
    const at = weightIndex(problem.layer, codes.length, codes[0]!.length);
    const flat = new Int8Array(problem.previous.codes.length);
    codes.forEach((row, channel) => {
      row.forEach((code, tap) => {
        flat[at(channel, tap)] = code;
        if (code !== problem.old[channel]![tap]) changedWeights++;
      });
    });
    weights += flat.length;
    layers.set(problem.layer, { codes: flat, scale: problem.scale, bias });
  }
  return { layers, residualBits: bitsOf(states), changedWeights, weights };
}

/** The float graph with the weights and biases that its layers are rounded to, in real numbers. */
export function realGraph(graph: Graph, states: readonly LayerState[]): Graph {
  const tensors = new Map<string, Tensor>(graph.tensors);
  for (const { problem, codes, bias } of states) {
    const [, weights, biasName] = problem.layer.inputs;
    const at = weightIndex(problem.layer, codes.length, codes[0]!.length);
    const data = new Float32Array(problem.previous.codes.length);
    codes.forEach((row, channel) => {
      row.forEach((code, tap) => {
        data[at(channel, tap)] = code * problem.scale[channel]!;
      });
    });
    tensors.set(weights!, { ...graph.tensors.get(weights!)!, data });
    if (biasName && bias !== null)
      tensors.set(biasName, { ...graph.tensors.get(biasName)!, data: Float32Array.from(bias) });
  }
  return { ...graph, tensors };
}

/** A number's zero flag, sign, unary exponent as it mostly comes out, and plain mantissa. */
export function biasBits(steps: number): number {
  return steps === 0 ? 1 : 4 + Math.floor(Math.log2(Math.abs(steps)));
}

export function bitsOf(states: readonly LayerState<HeldLayer>[]): number {
  let bits = 0;
  for (const { problem, codes, bias } of states) {
    bits += adaptiveBits(codes, problem.old, problem.step);
    bias?.forEach((value, channel) => {
      const { from, unit } = biasGrid(problem, channel);
      bits += biasBits(Math.round((value - from) / unit));
    });
  }
  return bits;
}
