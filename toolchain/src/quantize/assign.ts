import { UnsupportedError } from "../errors.js";
import { quantizeValues } from "../execute/integer/convert.js";
import type { Graph, Operator, Quantization, Tensor } from "../graph/graph.js";
import { freshName } from "../transform/edges.js";
import type { Groups } from "./groups.js";
import { channelAxis, isWeighted, type Weighted, weightedLayers } from "./linear.js";
import { type ActivationDType, quantizationOf, type Range, union } from "./range.js";
import { isRecurrent, withRecurrentParameters } from "./recurrent.js";
import { biasCodes } from "./weights.js";

/** How each activation is held; null where it stays float. */
export type DTypeOf = (name: string) => ActivationDType | null;

/** Scale and zero point of every activation: fixed by the specification, else from the range of its whole group. */
export function assignActivations(
  graph: Graph,
  groups: Groups,
  rangeOf: (name: string) => Range | undefined,
  dtypeOf: DTypeOf,
): Map<string, Quantization> {
  const names = activationNames(graph).filter((name) => dtypeOf(name) !== null);
  const merged = new Map<string, Range>();
  for (const name of names) {
    const range = rangeOf(name);
    const root = groups.representative(name);
    if (range !== undefined) merged.set(root, union(merged.get(root), range));
  }
  const assigned = new Map<string, Quantization>();
  for (const name of names) {
    const range = merged.get(groups.representative(name));
    const fixed = groups.fixed(name);
    if (fixed !== null) assigned.set(name, fixed);
    else if (range !== undefined) assigned.set(name, quantizationOf(range, dtypeOf(name)!));
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

/**
 * The quantized graph: int8 (or int16) activations, int8 weights, int32 (or int64) biases. Activations that are not
 * named, and what computes them, stay float.
 */
export function buildQuantized(
  graph: Graph,
  activations: ReadonlyMap<string, Quantization>,
  layers: ReadonlyMap<Weighted, LayerCodes>,
  dtype: ActivationDType | DTypeOf,
): Graph {
  const dtypeOf: DTypeOf = typeof dtype === "string" ? () => dtype : dtype;
  const tensors = new Map(graph.tensors);
  for (const [name, quantization] of activations) {
    tensors.set(name, { ...tensors.get(name)!, dtype: dtypeOf(name)!, quantization });
  }
  const operators = graph.operators.map((operator) => {
    const layer = layers.get(operator as Weighted);
    if (isRecurrent(operator) && operator.outputs.some((name) => activations.has(name))) {
      return withRecurrentParameters(operator, graph, activations, tensors, dtypeOf(operator.outputs[0]!)!);
    }
    return layer === undefined
      ? withOperands(operator, activations, tensors, dtypeOf)
      : withParameters(operator as Weighted, layer, activations, tensors, dtypeOf(operator.inputs[0]!)!);
  });
  const used = new Set([
    ...graph.inputs,
    ...operators.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]),
  ]);
  return { ...graph, operators, tensors: new Map([...tensors].filter(([name]) => used.has(name))) };
}

function withParameters(
  layer: Weighted,
  { codes, scale, bias }: LayerCodes,
  activations: ReadonlyMap<string, Quantization>,
  tensors: Map<string, Tensor>,
  dtype: ActivationDType,
): Weighted {
  const weights = tensors.get(layer.inputs[1]!)!;
  const zeroPoint = new Int32Array(scale.length);
  const coded = place(tensors, {
    ...weights,
    dtype: "int8",
    data: codes,
    quantization: { scale, zeroPoint, axis: channelAxis(layer) },
  });
  if (bias === null) return { ...layer, inputs: [layer.inputs[0]!, coded] };
  const inputScale = activations.get(layer.inputs[0]!)!.scale[0]!;
  const biases = biasCodes(bias, inputScale, scale);
  const biasName = place(tensors, {
    name: layer.inputs[2] || `${weights.name}/bias`,
    shape: [scale.length],
    dtype: dtype === "int16" ? "int64" : "int32",
    data: dtype === "int16" ? BigInt64Array.from(biases, BigInt) : biases,
    quantization: { scale: Float32Array.from(scale, (s) => inputScale * s), zeroPoint, axis: 0 },
  });
  return { ...layer, inputs: [layer.inputs[0]!, coded, biasName] };
}

/** Codes take the name of the float constant; where layers share one, each after the first gets its own. */
function place(tensors: Map<string, Tensor>, coded: Tensor): string {
  const isTaken = tensors.get(coded.name)?.quantization !== undefined;
  const name = isTaken ? freshName(tensors, `${coded.name}/${coded.dtype}`) : coded.name;
  tensors.set(name, { ...coded, name });
  return name;
}

/**
 * Constants that are operands of arithmetic, not weights: one scale each, in the dtype of the result. A constant that
 * operators of two dtypes share becomes two.
 */
function withOperands(
  operator: Operator,
  activations: ReadonlyMap<string, Quantization>,
  tensors: Map<string, Tensor>,
  dtypeOf: DTypeOf,
): Operator {
  const isFloat = !operator.outputs.some((name) => activations.has(name));
  const inputs = operator.inputs.map((name) => {
    const tensor = tensors.get(name);
    if (isFloat || !(tensor?.data instanceof Float32Array)) return name;
    const dtype = dtypeOf(operator.outputs[0]!)!;
    const coded = `${name}/${dtype}`;
    if (!tensors.has(coded)) tensors.set(coded, { ...quantizeOperand(tensor, dtype), name: coded });
    return coded;
  });
  return { ...operator, inputs };
}

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
export function requireQuantizable(
  graph: Graph,
  dtypeOf: DTypeOf,
  isSupported: (operator: Operator, dtype: ActivationDType) => boolean,
): void {
  const weighted = new Set<string>(weightedLayers(graph).map((layer) => layer.name));
  const bad = graph.operators.flatMap((operator) => {
    const dtype = dtypeOf(operator.outputs[0]!);
    if (dtype === null || isConversion(operator.kind)) return [];
    if (isSupported(operator, dtype) && (!isWeighted(operator) || weighted.has(operator.name))) return [];
    return [`${operator.kind} "${operator.name}" (${dtype})`];
  });
  if (bad.length === 0) return;
  throw new UnsupportedError({
    expected: "operators that have an integer form",
    got: bad.join(", "),
    todo: "Keep them in floating point (mote quantize --keep NAME=float), replace them before training, or run the float model.",
  });
}

function isConversion(kind: string): boolean {
  return kind === "quantize" || kind === "dequantize" || kind === "requantize";
}
