import type { Graph } from "../graph/graph.js";

/** Drops operators and tensors that no output depends on. Inputs stay: they are the contract with the caller. */
export function removeDead(graph: Graph): Graph {
  const needed = new Set<string>(graph.outputs);
  const operators = graph.operators
    .toReversed()
    .filter((operator) => {
      if (!operator.outputs.some((name) => needed.has(name))) return false;
      for (const name of operator.inputs) needed.add(name);
      return true;
    })
    .toReversed();
  for (const name of [...graph.inputs, ...operators.flatMap((operator) => operator.outputs)])
    needed.add(name);
  const tensors = new Map([...graph.tensors].filter(([name]) => needed.has(name)));
  return { ...graph, operators, tensors };
}
