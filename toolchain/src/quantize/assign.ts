import { UnsupportedError } from "../errors.js";
import { quantizeValues } from "../execute/integer/convert.js";
import type { Graph, Operator, Quantization, Tensor } from "../graph/graph.js";
import type { Groups } from "./groups.js";
import type { Linear } from "./linear.js";
import { channelAxis, linearLayers } from "./linear.js";
import { type ActivationDType, quantizationOf, type Range, union } from "./range.js";
import { biasCodes } from "./weights.js";

/** Scale and zero point of every activation: fixed by the specification, else from the range of its whole group. */
export function assignActivations(
  graph: Graph,
  groups: Groups,
  ranges: ReadonlyMap<string, Range>,
  dtype: ActivationDType,
): Map<string, Quantization> {
  const merged = new Map<string, Range>();
  for (const [name, range] of ranges) {
    const root = groups.representative(name);
    merged.set(root, union(merged.get(root), range));
  }
  const assigned = new Map<string, Quantization>();
  for (const name of activationNames(graph)) {
    const range = merged.get(groups.representative(name));
    const fixed = groups.fixed(name);
    if (fixed !== null) assigned.set(name, fixed);
    else if (range !== undefined) assigned.set(name, quantizationOf(range, dtype));
  }
  return assigned;
}

export function activationNames(graph: Graph): string[] {
  return [...graph.inputs, ...graph.operators.flatMap((operator) => operator.outputs)].filter(
    (name) => graph.tensors.get(name)?.dtype === "float32" && graph.tensors.get(name)?.data === undefined,
  );
}

/** What the quantizer decided for one layer's parameters. */
export interface LayerCodes {
  readonly codes: Int8Array;
  readonly scale: Float32Array;
  /** Real bias after correction; null where the layer has none and needs none. */
  readonly bias: Float64Array | null;
}

/** The quantized graph: int8 (or int16) activations, int8 weights, int32 (or int64) biases. */
export function buildQuantized(
  graph: Graph,
  activations: ReadonlyMap<string, Quantization>,
  layers: ReadonlyMap<Linear, LayerCodes>,
  dtype: ActivationDType,
): Graph {
  const tensors = new Map(graph.tensors);
  for (const [name, quantization] of activations) {
    tensors.set(name, { ...tensors.get(name)!, dtype, quantization });
  }
  const operators = graph.operators.map((operator) => {
    const layer = layers.get(operator as Linear);
    return layer === undefined
      ? operator
      : withParameters(operator as Linear, layer, activations, tensors, dtype);
  });
  const parameters = new Set(operators.flatMap((operator) => [...operator.inputs]));
  for (const name of parameters) {
    const tensor = tensors.get(name);
    if (tensor?.data instanceof Float32Array) tensors.set(name, quantizeOperand(tensor, dtype));
  }
  const used = new Set([
    ...graph.inputs,
    ...operators.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]),
  ]);
  return { ...graph, operators, tensors: new Map([...tensors].filter(([name]) => used.has(name))) };
}

function withParameters(
  layer: Linear,
  { codes, scale, bias }: LayerCodes,
  activations: ReadonlyMap<string, Quantization>,
  tensors: Map<string, Tensor>,
  dtype: ActivationDType,
): Linear {
  const weights = tensors.get(layer.inputs[1]!)!;
  tensors.set(weights.name, {
    ...weights,
    dtype: "int8",
    data: codes,
    quantization: { scale, zeroPoint: new Int32Array(scale.length), axis: channelAxis(layer) },
  });
  if (bias === null) return layer;
  const inputScale = activations.get(layer.inputs[0]!)!.scale[0]!;
  const biasName = layer.inputs[2] || `${weights.name}/bias`;
  const biasScale = Float32Array.from(scale, (s) => inputScale * s);
  const data = biasCodes(bias, inputScale, scale);
  tensors.set(biasName, {
    name: biasName,
    shape: [scale.length],
    dtype: dtype === "int16" ? "int64" : "int32",
    data: dtype === "int16" ? BigInt64Array.from(data, BigInt) : data,
    quantization: { scale: biasScale, zeroPoint: new Int32Array(scale.length), axis: 0 },
  });
  return { ...layer, inputs: [layer.inputs[0]!, weights.name, biasName] };
}

/** Constants that are operands of arithmetic, not weights: one scale each, like the activations they meet. */
function quantizeOperand(tensor: Tensor, dtype: ActivationDType): Tensor {
  const values = tensor.data as Float32Array;
  let [min, max] = [0, 0];
  for (const value of values) [min, max] = [Math.min(min, value), Math.max(max, value)];
  const quantization = quantizationOf({ min, max }, dtype);
  const codes = dtype === "int16" ? new Int16Array(values.length) : new Int8Array(values.length);
  const limit = dtype === "int16" ? 32767 : 127;
  const affine = { scale: quantization.scale[0]!, zeroPoint: quantization.zeroPoint[0]! };
  quantizeValues(values, codes, affine, { min: dtype === "int16" ? -limit : -128, max: limit });
  return { ...tensor, dtype, data: codes, quantization };
}

/** Names what has no integer form before any time is spent on calibration. */
export function requireQuantizable(graph: Graph, isSupported: (operator: Operator) => boolean): void {
  const linear = new Set<string>(linearLayers(graph).map((layer) => layer.name));
  const bad = graph.operators.filter(
    (operator) => !isSupported(operator) || (isWeighted(operator.kind) && !linear.has(operator.name)),
  );
  if (bad.length === 0) return;
  throw new UnsupportedError({
    expected: "operators that have an integer form",
    got: bad.map((operator) => `${operator.kind} "${operator.name}"`).join(", "),
    todo: "Replace them before training, or run the model in floating point.",
  });
}

function isWeighted(kind: string): boolean {
  return kind === "conv2d" || kind === "depthwiseConv2d" || kind === "fullyConnected";
}
