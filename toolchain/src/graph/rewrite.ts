import type { Graph, Operator, Tensor } from "./graph.js";

/** Drops operators whose results nobody reads, and tensors that nothing names any more. */
export function removeUnused(graph: Graph): Graph {
  const read = new Set(graph.outputs);
  const kept: Operator[] = [];
  for (const operator of [...graph.operators].reverse()) {
    if (!operator.outputs.some((name) => read.has(name))) continue;
    for (const name of operator.inputs) read.add(name);
    kept.push(operator);
  }
  const operators = kept.reverse();
  const used = new Set([...graph.inputs, ...read, ...operators.flatMap(({ outputs }) => outputs)]);
  const tensors = new Map([...graph.tensors].filter(([name]) => used.has(name)));
  return { ...graph, operators, tensors };
}

/** Gives tensors new names everywhere. Two tensors must not end up under one name. */
export function renameTensors(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  const as = (name: string): string => names.get(name) ?? name;
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of graph.tensors) tensors.set(as(name), { ...tensor, name: as(name) });
  const operators = graph.operators.map(
    (operator): Operator => ({
      ...operator,
      inputs: operator.inputs.map(as),
      outputs: operator.outputs.map(as),
    }),
  );
  return { ...graph, tensors, operators, inputs: graph.inputs.map(as), outputs: graph.outputs.map(as) };
}
