import type { Activation, Graph, Operator, Quantization, Tensor } from "../../graph/graph.js";

/**
 * Turns quantize/dequantize pairs around float operators into integer operators: where every activation that an operator
 * reads comes out of a dequantize and its result goes into one quantize (through a ReLU perhaps), the operator itself
 * works on codes. What does not follow that pattern stays as it was. The suffix that a pair's name carried is dropped.
 */
export function settleQdq(graph: Graph): Graph {
  if (!graph.operators.some((operator) => operator.kind === "dequantize")) return graph;
  const producer = new Map(
    graph.operators.flatMap((operator) => operator.outputs.map((name) => [name, operator] as const)),
  );
  const readers = new Map<string, Operator[]>();
  for (const operator of graph.operators) {
    for (const name of operator.inputs) readers.set(name, [...(readers.get(name) ?? []), operator]);
  }
  const only = (name: string): Operator | undefined => {
    const all = readers.get(name) ?? [];
    return all.length === 1 && !graph.outputs.includes(name) ? all[0] : undefined;
  };
  /** The codes behind a value, when it comes out of a dequantize. */
  const codesOf = (name: string): string | undefined => {
    const maker = producer.get(name);
    return maker?.kind === "dequantize" ? maker.inputs[0] : undefined;
  };

  const gone = new Set<Operator>();
  const replaced = new Map<Operator, Operator>();
  for (const operator of graph.operators) {
    if (operator.kind === "quantize" || operator.kind === "dequantize") continue;
    const inputs = operator.inputs.map((name) =>
      name === "" || graph.tensors.get(name)?.data !== undefined ? name : codesOf(name),
    );
    if (inputs.some((name) => name === undefined)) continue;
    const { last, activation } = fusedActivation(operator, only);
    const quantizer = only(last.outputs[0]!);
    if (operator.outputs.length !== 1 || quantizer?.kind !== "quantize") continue;
    const attributes = activation === "none" ? operator.attributes : { ...operator.attributes, activation };
    replaced.set(operator, { ...operator, inputs, outputs: quantizer.outputs, attributes } as Operator);
    if (last !== operator) gone.add(last);
    gone.add(quantizer);
  }
  return rename(
    dropEdges(
      graph,
      graph.operators
        .filter((operator) => !gone.has(operator))
        .map((operator) => replaced.get(operator) ?? operator),
    ),
  );
}

function fusedActivation(
  operator: Operator,
  only: (name: string) => Operator | undefined,
): { last: Operator; activation: Activation } {
  const none = { last: operator, activation: "none" } as const;
  if (!("activation" in operator.attributes) || operator.attributes.activation !== "none") return none;
  const next = only(operator.outputs[0]!);
  if (next?.kind === "relu") return { last: next, activation: "relu" };
  if (next?.kind === "relu6") return { last: next, activation: "relu6" };
  if (next?.kind === "clip" && next.attributes.min === -1 && next.attributes.max === 1)
    return { last: next, activation: "relu-1-1" };
  return none;
}

/** The graph's inputs and outputs become codes; pairs that nobody reads any more go. */
function dropEdges(graph: Graph, operators: readonly Operator[]): Graph {
  let left = [...operators];
  const inputs = graph.inputs.map((name) => {
    const all = left.filter((operator) => operator.inputs.includes(name));
    const [first] = all;
    if (all.length !== 1 || first?.kind !== "quantize") return name;
    left = left.filter((operator) => operator !== first);
    return first.outputs[0]!;
  });
  const outputs = graph.outputs.map((name) => {
    const maker = left.find((operator) => operator.outputs.includes(name));
    return maker?.kind === "dequantize" ? maker.inputs[0]! : name;
  });
  for (;;) {
    const read = new Set([...left.flatMap((operator) => operator.inputs), ...outputs]);
    const kept = left.filter((operator) => operator.outputs.some((name) => read.has(name)));
    if (kept.length === left.length) break;
    left = kept;
  }
  return { ...graph, operators: left, inputs, outputs };
}

/** Keeps only tensors in use, and gives "x/q" its plain name "x" back. */
function rename(graph: Graph): Graph {
  const used = new Set([
    ...graph.inputs,
    ...graph.outputs,
    ...graph.operators.flatMap((operator) => [...operator.inputs, ...operator.outputs]),
  ]);
  used.delete("");
  const names = new Map<string, string>();
  const taken = new Set([...used].filter((name) => !name.endsWith("/q")));
  for (const name of used) {
    const plain = name.replace(/\/q$/, "");
    const isFree = plain === name || !taken.has(plain);
    names.set(name, isFree ? plain : name);
    taken.add(isFree ? plain : name);
  }
  const as = (name: string): string => names.get(name) ?? name;
  const tensors = new Map<string, Tensor>();
  for (const name of used) {
    const tensor = graph.tensors.get(name)!;
    tensors.set(as(name), biasScale({ ...tensor, name: as(name) }));
  }
  const operators = graph.operators.map(
    (operator) =>
      ({ ...operator, inputs: operator.inputs.map(as), outputs: operator.outputs.map(as) }) as Operator,
  );
  return { ...graph, tensors, operators, inputs: graph.inputs.map(as), outputs: graph.outputs.map(as) };
}

/** A bias of one axis is quantized along that axis, whatever the file's default said. */
function biasScale(tensor: Tensor): Tensor {
  const { quantization } = tensor;
  if (quantization === undefined || quantization.axis === null || tensor.shape.length > quantization.axis)
    return tensor;
  const along: Quantization = { ...quantization, axis: tensor.shape.length - 1 };
  return { ...tensor, quantization: along };
}
