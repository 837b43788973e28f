import { DataError, GraphError, UnsupportedError } from "../../errors.js";
import type { DType, Graph, Operator, OperatorKind, Tensor, TensorData } from "../../graph/graph.js";
import { prepareAbs, prepareLeakyRelu, preparePrelu, prepareRelu } from "./activation.js";
import { prepareArgument } from "./argument.js";
import { prepareAdd, prepareMaximum, prepareMinimum, prepareMul, prepareSub } from "./arithmetic.js";
import { prepareDequantize, prepareQuantize, prepareRequantize } from "./convert.js";
import { prepareConv2d } from "./convolution.js";
import { prepareDepthwiseConv2d } from "./depthwise.js";
import { prepareDiv } from "./divide.js";
import type { Rounding } from "./fixed-point.js";
import { prepareFullyConnected } from "./fully-connected.js";
import { elementCount, type KernelContext, type KernelTable, type NumberData } from "./kernel.js";
import { prepareLayerNorm } from "./layer-norm.js";
import { prepareLogSoftmax } from "./log-softmax.js";
import { prepareMatMul } from "./mat-mul.js";
import {
  prepareConcat,
  prepareExpand,
  prepareGather,
  preparePad,
  prepareReshape,
  prepareResizeNearest,
  prepareSlice,
  prepareSplit,
  prepareTile,
  prepareTranspose,
} from "./move.js";
import { prepareAveragePool2d, prepareMaxPool2d } from "./pool.js";
import { preparePow } from "./power.js";
import { isTabulated, TABULATED } from "./real-functions.js";
import { prepareGru } from "./recurrent/gru.js";
import { prepareLstm } from "./recurrent/lstm.js";
import { prepareRnn } from "./recurrent/rnn.js";
import { prepareSvdf } from "./recurrent/svdf.js";
import { prepareMeanOrSum, prepareReduceExtremum } from "./reduce.js";
import { prepareResizeBilinear } from "./resize-bilinear.js";
import { prepareSoftmax } from "./softmax.js";
import { prepareSqrt } from "./square-root.js";
import { prepareTable } from "./table.js";
import { prepareTransposeConv2d } from "./transpose-convolution.js";

const KERNELS: KernelTable = {
  conv2d: prepareConv2d,
  depthwiseConv2d: prepareDepthwiseConv2d,
  transposeConv2d: prepareTransposeConv2d,
  matMul: prepareMatMul,
  fullyConnected: prepareFullyConnected,
  add: prepareAdd,
  sub: prepareSub,
  mul: prepareMul,
  div: prepareDiv,
  minimum: prepareMinimum,
  maximum: prepareMaximum,
  averagePool2d: prepareAveragePool2d,
  maxPool2d: prepareMaxPool2d,
  mean: prepareMeanOrSum,
  sum: prepareMeanOrSum,
  reduceMax: prepareReduceExtremum,
  reduceMin: prepareReduceExtremum,
  argMax: prepareArgument,
  argMin: prepareArgument,
  layerNorm: prepareLayerNorm,
  pow: preparePow,
  logSoftmax: prepareLogSoftmax,
  softmax: prepareSoftmax,
  relu: prepareRelu,
  relu6: prepareRelu,
  clip: prepareRelu,
  abs: prepareAbs,
  sqrt: prepareSqrt,
  leakyRelu: prepareLeakyRelu,
  prelu: preparePrelu,
  reshape: prepareReshape,
  transpose: prepareTranspose,
  slice: prepareSlice,
  split: prepareSplit,
  pad: preparePad,
  concat: prepareConcat,
  expand: prepareExpand,
  tile: prepareTile,
  gather: prepareGather,
  resizeBilinear: prepareResizeBilinear,
  resizeNearest: prepareResizeNearest,
  lstm: prepareLstm,
  gru: prepareGru,
  rnn: prepareRnn,
  svdf: prepareSvdf,
  quantize: prepareQuantize,
  dequantize: prepareDequantize,
  requantize: prepareRequantize,
};

/** What TensorFlow Lite defines for 8-bit activations only, and nobody for 16-bit ones. */
const ONLY_INT8: ReadonlySet<OperatorKind> = new Set(["logSoftmax", "svdf"]);

/** Whether the integer executor can carry out this operator on activations of that dtype. */
export function hasIntegerKernel(operator: Operator, dtype: DType = "int8"): boolean {
  if (dtype === "int16" && ONLY_INT8.has(operator.kind)) return false;
  return isTabulated(operator) || KERNELS[operator.kind] !== undefined;
}

/** Kinds of operators that run in integers, by the dtype of their activations. */
export const INTEGER_KINDS: Readonly<Record<"int8" | "int16", readonly string[]>> = {
  int8: [...Object.keys(KERNELS), ...TABULATED],
  int16: [...Object.keys(KERNELS), ...TABULATED].filter(
    (kind) => !(ONLY_INT8 as ReadonlySet<string>).has(kind),
  ),
};

export interface IntegerOptions {
  /** How accumulators are rounded; TFLite's default is "double". */
  readonly rounding?: Rounding;
  /** Return every activation, not only the graph's outputs. */
  readonly keep?: boolean;
}

