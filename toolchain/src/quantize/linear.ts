import type { Graph, Operator, OperatorOf, Tensor } from "../graph/graph.js";

/** Operators with constant weights that get one scale per output channel. */
export type Linear = OperatorOf<"conv2d" | "depthwiseConv2d" | "fullyConnected">;

/** All operators whose weights get one scale per output channel; a transposed convolution's are only rounded. */
export type Weighted = Linear | OperatorOf<"transposeConv2d">;

export function isWeighted(operator: Operator): operator is Weighted {
  return isLinear(operator) || operator.kind === "transposeConv2d";
}

/** Weighted operators whose weights are constants of the graph. */
export function weightedLayers(graph: Graph): Weighted[] {
  return graph.operators
    .filter(isWeighted)
    .filter((operator) => graph.tensors.get(operator.inputs[1]!)?.data !== undefined);
}

export function isLinear(operator: Operator): operator is Linear {
  return (
    operator.kind === "conv2d" || operator.kind === "depthwiseConv2d" || operator.kind === "fullyConnected"
  );
}

/** Linear operators whose weights are constants of the graph. */
export function linearLayers(graph: Graph): Linear[] {
  return graph.operators
    .filter(isLinear)
    .filter((operator) => graph.tensors.get(operator.inputs[1]!)?.data !== undefined);
}

/** Where the output channel lies in the weights' layout. */
export function channelAxis(layer: Weighted): 0 | 3 {
  return layer.kind === "depthwiseConv2d" ? 3 : 0;
}

export function channelCount(layer: Weighted, weights: Tensor): number {
  return weights.shape[channelAxis(layer)]!;
}

/** Index in the flat weights of tap `tap` of output channel `channel`; taps run over [kh, kw, in] or [kh, kw]. */
export function weightIndex(
  layer: Weighted,
  channels: number,
  perChannel: number,
): (channel: number, tap: number) => number {
  return layer.kind === "depthwiseConv2d"
    ? (channel, tap) => tap * channels + channel
    : (channel, tap) => channel * perChannel + tap;
}
