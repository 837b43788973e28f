import type { Graph, Operator } from "./graph.js";

/**
 * Multiply-accumulates of one operator: those of convolutions and matrix products, as the field counts them; pooling
 * and element-wise work count nothing.
 */
export function macsOf(graph: Graph, operator: Operator): number {
  const elements = (name: string | undefined): number =>
    graph.tensors.get(name ?? "")?.shape.reduce((product, length) => product * length, 1) ?? 0;
  const weights = graph.tensors.get(operator.inputs[1] ?? "")?.shape ?? [];
  switch (operator.kind) {
    case "conv2d":
    case "depthwiseConv2d":
      // Per output element one kernel: [kh, kw, in/groups], or [kh, kw] where each channel stands alone.
      return (
        elements(operator.outputs[0]) *
        weights[1]! *
        weights[2]! *
        (operator.kind === "conv2d" ? weights[3]! : 1)
      );
    case "transposeConv2d":
      return elements(operator.inputs[0]) * weights[1]! * weights[2]! * weights[0]!;
    case "fullyConnected":
      return elements(operator.outputs[0]) * weights[1]!;
    case "matMul": {
      const depth = operator.attributes.transposeB ? weights.at(-1)! : weights.at(-2)!;
      return elements(operator.outputs[0]) * depth;
    }
    case "lstm":
    case "gru":
    case "rnn": {
      // Every step multiplies the input by w and the state by r, in each direction.
      const [steps, batch] = graph.tensors.get(operator.inputs[0] ?? "")?.shape ?? [0, 0];
      return steps! * batch! * (elements(operator.inputs[1]) + elements(operator.inputs[2]));
    }
    case "svdf": {
      const [batch] = graph.tensors.get(operator.inputs[0] ?? "")?.shape ?? [0];
      return batch! * (elements(operator.inputs[1]) + elements(operator.inputs[2]));
    }
    default:
      return 0;
  }
}

export function countMacs(graph: Graph): number {
  return graph.operators.reduce((sum, operator) => sum + macsOf(graph, operator), 0);
}

/** Values of all constants that operators read; a constant that two of them share counts once. */
export function countParameters(graph: Graph): number {
  const read = new Set(graph.operators.flatMap(({ inputs }) => inputs));
  let count = 0;
  for (const [name, { data }] of graph.tensors) if (read.has(name)) count += data?.length ?? 0;
  return count;
}

/** Parameters other than zero: what weight pruning leaves. */
export function countNonZero(graph: Graph): number {
  let count = 0;
  for (const { data } of graph.tensors.values())
    if (data instanceof Float32Array) for (const value of data) if (value !== 0) count++;
  return count;
}