/** A graph made ready to run many times; multipliers, tables and buffers are computed once. */
export interface IntegerModel {
  /** Inputs are codes in the dtype and shape of the graph's inputs. The arrays returned are the caller's. */
  run(inputs: ReadonlyMap<string, TensorData>): Map<string, TensorData>;
  /** Puts streaming operators (svdf) back to where they begin. Recurrent layers begin anew with every run. */
  reset(): void;
}

export function prepareInteger(graph: Graph, options: IntegerOptions = {}): IntegerModel {
  const buffers = new Map<string, NumberData>();
  const states: { state: NumberData; initial: NumberData }[] = [];
  const tensor = (name: string): Tensor => {
    const found = graph.tensors.get(name);
    if (found === undefined) {
      throw new GraphError({
        expected: `a tensor named "${name}"`,
        got: "none",
        todo: "The model file is damaged or its reader has a fault.",
      });
    }
    return found;
  };
  const context: KernelContext = {
    rounding: options.rounding ?? "double",
    tensor,
    buffer(name) {
      let buffer = buffers.get(name);
      if (buffer === undefined) {
        buffer = bufferOf(tensor(name));
        buffers.set(name, buffer);
      }
      return buffer;
    },
    state(name) {
      const initial = bufferOf(tensor(name));
      const state = initial.slice();
      states.push({ state, initial });
      return state;
    },
    constant(name) {
      if (name === undefined || name === "") return null;
      const { data } = tensor(name);
      if (data === undefined) return null;
      return data instanceof BigInt64Array ? Float64Array.from(data, Number) : Float64Array.from(data);
    },
  };
  const missing = graph.operators.filter((operator) => !hasIntegerKernel(operator));
  if (missing.length > 0) throw unsupported(missing);
  const steps = graph.operators.map((operator) => prepareOperator(operator, context));
  const kept =
    options.keep === true
      ? [...graph.inputs, ...graph.operators.flatMap((operator) => operator.outputs)]
      : graph.outputs;
  return {
    run(inputs) {
      for (const name of graph.inputs) setInput(tensor(name), inputs.get(name), context.buffer(name));
      for (const step of steps) step();
      return new Map(kept.map((name) => [name, context.buffer(name).slice()]));
    },
    reset() {
      for (const { state, initial } of states) state.set(initial);
    },
  };
}

/**
 * Runs a quantized graph once on integer codes, bit-exact with TensorFlow Lite's reference kernels. To run it more than
 * once, prepare it once with `prepareInteger`.
 */
export function runInteger(
  graph: Graph,
  inputs: ReadonlyMap<string, TensorData>,
  options: IntegerOptions = {},
): Map<string, TensorData> {
  return prepareInteger(graph, options).run(inputs);
}

function prepareOperator(operator: Operator, context: KernelContext): () => void {
  if (isTabulated(operator)) return prepareTable(operator, context);
  // The table pairs each kind with the kernel for just that kind; TypeScript can't follow the pairing through an index.
  const prepare = KERNELS[operator.kind] as (operator: Operator, context: KernelContext) => () => void;
  return prepare(operator, context);
}

const ARRAYS: Record<Exclude<DType, "int64">, new (length: number) => NumberData> = {
  float32: Float32Array,
  int4: Int8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  int32: Int32Array,
  bool: Uint8Array,
};

function bufferOf(tensor: Tensor): NumberData {
  if (tensor.data !== undefined && !(tensor.data instanceof BigInt64Array)) return tensor.data;
  if (tensor.dtype === "int64") {
    throw new UnsupportedError({
      expected: "activations of at most 32 bits",
      got: `"${tensor.name}" of int64`,
      todo: "Cast the indices to int32 in the model.",
    });
  }
  return new ARRAYS[tensor.dtype](elementCount(tensor.shape));
}

function setInput(tensor: Tensor, given: TensorData | undefined, buffer: NumberData): void {
  if (given === undefined || given instanceof BigInt64Array || given.constructor !== buffer.constructor) {
    throw new DataError({
      expected: `${tensor.dtype} codes for input "${tensor.name}"`,
      got: given === undefined ? "nothing" : given.constructor.name,
      todo: "Quantize real inputs with quantizeInput first.",
    });
  }
  if (given.length !== buffer.length) {
    throw new DataError({
      expected: `${buffer.length} elements [${tensor.shape.join(", ")}] for input "${tensor.name}"`,
      got: `${given.length}`,
      todo: "Resize the data to the model's input.",
    });
  }
  buffer.set(given);
}

function unsupported(operators: readonly Operator[]): UnsupportedError {
  const places = new Map<string, string[]>();
  for (const { kind, name } of operators) places.set(kind, [...(places.get(kind) ?? []), name]);
  return new UnsupportedError({
    expected: "operators that have an integer kernel",
    got: [...places].map(([kind, names]) => `${names.length} x ${kind} (${names.join(", ")})`).join("; "),
    todo: "Replace them before training (docs/operators.md lists those with an integer kernel), or run the float model.",
  });
}
