import type { Graph } from "../../graph/graph.js";

/** The outputs, or what goes into a final softmax. */
export function logitsOf(graph: Graph): string {
  const output = graph.outputs[0]!;
  const last = graph.operators.find(({ outputs }) => outputs.includes(output));
  return last?.kind === "softmax" ? last.inputs[0]! : output;
}
