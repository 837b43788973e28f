import type { Graph, Operator } from "../graph/graph.js";
import { quantizationOf, tensorOf } from "./c/arithmetic.js";

/**
 * A dequantize whose only readers quantize again with the same scale and zero point gives the codes that it took:
 * quantized ONNX has such pairs around operators that only move data. They become reshapes, which cost nothing.
 */
export function withoutRoundTrips(graph: Graph): Graph {
  const writer = new Map(
    graph.operators.flatMap((operator) => operator.outputs.map((name) => [name, operator])),
  );
  const operators = graph.operators.map((operator): Operator => {
    if (operator.kind !== "quantize") return operator;
    const before = writer.get(operator.inputs[0]!);
    if (before?.kind !== "dequantize") return operator;
    const [from, to] = [tensorOf(graph, before.inputs[0]!), tensorOf(graph, operator.outputs[0]!)];
    if (from.dtype !== "int8" || to.dtype !== "int8") return operator;
    const [a, b] = [quantizationOf(from), quantizationOf(to)];
    if (a.scale[0] !== b.scale[0] || a.zeroPoint[0] !== b.zeroPoint[0]) return operator;
    return {
      kind: "reshape",
      name: operator.name,
      inputs: [from.name],
      outputs: operator.outputs,
      attributes: { shape: to.shape },
    };
  });
  const read = new Set([...graph.outputs, ...operators.flatMap(({ inputs }) => inputs)]);
  return {
    ...graph,
    operators: operators.filter(
      ({ kind, outputs }) => kind !== "dequantize" || outputs.some((name) => read.has(name)),
    ),
  };
}
