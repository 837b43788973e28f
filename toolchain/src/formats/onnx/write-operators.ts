import type { Activation, Operator, OperatorKind, OperatorOf, Padding } from "../../graph/graph.js";
import { dataTypeOf, unsupported } from "./proto.js";
import { HIGHEST, LOWEST } from "./reader/elementwise.js";
import { CHANNELS_LAST } from "./reader/layout.js";
import type { Attributes, OnnxWriter } from "./writer.js";

type Emit<K extends OperatorKind> = (operator: OperatorOf<K>, writer: OnnxWriter) => void;

const RANK = 4;

/** How each operator is said in ONNX. */
const EMIT: { readonly [K in OperatorKind]?: Emit<K> } = {
  conv2d: (operator, writer) => convolution(writer, operator, [0, 3, 1, 2], operator.attributes.groups),
  depthwiseConv2d: (operator, writer) => {
    const out = writer.tensor(operator.inputs[1]!).shape[3]!;
    convolution(writer, operator, [3, 0, 1, 2], out / operator.attributes.multiplier);
  },
  transposeConv2d: (operator, writer) => {
    const [x, weights, bias] = operator.inputs as [string, string, string?];
    const a = operator.attributes;
    const inputs = [writer.read(x), writer.readWeights(weights, [3, 0, 1, 2])];
    if (bias) inputs.push(writer.read(bias));
    emit(writer, operator, "ConvTranspose", inputs, {
      ...windowAttributes(a),
      dilations: [a.dilationH, a.dilationW],
      output_padding: [a.outputPaddingH, a.outputPaddingW],
      group: a.groups,
    });
  },
  fullyConnected: writeFullyConnected,
  matMul: (operator, writer) => {
    const [a, b] = operator.inputs as [string, string];
    const { transposeA, transposeB } = operator.attributes;
    const inputs = [matrix(writer, a, transposeA), matrix(writer, b, transposeB)];
    emit(writer, operator, "MatMul", inputs, {}, "plain");
  },
  batchNorm: writeBatchNorm,
  layerNorm: (operator, writer) => {
    const inputs = operator.inputs.map((name) => writer.readPlain(name));
    const { axis, epsilon } = operator.attributes;
    emit(writer, operator, "LayerNormalization", inputs, { axis, epsilon: { float: epsilon } }, "plain");
  },
  maxPool2d: (operator, writer) => {
    const { kernelH, kernelW } = operator.attributes;
    emit(writer, operator, "MaxPool", [writer.read(operator.inputs[0]!)], {
      ...windowAttributes(operator.attributes),
      kernel_shape: [kernelH, kernelW],
    });
  },
  averagePool2d: (operator, writer) => {
    const { kernelH, kernelW, countIncludePad } = operator.attributes;
    emit(writer, operator, "AveragePool", [writer.read(operator.inputs[0]!)], {
      ...windowAttributes(operator.attributes),
      kernel_shape: [kernelH, kernelW],
      count_include_pad: countIncludePad ? 1 : 0,
    });
  },
  add: binary("Add"),
  sub: binary("Sub"),
  mul: binary("Mul"),
  div: binary("Div"),
  minimum: binary("Min"),
  maximum: binary("Max"),
  pow: binary("Pow"),
  prelu: binary("PRelu"),
  relu: (operator, writer) => emitActivation(writer, operator, "relu"),
  relu6: (operator, writer) => emitActivation(writer, operator, "relu6"),
  leakyRelu: (operator, writer) =>
    unary(writer, operator, "LeakyRelu", { alpha: { float: operator.attributes.alpha } }),
  elu: (operator, writer) => unary(writer, operator, "Elu", { alpha: { float: operator.attributes.alpha } }),
  selu: (operator, writer) =>
    unary(writer, operator, "Selu", {
      alpha: { float: operator.attributes.alpha },
      gamma: { float: operator.attributes.gamma },
    }),
  gelu: (operator, writer) =>
    unary(writer, operator, "Gelu", { approximate: operator.attributes.approximate ? "tanh" : "none" }),
  hardSigmoid: (operator, writer) =>
    unary(writer, operator, "HardSigmoid", {
      alpha: { float: operator.attributes.alpha },
      beta: { float: operator.attributes.beta },
    }),
  hardSwish: same("HardSwish"),
  sigmoid: same("Sigmoid"),
  tanh: same("Tanh"),
  softplus: same("Softplus"),
  softsign: same("Softsign"),
  exp: same("Exp"),
  log: same("Log"),
  sqrt: same("Sqrt"),
  rsqrt: (operator, writer) => {
    const root = `${operator.outputs[0]}/sqrt`;
    writer.node("Sqrt", [writer.read(operator.inputs[0]!)], [root]);
    emit(writer, operator, "Reciprocal", [root], {});
  },
  abs: same("Abs"),
  neg: same("Neg"),
  floor: same("Floor"),
  ceil: same("Ceil"),
  erf: same("Erf"),
  sin: same("Sin"),
  cos: same("Cos"),
  clip: (operator, writer) => {
    const { min, max } = operator.attributes;
    const inputs = [writer.read(operator.inputs[0]!), ...bounds(writer, operator, min, max)];
    emit(writer, operator, "Clip", inputs, {});
  },
  softmax: writeSoftmax,
  logSoftmax: (operator, writer) =>
    unary(writer, operator, "LogSoftmax", {
      axis: fileAxis(writer, operator.inputs[0]!, operator.attributes.axis),
    }),
  mean: (operator, writer) => reduction(writer, operator, "ReduceMean"),
  sum: (operator, writer) => reduction(writer, operator, "ReduceSum"),
  reduceMax: (operator, writer) => reduction(writer, operator, "ReduceMax"),
  reduceMin: (operator, writer) => reduction(writer, operator, "ReduceMin"),
  argMax: (operator, writer) => argument(writer, operator, "ArgMax"),
  argMin: (operator, writer) => argument(writer, operator, "ArgMin"),
  concat: (operator, writer) => {
    const axis = fileAxis(writer, operator.outputs[0]!, operator.attributes.axis);
    const inputs = operator.inputs.map((name) => writer.read(name));
    emit(writer, operator, "Concat", inputs, { axis });
  },
  split: (operator, writer) => {
    const [x] = operator.inputs as [string];
    const { axis, sizes } = operator.attributes;
    const inputs = [writer.read(x), writer.integers(`${operator.outputs[0]}/sizes`, sizes)];
    const results = operator.outputs.map((name) => writer.open(name));
    writer.node("Split", inputs, results, { axis: fileAxis(writer, x, axis) });
    for (const name of operator.outputs) writer.close(name);
  },
  slice: (operator, writer) => {
    const [x] = operator.inputs as [string];
    const [out] = operator.outputs as [string];
    const { begin, size, strides } = operator.attributes;
    const ends = begin.map((from, i) => from + (size[i]! - 1) * strides[i]! + 1);
    const axes = begin.map((_, i) => i);
    const inputs = [
      writer.readPlain(x),
      ...[begin, ends, axes, strides].map((values) => writer.integers(`${out}/bounds`, values)),
    ];
    emit(writer, operator, "Slice", inputs, {}, "plain");
  },
  pad: (operator, writer) => {
    const [x] = operator.inputs as [string];
    const { before, after, mode, value } = operator.attributes;
    const order = before.length === RANK ? [0, 3, 1, 2] : before.map((_, i) => i);
    const amounts = [...order.map((axis) => before[axis]!), ...order.map((axis) => after[axis]!)];
    const pads = writer.integers(`${operator.outputs[0]}/pads`, amounts);
    const fill = writer.literal(`${operator.outputs[0]}/fill`, [], new Float32Array([value]));
    emit(writer, operator, "Pad", [writer.read(x), pads, ...(mode === "constant" ? [fill] : [])], { mode });
  },
  reshape: (operator, writer) => shaped(writer, operator, "Reshape", operator.attributes.shape),
  expand: (operator, writer) => shaped(writer, operator, "Expand", operator.attributes.shape),
  tile: (operator, writer) => shaped(writer, operator, "Tile", operator.attributes.repeats),
  transpose: (operator, writer) => {
    const inputs = [writer.readPlain(operator.inputs[0]!)];
    emit(writer, operator, "Transpose", inputs, { perm: operator.attributes.permutation }, "plain");
  },
  resizeNearest: (operator, writer) => resize(writer, operator, "nearest"),
  resizeBilinear: (operator, writer) => resize(writer, operator, "linear"),
  gather: (operator, writer) => {
    const inputs = operator.inputs.map((name) => writer.readPlain(name));
    emit(writer, operator, "Gather", inputs, { axis: operator.attributes.axis }, "plain");
  },
  cast: (operator, writer) => unary(writer, operator, "Cast", { to: dataTypeOf(operator.attributes.to) }),
  lstm: (operator, writer) => recurrent(writer, operator, "LSTM", [0, 1, 2, 3, null, 4, 5], {}),
  gru: (operator, writer) =>
    recurrent(writer, operator, "GRU", [0, 1, 2, 3, null, 4], {
      linear_before_reset: operator.attributes.linearBeforeReset ? 1 : 0,
    }),
  rnn: (operator, writer) => {
    const name = operator.attributes.activation === "relu" ? "Relu" : "Tanh";
    const count = operator.attributes.direction === "bidirectional" ? 2 : 1;
    recurrent(writer, operator, "RNN", [0, 1, 2, 3, null, 4], {
      activations: { strings: new Array<string>(count).fill(name) },
    });
  },
  // Every value is held as a float between operators and passes through its own pair: these add nothing to it.
  quantize: same("Identity"),
  dequantize: same("Identity"),
  requantize: same("Identity"),
};

