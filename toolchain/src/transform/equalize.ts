import type { Graph, Operator, OperatorOf, Tensor } from "../graph/graph.js";
import { type Edges, edgesOf, floatConstant, freshName } from "./edges.js";
import { removeDead } from "./remove-dead.js";

type Linear = OperatorOf<"conv2d" | "depthwiseConv2d" | "fullyConnected">;

/** Two linear layers with nothing between them that would notice a positive factor per channel. */
export interface EqualizationPair {
  readonly before: Linear;
  readonly after: Linear;
  /** The activation between them whose channels are to be brought to one scale: the output of `before`. */
  readonly tensor: string;
  readonly channels: number;
}

/** Factors beyond these would leave float32's comfortable range after a few layers. */
const MOST = 2 ** 12;

/**
 * Pairs that can be equalized: the first layer's activation is none or ReLU (for which f(s x) = s f(x), s > 0), and only
 * pools, zero padding, flattening or a spatial mean stand between.
 */
export function equalizationPairs(graph: Graph): EqualizationPair[] {
  const edges = edgesOf(graph);
  return graph.operators.flatMap((before) => {
    if (!isLinear(before) || !isScalable(graph, before)) return [];
    const after = nextLinear(graph, edges, before);
    const tensor = before.outputs[0]!;
    const channels = graph.tensors.get(tensor)!.shape.at(-1)!;
    return after === null ? [] : [{ before, after, tensor, channels }];
  });
}

function isLinear(operator: Operator): operator is Linear {
  return (
    operator.kind === "conv2d" || operator.kind === "depthwiseConv2d" || operator.kind === "fullyConnected"
  );
}

function isScalable(graph: Graph, { attributes, inputs }: Linear): boolean {
  return (
    (attributes.activation === "none" || attributes.activation === "relu") &&
    floatConstant(graph, inputs[1]) !== null &&
    (!inputs[2] || floatConstant(graph, inputs[2]) !== null)
  );
}

function nextLinear(graph: Graph, edges: Edges, before: Linear): Linear | null {
  let name = before.outputs[0]!;
  for (;;) {
    const operator = edges.soleConsumer(name);
    if (operator === null || operator.inputs[0] !== name) return null;
    if (isLinear(operator)) {
      const isGrouped = operator.kind === "conv2d" && operator.attributes.groups !== 1;
      return isGrouped || floatConstant(graph, operator.inputs[1]) === null ? null : operator;
    }
    if (!keepsChannels(operator, graph)) return null;
    name = operator.outputs[0]!;
  }
}

function keepsChannels(operator: Operator, graph: Graph): boolean {
  switch (operator.kind) {
    case "relu":
      return true;
    case "maxPool2d":
    case "averagePool2d":
      return operator.attributes.activation === "none" || operator.attributes.activation === "relu";
    case "pad":
      return operator.attributes.mode !== "constant" || operator.attributes.value === 0;
    case "mean": {
      const rank = graph.tensors.get(operator.inputs[0]!)!.shape.length;
      return operator.attributes.axes.every((axis) => (axis < 0 ? axis + rank : axis) !== rank - 1);
    }
    case "reshape": {
      // Flattening: the channel stays the fastest index of the row.
      const to = graph.tensors.get(operator.outputs[0]!)!.shape;
      return to.length === 2 && to[0] === graph.tensors.get(operator.inputs[0]!)!.shape[0];
    }
    default:
      return false;
  }
}

/**
 * Brings the channels between two layers to similar ranges by dividing the first layer's filters and multiplying the
 * second's (Nagel et al., Data-Free Quantization, 2019; with measured activation ranges, as SmoothQuant has them). The
 * real function stays the same; the one scale per tensor that integers have then suits every channel.
 *
 * `ranges` holds the greatest magnitude of each channel of each pair's tensor, on calibration data.
 */
export function equalize(graph: Graph, ranges: ReadonlyMap<string, ArrayLike<number>>): Graph {
  return scalePairs(graph, (moved, pair) => {
    const range = ranges.get(pair.tensor);
    return range === undefined ? null : factors(moved, pair, range);
  });
}

