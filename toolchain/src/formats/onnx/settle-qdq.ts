import type { Activation, Graph, Operator, OperatorKind, Tensor } from "../../graph/graph.js";
import { removeUnused, renameTensors } from "../../graph/rewrite.js";

/** Operators that only move codes: what they give has the quantization of what they take. */
const MOVES: ReadonlySet<OperatorKind> = new Set(["reshape", "transpose", "slice", "expand", "tile"]);

/**
 * Turns quantize/dequantize pairs around float operators into integer operators: where every activation that an operator
 * reads comes out of a dequantize and its result goes into one quantize (through a ReLU perhaps), the operator itself
 * works on codes. What does not follow that pattern stays float, its weights too. Inputs and outputs keep their names.
 */
export function settleQdq(graph: Graph): Graph {
  if (!graph.operators.some(({ kind }) => kind === "dequantize")) return weightsToFloat(graph);
  const settled = removeUnused(requantize(fuse(sinkDequantize(graph))));
  return weightsToFloat(removeUnused(settleEdges(settled)));
}

/** A dequantize before an operator that only moves values goes behind it, until it meets one that computes. */
function sinkDequantize(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  const codesOf = new Map<string, string>();
  const only = soleReaders(graph);
  const operators: Operator[] = [];
  for (const operator of graph.operators) {
    const [x] = operator.inputs;
    const [out] = operator.outputs;
    const codes = codesOf.get(x ?? "");
    if (operator.kind === "dequantize") codesOf.set(out!, x!);
    const next = only(out!);
    const isPair =
      next?.kind === "quantize" && sameQuantization(tensors.get(codes ?? ""), tensors.get(next.outputs[0]!));
    // A pair with one quantization is fused as it stands.
    if (!MOVES.has(operator.kind) || codes === undefined || isPair) {
      operators.push(operator);
      continue;
    }
    const moved = `${out}/q`;
    const { dtype, quantization } = tensors.get(codes)!;
    tensors.set(moved, { ...tensors.get(out!)!, name: moved, dtype, ...(quantization && { quantization }) });
    operators.push({ ...operator, inputs: [codes], outputs: [moved] });
    operators.push({
      kind: "dequantize",
      name: `${operator.name}/dq`,
      inputs: [moved],
      outputs: [out!],
      attributes: {},
    });
    codesOf.set(out!, moved);
  }
  return { ...graph, tensors, operators };
}

function fuse(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  const producer = new Map(
    graph.operators.flatMap((operator) => operator.outputs.map((name) => [name, operator] as const)),
  );
  const only = soleReaders(graph);
  const codesOf = (name: string): string | undefined => {
    const maker = producer.get(name);
    return maker?.kind === "dequantize" ? maker.inputs[0] : undefined;
  };
  const gone = new Set<Operator>();
  const replaced = new Map<Operator, Operator>();
  for (const operator of graph.operators) {
    if (operator.kind === "quantize" || operator.kind === "dequantize") continue;
    const inputs = operator.inputs.map((name) =>
      name === "" || tensors.get(name)?.data !== undefined ? name : codesOf(name),
    );
    if (!inputs.every((name) => name !== undefined)) continue;
    const { last, activation } = fusedActivation(operator, only);
    const quantizer = only(last.outputs[0]!);
    if (operator.outputs.length !== 1 || quantizer?.kind !== "quantize") continue;
    if (!constantsAreCodes(operator, inputs, tensors)) continue;
    const attributes = activation === "none" ? operator.attributes : { ...operator.attributes, activation };
    replaced.set(operator, { ...operator, inputs, outputs: quantizer.outputs, attributes } as Operator);
    if (last !== operator) gone.add(last);
    gone.add(quantizer);
  }
  const operators = graph.operators
    .filter((operator) => !gone.has(operator))
    .map((operator) => replaced.get(operator) ?? operator);
  return { ...graph, tensors, operators };
}

/** Codes that become numbers and at once other codes. */
function requantize(graph: Graph): Graph {
  const codesOf = new Map(
    graph.operators.flatMap(({ kind, inputs, outputs }) =>
      kind === "dequantize" ? [[outputs[0]!, inputs[0]!] as const] : [],
    ),
  );
  const operators = graph.operators.map((operator): Operator => {
    const codes = codesOf.get(operator.inputs[0] ?? "");
    if (operator.kind !== "quantize" || codes === undefined) return operator;
    return { ...operator, kind: "requantize", inputs: [codes], attributes: {} };
  });
  return { ...graph, operators };
}

function sameQuantization(a: Tensor | undefined, b: Tensor | undefined): boolean {
  const [p, q] = [a?.quantization, b?.quantization];
  if (p === undefined || q === undefined || a?.dtype !== b?.dtype) return false;
  return p.scale[0] === q.scale[0] && p.zeroPoint[0] === q.zeroPoint[0];
}

