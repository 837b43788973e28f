import { GraphError } from "../../errors.js";
import { isQuantized } from "../../execute/integer/edge.js";
import type { Graph, Operator, Quantization } from "../../graph/graph.js";
import { simplify } from "../../transform/index.js";
import { isLinear, type Linear } from "../linear.js";

/** What devices hold for one layer. */
export interface PreviousLayer {
  readonly codes: Int8Array;
  readonly scale: Float32Array;
  /** In units of s_in * s_w[channel]; null where the layer has no bias. */
  readonly bias: Float64Array | null;
}

/** The fleet's model, matched operator by operator with the new float graph. */
export interface Previous {
  readonly activations: ReadonlyMap<string, Quantization>;
  readonly layers: ReadonlyMap<Linear, PreviousLayer>;
}

/**
 * Pairs the operators of the new float graph (simplified) with those of the old quantized one, in order. Names may
 * differ; kinds and shapes may not: parameters of another architecture need other code on the device.
 */
export function matchPrevious(graph: Graph, old: Graph, name = "the previous model"): Previous {
  if (!isQuantized(old)) throw notShipped(name, "a float model");
  const inside = old.operators.filter(({ kind }) => kind !== "quantize" && kind !== "dequantize");
  const names = (operators: readonly Operator[]): string => operators.map(({ kind }) => kind).join(", ");
  if (names(graph.operators) !== names(inside)) {
    throw mismatch(name, `the operators ${names(inside)}`, names(graph.operators));
  }
  const activations = new Map<string, Quantization>();
  const layers = new Map<Linear, PreviousLayer>();
  const pair = (tensor: string, oldName: string): void => {
    const { quantization, dtype } = old.tensors.get(oldName)!;
    if (quantization === undefined) return;
    if (dtype !== "int8") throw mismatch(name, `${dtype} activations`, "an update of int8 ones");
    activations.set(tensor, quantization);
  };
  for (const [i, operator] of graph.operators.entries()) {
    const other = inside[i]!;
    operator.inputs.forEach((tensor, position) => {
      if (graph.tensors.get(tensor)?.data === undefined && tensor !== "")
        pair(tensor, other.inputs[position]!);
    });
    operator.outputs.forEach((tensor, position) => {
      pair(tensor, other.outputs[position]!);
    });
    if (isLinear(operator) && isLinear(other))
      layers.set(operator, previousLayer(graph, operator, old, other, name));
  }
  return { activations, layers };
}

/** Refuses an old model from which no patch of parameters leads to the new float one. */
export function requireSameArchitecture(next: Graph, old: Graph, name: string): void {
  matchPrevious(simplify(next), old, name);
}

function previousLayer(graph: Graph, layer: Linear, old: Graph, other: Linear, name: string): PreviousLayer {
  const weights = old.tensors.get(other.inputs[1]!)!;
  const wanted = graph.tensors.get(layer.inputs[1]!)!.shape;
  const { data, quantization } = weights;
  if (!(data instanceof Int8Array) || quantization === undefined) {
    throw notShipped(name, `${weights.dtype} weights of "${other.name}"`);
  }
  if (weights.shape.join() !== wanted.join()) {
    const [was, is] = [weights.shape, wanted].map((shape) => `[${shape.join(", ")}]`);
    throw mismatch(name, `weights ${was} of "${other.name}"`, is!);
  }
  const channels = layer.kind === "depthwiseConv2d" ? wanted[3]! : wanted[0]!;
  const scale =
    quantization.scale.length === 1
      ? new Float32Array(channels).fill(quantization.scale[0]!)
      : quantization.scale;
  const bias = other.inputs[2] ? old.tensors.get(other.inputs[2])?.data : undefined;
  return { codes: data, scale, bias: bias === undefined ? null : Float64Array.from(bias, Number) };
}

/** Codes in real numbers, in the tensor's own layout: channels last for depthwise weights, first for all others. */
export function realWeights(layer: Linear, { codes, scale }: PreviousLayer): Float32Array {
  const perChannel = codes.length / scale.length;
  const channelOf =
    layer.kind === "depthwiseConv2d"
      ? (i: number) => i % scale.length
      : (i: number) => Math.floor(i / perChannel);
  return Float32Array.from(codes, (code, i) => code * scale[channelOf(i)]!);
}

function notShipped(name: string, got: string): GraphError {
  return new GraphError({
    expected: `int8 weights in ${name}, which devices hold`,
    got,
    todo: "Name the quantized model that was shipped, not the float one it was made from.",
  });
}

function mismatch(name: string, expected: string, got: string): GraphError {
  return new GraphError({
    expected: `${expected}, as in ${name}`,
    got,
    todo: "An update of parameters keeps the architecture; leave --previous out and ship the new model whole.",
  });
}