/**
 * Divides the channels between each pair of layers by factors (positive, one a channel; null leaves the pair alone) and
 * takes them back in the second layer. `factorsOf` is given the graph as the pairs before have left it.
 */
export function scalePairs(
  graph: Graph,
  factorsOf: (graph: Graph, pair: EqualizationPair) => Float64Array | null,
): Graph {
  let result = graph;
  for (const { tensor } of equalizationPairs(graph)) {
    const pair = equalizationPairs(result).find((candidate) => candidate.tensor === tensor);
    const factor = pair === undefined ? null : factorsOf(result, pair);
    if (factor !== null) result = scalePair(result, pair!, factor);
  }
  return removeDead(result);
}

function scalePair(graph: Graph, pair: EqualizationPair, factor: Float64Array): Graph {
  const { before, after, channels } = pair;
  const tensors = new Map(graph.tensors);
  const first = tensors.get(before.inputs[1]!)!;
  const channelOf = outputChannel(before, first.data!.length, channels);
  const weights = scaled(tensors, first, (i) => 1 / factor[channelOf(i)]!);
  const inputs = [before.inputs[0]!, weights];
  if (before.inputs[2]) inputs.push(scaled(tensors, tensors.get(before.inputs[2])!, (i) => 1 / factor[i]!));
  const second = tensors.get(after.inputs[1]!)!;
  const inputOf = inputChannel(graph, after, channels);
  const next = scaled(tensors, second, (i) => factor[inputOf(i)]!);
  const replaced = new Map<Operator, Operator>([
    [before, { ...before, inputs }],
    [after, { ...after, inputs: [after.inputs[0]!, next, ...after.inputs.slice(2)] }],
  ]);
  return {
    ...graph,
    tensors,
    operators: graph.operators.map((operator) => replaced.get(operator) ?? operator),
  };
}

/** Channel of the tensor between the layers that weight `i`, of so many, of the first layer makes. */
export function outputChannel(before: Linear, weights: number, channels: number): (i: number) => number {
  if (before.kind === "depthwiseConv2d") return (i) => i % channels;
  return (i) => Math.floor((i * channels) / weights);
}

/** Channel of the tensor between the layers that weight `i` of the second layer is multiplied with. */
function inputChannel(graph: Graph, after: Linear, channels: number): (i: number) => number {
  if (after.kind !== "depthwiseConv2d") return (i) => i % channels;
  const outputs = graph.tensors.get(after.inputs[1]!)!.shape[3]!;
  const { multiplier } = after.attributes;
  return (i) => Math.floor((i % outputs) / multiplier);
}

/**
 * A depthwise layer has a scale per channel, so only the activation gains or loses: its channels become equal. Elsewhere
 * the second layer's weights share a scale over the input channels, and the two ranges meet half-way.
 */
function factors(
  graph: Graph,
  { after, channels }: EqualizationPair,
  range: ArrayLike<number>,
): Float64Array {
  const greatestWeight = new Float64Array(channels);
  const data = graph.tensors.get(after.inputs[1]!)!.data as Float32Array;
  const inputOf = inputChannel(graph, after, channels);
  data.forEach((w, i) => {
    greatestWeight[inputOf(i)] = Math.max(greatestWeight[inputOf(i)]!, Math.abs(w));
  });
  const raw = Float64Array.from(greatestWeight, (weight, channel) => {
    const activation = range[channel]!;
    if (activation <= 0 || weight <= 0) return 0;
    return after.kind === "depthwiseConv2d" ? activation : Math.sqrt(activation / weight);
  });
  const used = raw.filter((value) => value > 0).sort();
  const middle = used.length === 0 ? 1 : used[used.length >> 1]!;
  return raw.map((value) => (value === 0 ? 1 : Math.min(Math.max(value / middle, 1 / MOST), MOST)));
}

function scaled(tensors: Map<string, Tensor>, tensor: Tensor, factor: (i: number) => number): string {
  const name = freshName(tensors, `${tensor.name}/equalized`);
  tensors.set(name, { ...tensor, name, data: (tensor.data as Float32Array).map((w, i) => w * factor(i)) });
  return name;
}
