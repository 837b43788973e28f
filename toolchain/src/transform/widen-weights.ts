import type { Graph, Operator, Tensor } from "../graph/graph.js";

const BORDERS: ReadonlySet<string> = new Set(["quantize", "dequantize", "requantize"]);

/**
 * Makes real numbers of constants that are held as codes although the operator that reads them computes in float: the
 * weights of models quantized for their size alone ("dynamic range"). Whoever changes weights must see what they mean.
 */
export function widenWeights(graph: Graph): Graph {
  const coded = (name: string): Tensor | undefined => {
    const tensor = graph.tensors.get(name);
    return tensor?.data !== undefined && tensor.quantization !== undefined ? tensor : undefined;
  };
  const isFloat = ({ kind, outputs }: Operator): boolean =>
    !BORDERS.has(kind) && outputs.every((name) => graph.tensors.get(name)?.quantization === undefined);
  const widened = new Map<string, Tensor>();
  const elsewhere = new Set(
    graph.operators.filter((operator) => !isFloat(operator)).flatMap(({ inputs }) => inputs),
  );
  const operators = graph.operators.map((operator): Operator => {
    if (!isFloat(operator) || !operator.inputs.some((name) => coded(name))) return operator;
    const inputs = operator.inputs.map((name) => {
      const tensor = coded(name);
      if (tensor === undefined) return name;
      const own = elsewhere.has(name) ? `${name}/real` : name;
      if (!widened.has(own))
        widened.set(own, { name: own, shape: tensor.shape, dtype: "float32", data: reals(tensor) });
      return own;
    });
    return { ...operator, inputs };
  });
  return widened.size === 0
    ? graph
    : { ...graph, operators, tensors: new Map([...graph.tensors, ...widened]) };
}

function reals({ data, quantization, shape }: Tensor): Float32Array {
  const { scale, zeroPoint, axis } = quantization!;
  const inner = axis === null ? 1 : shape.slice(axis + 1).reduce((product, length) => product * length, 1);
  const channels = axis === null ? 1 : shape[axis]!;
  return Float32Array.from({ length: data!.length }, (_, i) => {
    const channel = Math.floor(i / inner) % channels;
    return scale[channel]! * (Number(data![i]) - zeroPoint[channel]!);
  });
}