export const WRITABLE_KINDS: readonly string[] = Object.keys(EMIT);

export function emitOperator(operator: Operator, writer: OnnxWriter): void {
  const write = EMIT[operator.kind] as Emit<OperatorKind> | undefined;
  if (write === undefined) {
    throw unsupported(
      `${operator.kind} "${operator.name}", which ONNX has no word for`,
      "Write .tflite instead, or leave the operator out.",
    );
  }
  write(operator, writer);
}

function convolution(
  writer: OnnxWriter,
  operator: OperatorOf<"conv2d"> | OperatorOf<"depthwiseConv2d">,
  permutation: readonly number[],
  group: number,
): void {
  const [x, weights, bias] = operator.inputs as [string, string, string?];
  const { dilationH, dilationW } = operator.attributes;
  const inputs = [writer.read(x), writer.readWeights(weights, permutation)];
  if (bias) inputs.push(writer.read(bias));
  emit(writer, operator, "Conv", inputs, {
    ...windowAttributes(operator.attributes),
    dilations: [dilationH, dilationW],
    group,
  });
}

function windowAttributes({
  strideH,
  strideW,
  padding,
}: {
  readonly strideH: number;
  readonly strideW: number;
  readonly padding: Padding;
}): Attributes {
  return {
    strides: [strideH, strideW],
    pads: [padding.top, padding.left, padding.bottom, padding.right],
  };
}