/** The one operator that reads a value; undefined where there are several or the graph gives it out. */
function soleReaders(graph: Graph): (name: string) => Operator | undefined {
  const readers = new Map<string, Operator[]>();
  for (const operator of graph.operators) {
    for (const name of operator.inputs) readers.set(name, [...(readers.get(name) ?? []), operator]);
  }
  return (name) => {
    const all = readers.get(name) ?? [];
    return all.length === 1 && !graph.outputs.includes(name) ? all[0] : undefined;
  };
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

/**
 * Whether all constants of an operator are codes. A float bias, which some tools leave, becomes codes of scale
 * s_input * s_weights here; beside int16 activations a bias has 64 bits, for which ONNX has no codes.
 */
function constantsAreCodes(
  operator: Operator,
  inputs: readonly string[],
  tensors: Map<string, Tensor>,
): boolean {
  return inputs.every((name, i) => {
    const tensor = tensors.get(name);
    const isBias = i === 2 && (WITH_BIAS as ReadonlySet<string>).has(operator.kind);
    const isWide = isBias && tensors.get(inputs[0]!)?.dtype === "int16";
    if (tensor?.data === undefined) return true;
    if (isWide && tensor.data instanceof Int32Array) {
      tensors.set(name, { ...tensor, dtype: "int64", data: BigInt64Array.from(tensor.data, BigInt) });
      return true;
    }
    if (tensor.dtype !== "float32") return true;
    const scaleX = tensors.get(inputs[0]!)?.quantization?.scale[0];
    const scaleW = tensors.get(inputs[1]!)?.quantization?.scale;
    if (!isBias || scaleX === undefined || scaleW === undefined) return false;
    const scale = Float32Array.from(scaleW, (s) => Math.fround(scaleX * s));
    const values = tensor.data as Float32Array;
    const data = Int32Array.from(values, (value, k) =>
      Math.round(value / scale[scale.length === 1 ? 0 : k]!),
    );
    const zeroPoint = new Int32Array(scale.length);
    const quantization = { scale, zeroPoint, axis: scale.length === 1 ? null : 0 };
    tensors.set(
      name,
      isWide
        ? { ...tensor, dtype: "int64", data: BigInt64Array.from(data, BigInt), quantization }
        : { ...tensor, dtype: "int32", data, quantization },
    );
    return true;
  });
}

const WITH_BIAS: ReadonlySet<OperatorKind> = new Set([
  "conv2d",
  "depthwiseConv2d",
  "transposeConv2d",
  "fullyConnected",
]);

/** The graph's inputs and outputs become codes under the names that the file gives them. */
function settleEdges(graph: Graph): Graph {
  const names = new Map<string, string>();
  const dropped = new Set<Operator>();
  for (const name of graph.inputs) {
    const readers = graph.operators.filter(({ inputs }) => inputs.includes(name));
    const [first] = readers;
    if (readers.length !== 1 || first?.kind !== "quantize") continue;
    dropped.add(first);
    names.set(name, `${name}/real`);
    names.set(first.outputs[0]!, name);
  }
  const outputs = graph.outputs.map((name) => {
    const maker = graph.operators.find((operator) => operator.outputs.includes(name));
    const codes = maker?.inputs[0] ?? "";
    if (maker?.kind !== "dequantize" || names.has(codes) || graph.inputs.includes(codes)) return name;
    const readers = graph.operators.filter(({ inputs }) => inputs.includes(name));
    if (readers.length === 0) dropped.add(maker);
    names.set(name, `${name}/real`);
    names.set(codes, name);
    return codes;
  });
  const inputs = graph.inputs.map((name) => [...names].find(([, to]) => to === name)?.[0] ?? name);
  plainNames(graph, names);
  const operators = graph.operators.filter((operator) => !dropped.has(operator));
  const renamed = renameTensors({ ...graph, operators, inputs, outputs }, names);
  return graph.fileOrder === undefined ? renamed : { ...renamed, fileOrder: graph.fileOrder };
}

/** Codes carry the name of the value with a suffix that tools add; without it where that is free. */
function plainNames(graph: Graph, names: Map<string, string>): void {
  const taken = new Set([...graph.tensors.keys()].map((name) => names.get(name) ?? name));
  for (const name of graph.tensors.keys()) {
    const plain = name.replace(/(\/d?q|_(Dequantize|Quantize)Linear_Output|_quantized)$/, "");
    if (names.has(name) || taken.has(plain)) continue;
    names.set(name, plain);
    taken.add(plain);
  }
}

/** Weights that are stored as codes and multiply float activations: the float operator takes real numbers. */
function weightsToFloat(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  for (const operator of graph.operators) {
    const isInteger = operator.outputs.some((name) => tensors.get(name)?.quantization !== undefined);
    if (isInteger || operator.kind === "dequantize") continue;
    for (const name of operator.inputs) {
      const tensor = tensors.get(name);
      if (tensor?.data === undefined || tensor.quantization === undefined) continue;
      tensors.set(name, dequantized(tensor));
    }
  }
  return { ...graph, tensors };
}

function dequantized({ name, shape, data, quantization }: Tensor): Tensor {
  const { scale, zeroPoint, axis } = quantization!;
  const inner = axis === null ? 1 : shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const values = Float32Array.from(data as ArrayLike<number>, (code, i) => {
    const channel = axis === null ? 0 : Math.floor(i / inner) % scale.length;
    return scale[channel]! * (code - zeroPoint[channel]!);
  });
  return { name, shape, dtype: "float32", data: values };
}
