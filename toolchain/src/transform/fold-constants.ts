import { prepareInteger } from "../execute/integer/run.js";
import type { Graph, Operator, OperatorKind } from "../graph/graph.js";
import { removeDead } from "./remove-dead.js";

/** Operators that only move elements: their kernels take real numbers as well as codes. */
const MOVES: ReadonlySet<OperatorKind> = new Set<OperatorKind>([
  "reshape",
  "transpose",
  "slice",
  "split",
  "pad",
  "concat",
  "expand",
  "tile",
]);

/** Replaces moves of constants by the constants that they give. */
export function foldConstants(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  const isConstant = (name: string): boolean => {
    const data = tensors.get(name)?.data;
    return data !== undefined && !(data instanceof BigInt64Array);
  };
  const operators: Operator[] = [];
  for (const operator of graph.operators) {
    if (!MOVES.has(operator.kind) || !operator.inputs.every(isConstant)) {
      operators.push(operator);
      continue;
    }
    const alone: Graph = { ...graph, tensors, operators: [operator], inputs: [], outputs: operator.outputs };
    for (const [name, data] of prepareInteger(alone).run(new Map())) {
      tensors.set(name, { ...tensors.get(name)!, data });
    }
  }
  return removeDead({ ...graph, tensors, operators });
}