/** Gemm wants a matrix; a fully-connected layer of the graph flattens what it gets, or works along the last axis. */
function writeFullyConnected(operator: OperatorOf<"fullyConnected">, writer: OnnxWriter): void {
  const [x, weights, bias] = operator.inputs as [string, string, string?];
  const [out] = operator.outputs as [string];
  const { shape } = writer.tensor(x);
  const [units, width] = writer.tensor(weights).shape as [number, number];
  const isMatrix = shape.length === 2 && shape[1] === width;
  let rows = writer.readPlain(x);
  if (operator.attributes.keepDims && shape.length !== 2 && !bias) {
    emit(writer, operator, "MatMul", [rows, writer.readWeights(weights, [1, 0])], {}, "plain");
    return;
  }
  if (!isMatrix) {
    const matrixName = writer.fresh(`${out}/matrix`);
    writer.node("Reshape", [rows, writer.integers(`${out}/rows`, [-1, width])], [matrixName]);
    rows = matrixName;
  }
  const inputs = [rows, writer.readWeights(weights, [0, 1])];
  if (bias) inputs.push(writer.read(bias));
  const outShape = writer.tensor(out).shape;
  if (outShape.length === 2) {
    emit(writer, operator, "Gemm", inputs, { transB: 1 });
    return;
  }
  const product = writer.fresh(`${out}/product`);
  writer.node("Gemm", inputs, [product], { transB: 1 });
  const wanted = writer.integers(`${out}/shape`, [...outShape.slice(0, -1), units]);
  emit(writer, operator, "Reshape", [product, wanted], {}, "plain");
}

