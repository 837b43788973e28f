import type { Graph, Operator, OperatorOf, Tensor } from "../graph/graph.js";
import { edgesOf, floatConstant, freshName } from "./edges.js";
import { removeDead } from "./remove-dead.js";

type Linear = OperatorOf<"conv2d" | "depthwiseConv2d" | "fullyConnected">;

/**
 * Batch normalisation is a scale and a shift per channel. Behind a linear layer they go into its weights and bias;
 * elsewhere in a 4-D graph they become a 1x1 depthwise convolution, which every integer runtime has.
 */
export function foldBatchNorm(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  const edges = edgesOf(graph);
  const replaced = new Map<Operator, Operator | null>();
  for (const operator of graph.operators) {
    if (operator.kind !== "batchNorm") continue;
    const affine = affineOf(graph, operator);
    if (affine === null) continue;
    const source = operator.inputs[0]!;
    const before = edges.producer.get(source);
    if (before !== undefined && edges.soleConsumer(source) === operator && isFoldable(graph, before)) {
      replaced.set(before, foldInto(before, operator, affine, tensors));
      replaced.set(operator, null);
    } else if (graph.tensors.get(source)!.shape.length === 4) {
      replaced.set(operator, depthwiseOf(operator, affine, tensors));
    }
  }
  if (replaced.size === 0) return graph;
  const operators = graph.operators
    .map((operator) => (replaced.has(operator) ? replaced.get(operator)! : operator))
    .filter((operator) => operator !== null);
  return removeDead({ ...graph, tensors, operators });
}

interface ChannelAffine {
  readonly factor: Float64Array;
  readonly shift: Float64Array;
}

/** y = factor * x + shift, per channel, in double precision. */
function affineOf(graph: Graph, operator: OperatorOf<"batchNorm">): ChannelAffine | null {
  const [gamma, beta, mean, variance] = operator.inputs.slice(1).map((name) => floatConstant(graph, name));
  if (!gamma || !beta || !mean || !variance) return null;
  const factor = Float64Array.from(
    gamma,
    (g, c) => g / Math.sqrt(variance[c]! + operator.attributes.epsilon),
  );
  return { factor, shift: Float64Array.from(beta, (b, c) => b - mean[c]! * factor[c]!) };
}

function isFoldable(graph: Graph, operator: Operator): operator is Linear {
  return (
    (operator.kind === "conv2d" ||
      operator.kind === "depthwiseConv2d" ||
      operator.kind === "fullyConnected") &&
    operator.attributes.activation === "none" &&
    floatConstant(graph, operator.inputs[1]) !== null &&
    (!operator.inputs[2] || floatConstant(graph, operator.inputs[2]) !== null)
  );
}

/** Shared weights stay as they are for their other readers: the folded ones get names of their own. */
function foldInto(
  linear: Linear,
  norm: OperatorOf<"batchNorm">,
  { factor, shift }: ChannelAffine,
  tensors: Map<string, Tensor>,
): Operator {
  const weights = tensors.get(linear.inputs[1]!)!;
  const data = weights.data as Float32Array;
  const channels = factor.length;
  const perChannel = data.length / channels;
  const channelOf =
    linear.kind === "depthwiseConv2d"
      ? (i: number) => i % channels
      : (i: number) => Math.floor(i / perChannel);
  const folded = data.map((w, i) => w * factor[channelOf(i)]!);
  const oldBias = linear.inputs[2] ? (tensors.get(linear.inputs[2])!.data as Float32Array) : null;
  const bias = Float32Array.from(shift, (s, c) => s + (oldBias === null ? 0 : oldBias[c]! * factor[c]!));
  const weightsName = freshName(tensors, `${weights.name}/folded`);
  tensors.set(weightsName, { ...weights, name: weightsName, data: folded });
  const biasName = freshName(tensors, `${linear.inputs[2] || weights.name}/folded_bias`);
  tensors.set(biasName, { name: biasName, shape: [channels], dtype: "float32", data: bias });
  return { ...linear, inputs: [linear.inputs[0]!, weightsName, biasName], outputs: norm.outputs };
}

function depthwiseOf(
  norm: OperatorOf<"batchNorm">,
  { factor, shift }: ChannelAffine,
  tensors: Map<string, Tensor>,
): OperatorOf<"depthwiseConv2d"> {
  const channels = factor.length;
  const weights = freshName(tensors, `${norm.name}/scale`);
  tensors.set(weights, {
    name: weights,
    shape: [1, 1, 1, channels],
    dtype: "float32",
    data: Float32Array.from(factor),
  });
  const bias = freshName(tensors, `${norm.name}/shift`);
  tensors.set(bias, { name: bias, shape: [channels], dtype: "float32", data: Float32Array.from(shift) });
  return {
    kind: "depthwiseConv2d",
    name: norm.name,
    inputs: [norm.inputs[0]!, weights, bias],
    outputs: norm.outputs,
    attributes: {
      strideH: 1,
      strideW: 1,
      padding: { top: 0, bottom: 0, left: 0, right: 0 },
      dilationH: 1,
      dilationW: 1,
      multiplier: 1,
      activation: "none",
    },
  };
}
