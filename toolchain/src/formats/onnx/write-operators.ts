import type { Activation, Operator, OperatorKind, OperatorOf, Padding } from "../../graph/graph.js";
import { unsupported } from "./proto.js";
import type { Attributes, OnnxWriter } from "./writer.js";

type Emit<K extends OperatorKind> = (operator: OperatorOf<K>, writer: OnnxWriter) => void;

const RANK = 4;
/** Which axis of the graph's [N, H, W, C] stands at each place of the file's [N, C, H, W], and the other way round. */
const GRAPH_AXIS_AT_FILE = [0, 3, 1, 2];
const FILE_AXIS_OF_GRAPH = [0, 2, 3, 1];

/** How each operator is said in ONNX. Rank-4 activations are channels-first in the file. */
const EMIT: { readonly [K in OperatorKind]?: Emit<K> } = {
  conv2d: (operator, writer) => {
    const [x, weights, bias] = operator.inputs as [string, string, string?];
    const { groups } = operator.attributes;
    convolution(
      writer,
      operator,
      x,
      writer.constant(weights, writer.tensor(weights), [0, 3, 1, 2]),
      bias,
      groups,
    );
  },
  depthwiseConv2d: (operator, writer) => {
    const [x, weights, bias] = operator.inputs as [string, string, string?];
    const out = writer.tensor(weights).shape[3]!;
    const file = writer.constant(weights, writer.tensor(weights), [3, 0, 1, 2]);
    convolution(writer, operator, x, file, bias, out / operator.attributes.multiplier);
  },
  fullyConnected: (operator, writer) => {
    const [x, weights, bias] = operator.inputs as [string, string, string?];
    const inputs = [
      flatRows(writer, operator, x, writer.tensor(weights).shape[1]!),
      writer.constant(weights, writer.tensor(weights), [0, 1]),
    ];
    if (bias) inputs.push(writer.read(bias));
    emitActivated(writer, operator, operator.attributes.activation, "Gemm", inputs, { transB: 1 });
  },
  batchNorm: (operator, writer) => {
    const inputs = operator.inputs.map((name) => writer.read(name));
    emitActivated(writer, operator, "none", "BatchNormalization", inputs, {
      epsilon: { float: operator.attributes.epsilon },
    });
  },
  maxPool2d: (operator, writer) => {
    emitActivated(
      writer,
      operator,
      operator.attributes.activation,
      "MaxPool",
      [writer.read(operator.inputs[0]!)],
      {
        ...window(operator.attributes),
        kernel_shape: [operator.attributes.kernelH, operator.attributes.kernelW],
      },
    );
  },
  averagePool2d: (operator, writer) => {
    const { kernelH, kernelW, countIncludePad, activation } = operator.attributes;
    emitActivated(writer, operator, activation, "AveragePool", [writer.read(operator.inputs[0]!)], {
      ...window(operator.attributes),
      kernel_shape: [kernelH, kernelW],
      count_include_pad: countIncludePad ? 1 : 0,
    });
  },
  add: (operator, writer) => binary(writer, operator, "Add", operator.attributes.activation),
  sub: (operator, writer) => binary(writer, operator, "Sub", operator.attributes.activation),
  mul: (operator, writer) => binary(writer, operator, "Mul", operator.attributes.activation),
  div: (operator, writer) => binary(writer, operator, "Div", operator.attributes.activation),
  minimum: (operator, writer) => binary(writer, operator, "Min", "none"),
  maximum: (operator, writer) => binary(writer, operator, "Max", "none"),
  pow: (operator, writer) => binary(writer, operator, "Pow", "none"),
  relu: (operator, writer) => emitActivated(writer, operator, "relu", null, [], {}),
  relu6: (operator, writer) => emitActivated(writer, operator, "relu6", null, [], {}),
  leakyRelu: (operator, writer) =>
    unary(writer, operator, "LeakyRelu", { alpha: { float: operator.attributes.alpha } }),
  elu: (operator, writer) => unary(writer, operator, "Elu", { alpha: { float: operator.attributes.alpha } }),
  selu: (operator, writer) =>
    unary(writer, operator, "Selu", {
      alpha: { float: operator.attributes.alpha },
      gamma: { float: operator.attributes.gamma },
    }),
  hardSigmoid: (operator, writer) =>
    unary(writer, operator, "HardSigmoid", {
      alpha: { float: operator.attributes.alpha },
      beta: { float: operator.attributes.beta },
    }),
  sigmoid: (operator, writer) => unary(writer, operator, "Sigmoid"),
  tanh: (operator, writer) => unary(writer, operator, "Tanh"),
  softplus: (operator, writer) => unary(writer, operator, "Softplus"),
  softsign: (operator, writer) => unary(writer, operator, "Softsign"),
  exp: (operator, writer) => unary(writer, operator, "Exp"),
  log: (operator, writer) => unary(writer, operator, "Log"),
  sqrt: (operator, writer) => unary(writer, operator, "Sqrt"),
  abs: (operator, writer) => unary(writer, operator, "Abs"),
  neg: (operator, writer) => unary(writer, operator, "Neg"),
  floor: (operator, writer) => unary(writer, operator, "Floor"),
  ceil: (operator, writer) => unary(writer, operator, "Ceil"),
  clip: (operator, writer) => clip(writer, operator, operator.attributes.min, operator.attributes.max),
  softmax: (operator, writer) => {
    if (operator.attributes.beta !== 1)
      throw unsupported(`softmax "${operator.name}" with beta`, "Fold beta into the logits.");
    unary(writer, operator, "Softmax", {
      axis: fileAxis(writer, operator.inputs[0]!, operator.attributes.axis),
    });
  },
  logSoftmax: (operator, writer) =>
    unary(writer, operator, "LogSoftmax", {
      axis: fileAxis(writer, operator.inputs[0]!, operator.attributes.axis),
    }),
  mean: (operator, writer) => {
    const { axes, keepDims } = operator.attributes;
    const [x] = operator.inputs as [string];
    const rank = writer.tensor(x).shape.length;
    if (!keepDims && rank === RANK && !reducesToRow(axes)) {
      throw unsupported(
        `mean "${operator.name}" over axes ${axes} without keepDims`,
        "Keep the reduced dimensions.",
      );
    }
    unary(writer, operator, "ReduceMean", {
      axes: axes.map((axis) => fileAxis(writer, x, axis)),
      keepdims: keepDims ? 1 : 0,
    });
  },
  concat: (operator, writer) => {
    const axis = fileAxis(writer, operator.inputs[0]!, operator.attributes.axis);
    const inputs = operator.inputs.map((name) => writer.read(name));
    emitActivated(writer, operator, operator.attributes.activation, "Concat", inputs, { axis });
  },
  pad: (operator, writer) => {
    const { before, after, mode, value } = operator.attributes;
    const order = before.length === RANK ? [0, 3, 1, 2] : before.map((_, i) => i);
    const amounts = [...order.map((axis) => before[axis]!), ...order.map((axis) => after[axis]!)];
    const [out] = operator.outputs as [string];
    const pads = writer.literal(`${out}/pads`, [amounts.length], BigInt64Array.from(amounts, BigInt));
    const fill = writer.literal(`${out}/fill`, [], new Float32Array([value]));
    emitActivated(writer, operator, "none", "Pad", [writer.read(operator.inputs[0]!), pads, fill], { mode });
  },
  reshape: (operator, writer) => {
    const [x] = operator.inputs as [string];
    const [out] = operator.outputs as [string];
    const rows = channelsLast(writer, out, x);
    const { shape } = operator.attributes;
    const wanted = writer.literal(`${out}/shape`, [shape.length], BigInt64Array.from(shape, BigInt));
    if (shape.length !== RANK) {
      emitActivated(writer, operator, "none", "Reshape", [rows, wanted], {});
      return;
    }
    writer.node("Reshape", [rows, wanted], [`${out}/last`]);
    emitActivated(writer, operator, "none", "Transpose", [`${out}/last`], { perm: [0, 3, 1, 2] });
  },
  transpose: (operator, writer) => {
    const { permutation } = operator.attributes;
    if (permutation.length !== RANK) {
      unary(writer, operator, "Transpose", { perm: [...permutation] });
      return;
    }
    // Said in the file's axes on both sides.
    unary(writer, operator, "Transpose", {
      perm: GRAPH_AXIS_AT_FILE.map((graphAxis) => FILE_AXIS_OF_GRAPH[permutation[graphAxis]!]!),
    });
  },
};