function matrix(writer: OnnxWriter, name: string, isTransposed: boolean): string {
  const value = writer.readPlain(name);
  if (!isTransposed) return value;
  const rank = writer.rank(name);
  const perm = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
  const out = writer.fresh(`${name}/transposed`);
  writer.node("Transpose", [value], [out], { perm });
  return out;
}

/** ONNX normalises axis 1, the graph the last. */
function writeBatchNorm(operator: OperatorOf<"batchNorm">, writer: OnnxWriter): void {
  const [x, ...parameters] = operator.inputs as [string, string, string, string, string];
  const [out] = operator.outputs as [string];
  const rank = writer.rank(x);
  const attributes = { epsilon: { float: operator.attributes.epsilon } };
  const constants = parameters.map((name) => writer.read(name));
  if (rank === RANK || rank === 2) {
    emit(writer, operator, "BatchNormalization", [writer.read(x), ...constants], attributes);
    return;
  }
  const middle = Array.from({ length: rank - 2 }, (_, i) => i + 1);
  const [first, normal] = [writer.fresh(`${out}/first`), writer.fresh(`${out}/normal`)];
  writer.node("Transpose", [writer.read(x)], [first], { perm: [0, rank - 1, ...middle] });
  writer.node("BatchNormalization", [first, ...constants], [normal], attributes);
  emit(writer, operator, "Transpose", [normal], { perm: [0, ...middle.map((axis) => axis + 1), 1] });
}

function writeSoftmax(operator: OperatorOf<"softmax">, writer: OnnxWriter): void {
  const [x] = operator.inputs as [string];
  const [out] = operator.outputs as [string];
  const axis = fileAxis(writer, x, operator.attributes.axis);
  let logits = writer.read(x);
  if (operator.attributes.beta !== 1) {
    const scaled = writer.fresh(`${out}/scaled`);
    const beta = writer.literal(`${out}/beta`, [], new Float32Array([operator.attributes.beta]));
    writer.node("Mul", [logits, beta], [scaled]);
    logits = scaled;
  }
  emit(writer, operator, "Softmax", [logits], { axis });
}

function same(opType: string): (operator: Operator, writer: OnnxWriter) => void {
  return (operator, writer) => unary(writer, operator, opType);
}

function unary(writer: OnnxWriter, operator: Operator, opType: string, attributes: Attributes = {}): void {
  emit(writer, operator, opType, [writer.read(operator.inputs[0]!)], attributes);
}

function binary(opType: string): (operator: Operator, writer: OnnxWriter) => void {
  return (operator, writer) =>
    emit(
      writer,
      operator,
      opType,
      operator.inputs.map((name) => operand(writer, operator, name)),
      {},
    );
}

