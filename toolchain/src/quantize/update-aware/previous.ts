import { GraphError } from "../../errors.js";
import type { Graph, Operator, Quantization } from "../../graph/graph.js";
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
export function matchPrevious(graph: Graph, old: Graph): Previous {
  const inside = old.operators.filter(({ kind }) => kind !== "quantize" && kind !== "dequantize");
  const names = (operators: readonly Operator[]): string => operators.map(({ kind }) => kind).join(", ");
  if (names(graph.operators) !== names(inside)) {
    throw mismatch(`the operators ${names(inside)}`, names(graph.operators));
  }
  const activations = new Map<string, Quantization>();
  const layers = new Map<Linear, PreviousLayer>();
  const pair = (name: string, oldName: string): void => {
    const quantization = old.tensors.get(oldName)?.quantization;
    if (quantization !== undefined) activations.set(name, quantization);
  };
  for (const [i, operator] of graph.operators.entries()) {
    const other = inside[i]!;
    operator.inputs.forEach((name, position) => {
      if (graph.tensors.get(name)?.data === undefined && name !== "") pair(name, other.inputs[position]!);
    });
    operator.outputs.forEach((name, position) => {
      pair(name, other.outputs[position]!);
    });
    if (isLinear(operator) && isLinear(other))
      layers.set(operator, previousLayer(graph, operator, old, other));
  }
  return { activations, layers };
}

function previousLayer(graph: Graph, layer: Linear, old: Graph, other: Linear): PreviousLayer {
  const weights = old.tensors.get(other.inputs[1]!)!;
  const wanted = graph.tensors.get(layer.inputs[1]!)!.shape;
  const { data, quantization } = weights;
  if (!(data instanceof Int8Array) || quantization === undefined || weights.shape.join() !== wanted.join()) {
    throw mismatch(
      `int8 weights [${weights.shape.join(", ")}] of "${other.name}"`,
      `[${wanted.join(", ")}], old dtype ${weights.dtype}`,
    );
  }
  const channels = layer.kind === "depthwiseConv2d" ? wanted[3]! : wanted[0]!;
  const scale =
    quantization.scale.length === 1
      ? new Float32Array(channels).fill(quantization.scale[0]!)
      : quantization.scale;
  const bias = other.inputs[2] ? old.tensors.get(other.inputs[2])?.data : undefined;
  return { codes: data, scale, bias: bias === undefined ? null : Float64Array.from(bias, Number) };
}

function mismatch(expected: string, got: string): GraphError {
  return new GraphError({
    expected: `${expected}, as in the previous model`,
    got,
    todo: "An update of parameters keeps the architecture; leave --previous out and ship the new model whole.",
  });
}