export function emitOperator(operator: Operator, writer: OnnxWriter): void {
  const emit = EMIT[operator.kind] as Emit<OperatorKind> | undefined;
  if (emit === undefined) {
    throw unsupported(
      `${operator.kind} "${operator.name}", which the ONNX writer does not write yet`,
      "Write .tflite instead, or leave the operator out.",
    );
  }
  emit(operator, writer);
}

function convolution(
  writer: OnnxWriter,
  operator: OperatorOf<"conv2d"> | OperatorOf<"depthwiseConv2d">,
  x: string,
  weights: string,
  bias: string | undefined,
  group: number,
): void {
  const { dilationH, dilationW, activation } = operator.attributes;
  const inputs = [writer.read(x), weights];
  if (bias) inputs.push(writer.read(bias));
  emitActivated(writer, operator, activation, "Conv", inputs, {
    ...window(operator.attributes),
    dilations: [dilationH, dilationW],
    group,
  });
}

function window({
  strideH,
  strideW,
  padding,
}: {
  strideH: number;
  strideW: number;
  padding: Padding;
}): Attributes {
  return {
    strides: [strideH, strideW],
    pads: [padding.top, padding.left, padding.bottom, padding.right],
  };
}

function unary(writer: OnnxWriter, operator: Operator, opType: string, attributes: Attributes = {}): void {
  emitActivated(writer, operator, "none", opType, [writer.read(operator.inputs[0]!)], attributes);
}