/** What broadcasts to an image counts its axes from the right: it is given four, then put channels-first. */
function operand(writer: OnnxWriter, operator: Operator, name: string): string {
  const tensor = writer.tensor(name);
  const rank = writer.rank(operator.outputs[0]!);
  if (rank !== RANK || tensor.shape.length === RANK || tensor.shape.length === 0) return writer.read(name);
  const shape = [...new Array<number>(RANK - tensor.shape.length).fill(1), ...tensor.shape];
  if (tensor.data !== undefined) {
    const { quantization, ...bare } = tensor;
    const flat = quantization === undefined ? {} : { quantization: { ...quantization, axis: null } };
    return writer.constant({ ...bare, ...flat, shape }, [0, 3, 1, 2]);
  }
  const [wide, first] = [writer.fresh(`${name}/wide`), writer.fresh(`${name}/wide-first`)];
  writer.node("Reshape", [writer.readPlain(name), writer.integers(`${name}/wide-shape`, shape)], [wide]);
  writer.node("Transpose", [wide], [first], { perm: [0, 3, 1, 2] });
  return first;
}

type Reduction = OperatorOf<"mean"> | OperatorOf<"sum"> | OperatorOf<"reduceMax"> | OperatorOf<"reduceMin">;

/** Without keepDims the remaining axes must stand in the graph's order. */
function reduction(writer: OnnxWriter, operator: Reduction, opType: string): void {
  const [x] = operator.inputs as [string];
  const { axes, keepDims } = operator.attributes;
  const rank = writer.rank(x);
  const isRow = axes.length === 2 && axes.includes(1) && axes.includes(2);
  const isPlain = !keepDims && !isRow;
  const source = isPlain ? writer.readPlain(x) : writer.read(x);
  const fileAxes = axes.map((axis) => (isPlain ? (axis + rank) % rank : fileAxis(writer, x, axis)));
  const keepdims = keepDims ? 1 : 0;
  const form = isPlain ? "plain" : "channels-first";
  // ReduceSum takes its axes as an input since opset 13, the others since 18.
  if (opType === "ReduceSum") {
    const input = writer.integers(`${operator.outputs[0]}/axes`, fileAxes);
    emit(writer, operator, opType, [source, input], { keepdims }, form);
  } else {
    emit(writer, operator, opType, [source], { axes: fileAxes, keepdims }, form);
  }
}

/** ONNX gives int64; devices count in int32. */
function argument(
  writer: OnnxWriter,
  operator: OperatorOf<"argMax"> | OperatorOf<"argMin">,
  opType: string,
): void {
  const [x] = operator.inputs as [string];
  const [out] = operator.outputs as [string];
  const { axis, keepDims } = operator.attributes;
  const index = writer.fresh(`${out}/int64`);
  const attributes = { axis, keepdims: keepDims ? 1 : 0 };
  writer.node(opType, [writer.readPlain(x)], [index], attributes);
  emit(writer, operator, "Cast", [index], { to: dataTypeOf(writer.tensor(out).dtype) }, "plain");
}

function shaped(writer: OnnxWriter, operator: Operator, opType: string, values: readonly number[]): void {
  const wanted = writer.integers(`${operator.outputs[0]}/shape`, values);
  emit(writer, operator, opType, [writer.readPlain(operator.inputs[0]!), wanted], {}, "plain");
}

function resize(
  writer: OnnxWriter,
  operator: OperatorOf<"resizeNearest"> | OperatorOf<"resizeBilinear">,
  mode: "nearest" | "linear",
): void {
  const [x] = operator.inputs as [string];
  const { height, width, alignCorners, halfPixelCenters } = operator.attributes;
  const { shape } = writer.tensor(x);
  const sizes = writer.integers(`${operator.outputs[0]}/sizes`, [shape[0]!, shape[3]!, height, width]);
  const transformation = alignCorners ? "align_corners" : halfPixelCenters ? "half_pixel" : "asymmetric";
  const rounding = alignCorners || halfPixelCenters ? "round_prefer_ceil" : "floor";
  emit(writer, operator, "Resize", [writer.read(x), "", "", sizes], {
    mode,
    coordinate_transformation_mode: transformation,
    ...(mode === "nearest" ? { nearest_mode: rounding } : {}),
  });
}