function binary(writer: OnnxWriter, operator: Operator, opType: string, activation: Activation): void {
  emitActivated(
    writer,
    operator,
    activation,
    opType,
    operator.inputs.map((name) => operand(writer, operator, name)),
    {},
  );
}

/** A constant operand that broadcasts over channels needs its file shape. */
function operand(writer: OnnxWriter, operator: Operator, name: string): string {
  const tensor = writer.tensor(name);
  const rank = writer.tensor(operator.outputs[0]!).shape.length;
  if (tensor.data === undefined || rank !== RANK || tensor.shape.length === RANK) return writer.read(name);
  const padded = [...new Array<number>(RANK - tensor.shape.length).fill(1), ...tensor.shape];
  return writer.constant(
    name,
    {
      ...tensor,
      shape: padded,
      ...(tensor.quantization ? { quantization: { ...tensor.quantization, axis: null } } : {}),
    },
    [0, 3, 1, 2],
  );
}

/** The operator's node, then its activation, then the quantize pair where the graph holds codes. */
function emitActivated(
  writer: OnnxWriter,
  operator: Operator,
  activation: Activation,
  opType: string | null,
  inputs: readonly string[],
  attributes: Attributes,
): void {
  const [out] = operator.outputs as [string];
  const result = writer.open(out);
  let current = opType === null ? writer.read(operator.inputs[0]!) : result;
  if (opType !== null) {
    current = activation === "none" ? result : `${out}/linear`;
    writer.node(opType, inputs, [current], attributes);
  }
  if (activation === "relu") writer.node("Relu", [current], [result]);
  else if (activation !== "none") {
    const [min, max] = activation === "relu6" ? [0, 6] : [-1, 1];
    writer.node("Clip", [current, ...bounds(writer, out, min!, max!)], [result]);
  }
  writer.close(out);
}

function clip(writer: OnnxWriter, operator: Operator, min: number, max: number): void {
  const [out] = operator.outputs as [string];
  emitActivated(
    writer,
    operator,
    "none",
    "Clip",
    [writer.read(operator.inputs[0]!), ...bounds(writer, out, min, max)],
    {},
  );
}

function bounds(writer: OnnxWriter, out: string, min: number, max: number): [string, string] {
  return [
    writer.literal(`${out}/min`, [], new Float32Array([min])),
    writer.literal(`${out}/max`, [], new Float32Array([max])),
  ];
}

/** The file's axis of a graph axis. */
function fileAxis(writer: OnnxWriter, name: string, axis: number): number {
  const rank = writer.tensor(name).shape.length;
  const graphAxis = axis < 0 ? axis + rank : axis;
  return rank === RANK ? FILE_AXIS_OF_GRAPH[graphAxis]! : graphAxis;
}

function reducesToRow(axes: readonly number[]): boolean {
  return axes.length === 2 && axes.includes(1) && axes.includes(2);
}

/** A rank-4 value turned back to channels-last, so that flattening keeps the graph's order. */
function channelsLast(writer: OnnxWriter, out: string, name: string): string {
  const { shape } = writer.tensor(name);
  const file = writer.read(name);
  const [, h, w, c] = shape;
  if (shape.length !== RANK || c === 1 || (h === 1 && w === 1)) return file;
  writer.node("Transpose", [file], [`${out}/rows`], { perm: [0, 2, 3, 1] });
  return `${out}/rows`;
}

/** Gemm wants a matrix; a fully-connected layer of the graph flattens what it gets. */
function flatRows(writer: OnnxWriter, operator: Operator, name: string, width: number): string {
  const { shape } = writer.tensor(name);
  const [out] = operator.outputs as [string];
  if (shape.length === 2 && shape[1] === width) return writer.read(name);
  const rows = channelsLast(writer, out, name);
  const wanted = writer.literal(`${out}/rows-shape`, [2], BigInt64Array.from([-1n, BigInt(width)]));
  writer.node("Reshape", [rows, wanted], [`${out}/matrix`]);
  return `${out}/matrix`;
}