/** `places` gives, for each input of ONNX's operator, the graph's; null where ONNX has one more. */
function recurrent(
  writer: OnnxWriter,
  operator: OperatorOf<"lstm"> | OperatorOf<"gru"> | OperatorOf<"rnn">,
  opType: string,
  places: readonly (number | null)[],
  more: Attributes,
): void {
  const inputs = places.map((place) => {
    const name = place === null ? "" : (operator.inputs[place] ?? "");
    return name === "" ? "" : writer.readPlain(name);
  });
  while (inputs.at(-1) === "") inputs.pop();
  const { hiddenSize, direction } = operator.attributes;
  const outputs = operator.outputs.map((name) =>
    writer.rank(name) === RANK ? `${name}/sequence` : writer.open(name),
  );
  writer.node(opType, inputs, outputs, { hidden_size: hiddenSize, direction, ...more });
  operator.outputs.forEach((name, i) => {
    if (writer.rank(name) !== RANK) writer.close(name);
    else {
      writer.node("Transpose", [outputs[i]!], [writer.open(name)], { perm: [0, 3, 1, 2] });
      writer.close(name);
    }
  });
}

/** The operator's node, then its activation, then the quantize pair where the graph holds codes. */
function emit(
  writer: OnnxWriter,
  operator: Operator,
  opType: string,
  inputs: readonly string[],
  attributes: Attributes,
  form: "channels-first" | "plain" = "channels-first",
): void {
  const [out] = operator.outputs as [string];
  const activation = "activation" in operator.attributes ? operator.attributes.activation : "none";
  // Where the graph's order goes straight out of the model, the file's order must be made first.
  const mustTurn = form === "plain" && writer.rank(out) === RANK;
  const result = writer.open(out);
  let current = mustTurn ? writer.fresh(`${out}/plain`) : result;
  if (activation !== "none" && activation !== "tanh") current = writer.fresh(`${out}/linear`);
  writer.node(opType, inputs, [current], attributes);
  if (activation === "relu" || activation === "relu6" || activation === "relu-1-1") {
    const activated = mustTurn ? writer.fresh(`${out}/plain`) : result;
    activate(writer, operator, activation, current, activated);
    current = activated;
  }
  if (mustTurn) writer.node("Transpose", [current], [result], { perm: [0, 3, 1, 2] });
  writer.close(out);
}

function emitActivation(writer: OnnxWriter, operator: Operator, activation: Activation): void {
  const [out] = operator.outputs as [string];
  activate(writer, operator, activation, writer.read(operator.inputs[0]!), writer.open(out));
  writer.close(out);
}

function activate(
  writer: OnnxWriter,
  operator: Operator,
  activation: Activation,
  from: string,
  to: string,
): void {
  if (activation === "relu") writer.node("Relu", [from], [to]);
  else {
    const [min, max] = activation === "relu6" ? [0, 6] : [-1, 1];
    writer.node("Clip", [from, ...bounds(writer, operator, min!, max!)], [to]);
  }
}

/** Both bounds as inputs; "" leaves one open. */
function bounds(writer: OnnxWriter, operator: Operator, min: number, max: number): string[] {
  const [out] = operator.outputs as [string];
  const low = min <= LOWEST ? "" : writer.literal(`${out}/min`, [], new Float32Array([min]));
  const high = max >= HIGHEST ? "" : writer.literal(`${out}/max`, [], new Float32Array([max]));
  return high === "" ? (low === "" ? [] : [low]) : [low, high];
}

/** The file's axis of a graph axis, for values that the file holds channels-first. */
function fileAxis(writer: OnnxWriter, name: string, axis: number): number {
  const rank = writer.rank(name);
  const graphAxis = axis < 0 ? axis + rank : axis;
  return rank === RANK ? CHANNELS_LAST[graphAxis]! : graphAxis;
}
