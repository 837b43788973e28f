import type { Builder, Offset } from "flatbuffers";
import { UnsupportedError } from "../../errors.js";
import { clamp } from "../../execute/integer/fixed-point.js";
import { affine, codeOf, codeRange } from "../../execute/integer/kernel.js";
import type {
  Activation,
  Graph,
  Operator,
  OperatorKind,
  OperatorOf,
  Padding,
  Tensor,
  TensorData,
  Window2d,
} from "../../graph/graph.js";
import { ACTIVATIONS, type BuiltinName, PADDING_SAME, PADDING_VALID, TENSOR_TYPE } from "./schema.js";

/** One field of an options table: its place, how wide it is, and its value. Fields at their default are left out. */
type Field = readonly [place: number, type: "int8" | "int32" | "float32", value: number];

/** How an operator is said in TensorFlow Lite. */
export interface TfliteForm {
  readonly type: BuiltinName;
  readonly inputs: readonly string[];
  /** BuiltinOptions' number of the options table, and its fields; 0 for none. */
  readonly options: readonly [kind: number, fields: readonly Field[]];
}

/** What a form may need beyond its operator: tensors of the graph, and constants of its own. */
export interface FormContext {
  readonly graph: Graph;
  tensor(name: string): Tensor;
  /** Adds an int32 constant, such as a shape; gives its name. */
  integers(wanted: string, values: readonly number[]): string;
  /** Adds a float or integer constant; gives its name. */
  constant(tensor: Tensor): string;
  /** Adds an operator before the one that is being written; gives the name of its output. */
  before(form: TfliteForm, like: Tensor, shape: readonly number[]): string;
}

type Form<K extends OperatorKind> = (operator: OperatorOf<K>, context: FormContext) => TfliteForm;

const NO_OPTIONS = [0, []] as const;

const FORMS: { readonly [K in OperatorKind]?: Form<K> } = {
  conv2d: (operator, context) => {
    const { dilationH, dilationW, activation } = operator.attributes;
    const { input, padding } = windowed(operator, context, "zero");
    const fields: Field[] = [
      ...strides(operator.attributes, padding),
      [3, "int8", code(operator, activation)],
      [4, "int32", dilationW],
      [5, "int32", dilationH],
    ];
    return { type: "CONV_2D", inputs: [input, ...operator.inputs.slice(1)], options: [1, fields] };
  },
  depthwiseConv2d: (operator, context) => {
    const { dilationH, dilationW, activation, multiplier } = operator.attributes;
    const { input, padding } = windowed(operator, context, "zero");
    const fields: Field[] = [
      ...strides(operator.attributes, padding),
      [3, "int32", multiplier],
      [4, "int8", code(operator, activation)],
      [5, "int32", dilationW],
      [6, "int32", dilationH],
    ];
    return { type: "DEPTHWISE_CONV_2D", inputs: [input, ...operator.inputs.slice(1)], options: [2, fields] };
  },
  transposeConv2d: writeTransposeConvolution,
  maxPool2d: (operator, context) => pool("MAX_POOL_2D", operator, context, "lowest"),
  averagePool2d: (operator, context) => {
    const { countIncludePad } = operator.attributes;
    return pool("AVERAGE_POOL_2D", operator, context, countIncludePad ? "zero" : "refuse");
  },
  fullyConnected: (operator) => ({
    type: "FULLY_CONNECTED",
    inputs: operator.inputs,
    options: [
      8,
      [
        [0, "int8", code(operator, operator.attributes.activation)],
        [2, "int8", operator.attributes.keepDims ? 1 : 0],
      ],
    ],
  }),
  matMul: (operator) => ({
    type: "BATCH_MATMUL",
    inputs: operator.inputs,
    options: [
      101,
      [
        [0, "int8", operator.attributes.transposeA ? 1 : 0],
        [1, "int8", operator.attributes.transposeB ? 1 : 0],
      ],
    ],
  }),
  batchNorm: writeBatchNorm,
  add: arithmetic("ADD", 11),
  sub: arithmetic("SUB", 28),
  mul: arithmetic("MUL", 21),
  div: arithmetic("DIV", 29),
  minimum: plain("MINIMUM", 39),
  maximum: plain("MAXIMUM", 39),
  pow: plain("POW", 56),
  prelu: plain("PRELU", 0),
  relu: plain("RELU", 0),
  relu6: plain("RELU6", 0),
  clip: (operator) => {
    const { min, max } = operator.attributes;
    if (min !== -1 || max !== 1)
      throw unsupported(operator, `clip to [${min}, ${max}]`, "Use ReLU or ReLU6.");
    return { type: "RELU_N1_TO_1", inputs: operator.inputs, options: NO_OPTIONS };
  },
  elu: plain("ELU", 0),
  leakyRelu: (operator) => ({
    type: "LEAKY_RELU",
    inputs: operator.inputs,
    options: [75, [[0, "float32", operator.attributes.alpha]]],
  }),
  gelu: (operator) => ({
    type: "GELU",
    inputs: operator.inputs,
    options: [116, [[0, "int8", operator.attributes.approximate ? 1 : 0]]],
  }),
  hardSwish: plain("HARD_SWISH", 91),
  sigmoid: plain("LOGISTIC", 0),
  tanh: plain("TANH", 0),
  exp: plain("EXP", 33),
  log: plain("LOG", 0),
  sqrt: plain("SQRT", 0),
  rsqrt: plain("RSQRT", 0),
  abs: plain("ABS", 78),
  neg: plain("NEG", 42),
  floor: plain("FLOOR", 0),
  ceil: plain("CEIL", 0),
  sin: plain("SIN", 0),
  cos: plain("COS", 84),
  softmax: (operator, context) => {
    lastAxis(operator, operator.attributes.axis, context);
    return {
      type: "SOFTMAX",
      inputs: operator.inputs,
      options: [9, [[0, "float32", operator.attributes.beta]]],
    };
  },
  logSoftmax: (operator, context) => {
    lastAxis(operator, operator.attributes.axis, context);
    return { type: "LOG_SOFTMAX", inputs: operator.inputs, options: [36, []] };
  },
  mean: (operator, context) => reduction("MEAN", operator, context),
  sum: (operator, context) => reduction("SUM", operator, context),
  reduceMax: (operator, context) => reduction("REDUCE_MAX", operator, context),
  reduceMin: (operator, context) => reduction("REDUCE_MIN", operator, context),
  argMax: (operator, context) => argument("ARG_MAX", 40, operator, context),
  argMin: (operator, context) => argument("ARG_MIN", 57, operator, context),
  concat: (operator) => ({
    type: "CONCATENATION",
    inputs: operator.inputs,
    options: [
      10,
      [
        [0, "int32", operator.attributes.axis],
        [1, "int8", code(operator, operator.attributes.activation)],
      ],
    ],
  }),
  split: (operator, context) => {
    const { axis, sizes } = operator.attributes;
    const out = operator.outputs[0]!;
    return {
      type: "SPLIT_V",
      inputs: [
        operator.inputs[0]!,
        context.integers(`${out}/sizes`, sizes),
        context.integers(`${out}/axis`, [axis]),
      ],
      options: [79, [[0, "int32", sizes.length]]],
    };
  },
  slice: (operator, context) => {
    const { begin, size, strides } = operator.attributes;
    const out = operator.outputs[0]!;
    const ends = begin.map((from, i) => from + (size[i]! - 1) * strides[i]! + 1);
    const bounds = [begin, ends, strides].map((values) => context.integers(`${out}/bounds`, values));
    return { type: "STRIDED_SLICE", inputs: [operator.inputs[0]!, ...bounds], options: [32, []] };
  },
  pad: (operator, context) => {
    const { before, after, mode, value } = operator.attributes;
    const [x] = operator.inputs as [string];
    const amounts = padAmounts(context, operator.outputs[0]!, before, after);
    if (mode === "reflect") return { type: "MIRROR_PAD", inputs: [x, amounts], options: [77, []] };
    if (mode === "edge") throw unsupported(operator, "padding that repeats the edge", "Pad by reflection.");
    if (value === 0) return { type: "PAD", inputs: [x, amounts], options: [22, []] };
    return { type: "PADV2", inputs: [x, amounts, fill(context, operator, x, value)], options: [43, []] };
  },
  reshape: (operator, context) => {
    const wanted = context.integers(`${operator.outputs[0]}/shape`, operator.attributes.shape);
    return { type: "RESHAPE", inputs: [operator.inputs[0]!, wanted], options: [17, []] };
  },
  transpose: (operator, context) => {
    const wanted = context.integers(`${operator.outputs[0]}/permutation`, operator.attributes.permutation);
    return { type: "TRANSPOSE", inputs: [operator.inputs[0]!, wanted], options: [26, []] };
  },
  resizeBilinear: (operator, context) => resize("RESIZE_BILINEAR", 15, 2, operator, context),
  resizeNearest: (operator, context) => resize("RESIZE_NEAREST_NEIGHBOR", 74, 0, operator, context),
  gather: (operator) => ({
    type: "GATHER",
    inputs: operator.inputs,
    options: [23, [[0, "int32", operator.attributes.axis]]],
  }),
  expand: (operator, context) => {
    const wanted = context.integers(`${operator.outputs[0]}/shape`, operator.attributes.shape);
    return { type: "BROADCAST_TO", inputs: [operator.inputs[0]!, wanted], options: [104, []] };
  },
  tile: (operator, context) => {
    const wanted = context.integers(`${operator.outputs[0]}/repeats`, operator.attributes.repeats);
    return { type: "TILE", inputs: [operator.inputs[0]!, wanted], options: [51, []] };
  },
  cast: (operator, context) => ({
    type: "CAST",
    inputs: operator.inputs,
    options: [
      37,
      [
        [0, "int8", TENSOR_TYPE[context.tensor(operator.inputs[0]!).dtype] ?? 0],
        [1, "int8", TENSOR_TYPE[operator.attributes.to] ?? 0],
      ],
    ],
  }),
  quantize: plain("QUANTIZE", 89),
  requantize: plain("QUANTIZE", 89),
  dequantize: plain("DEQUANTIZE", 38),
};

export const WRITABLE_KINDS: readonly string[] = Object.keys(FORMS);

/** Throws UnsupportedError naming an operator that TensorFlow Lite has no word for. */
export function formOf(operator: Operator, context: FormContext): TfliteForm {
  const form = FORMS[operator.kind] as Form<OperatorKind> | undefined;
  if (form === undefined) {
    throw unsupported(operator, operator.kind, "Write .onnx instead, or leave the operator out.");
  }
  return form(operator, context);
}

/** Writes the options table of a form; 0 where it has none. */
export function writeOptions(builder: Builder, [kind, fields]: TfliteForm["options"]): Offset {
  if (kind === 0) return 0;
  builder.startObject(Math.max(0, ...fields.map(([place]) => place)) + 1);
  for (const [place, type, value] of fields) {
    // Written even where it equals the default: which default a reader assumes has changed between schemas.
    if (type === "float32") {
      builder.addFloat32(value);
    } else if (type === "int32") {
      builder.addInt32(value);
    } else {
      builder.addInt8(value);
    }
    builder.slot(place);
  }
  return builder.endObject();
}

function plain(type: BuiltinName, options: number): (operator: Operator) => TfliteForm {
  return (operator) => ({ type, inputs: operator.inputs, options: [options, []] });
}

function arithmetic(
  type: BuiltinName,
  options: number,
): (operator: OperatorOf<"add"> | OperatorOf<"sub"> | OperatorOf<"mul"> | OperatorOf<"div">) => TfliteForm {
  return (operator) => ({
    type,
    inputs: operator.inputs,
    options: [options, [[0, "int8", code(operator, operator.attributes.activation)]]],
  });
}

function code(operator: Operator, activation: Activation): number {
  const found = ACTIVATIONS.indexOf(activation);
  if (found < 0) throw unsupported(operator, `activation ${activation}`, "Use an operator of its own.");
  return found;
}

function strides({ strideH, strideW }: Window2d, padding: number): Field[] {
  return [
    [0, "int8", padding],
    [1, "int32", strideW],
    [2, "int32", strideH],
  ];
}

type Windowed =
  | OperatorOf<"conv2d">
  | OperatorOf<"depthwiseConv2d">
  | OperatorOf<"maxPool2d">
  | OperatorOf<"averagePool2d">;

/**
 * TensorFlow Lite knows only SAME and VALID; any other padding becomes a pad before the operator, with a value that
 * changes nothing: zero, or the lowest number for a maximum.
 */
function windowed(
  operator: Windowed,
  context: FormContext,
  filler: "zero" | "lowest" | "refuse",
): { input: string; padding: number } {
  const [x] = operator.inputs as [string];
  const { padding, strideH, strideW } = operator.attributes;
  if (padding.top + padding.bottom + padding.left + padding.right === 0) {
    return { input: x, padding: PADDING_VALID };
  }
  const { shape } = context.tensor(x);
  const [extentH, extentW] = extents(operator, context);
  const rows = same(shape[1]!, strideH, extentH);
  const columns = same(shape[2]!, strideW, extentW);
  const counts = operator.kind === "averagePool2d" && operator.attributes.countIncludePad;
  const isSame =
    padding.top === rows[0] &&
    padding.bottom === rows[1] &&
    padding.left === columns[0] &&
    padding.right === columns[1];
  if (isSame && !counts) return { input: x, padding: PADDING_SAME };
  if (filler === "refuse") {
    throw unsupported(operator, "padding that is neither SAME nor counted", "Use SAME padding or none.");
  }
  return { input: padded(operator, context, x, padding, filler), padding: PADDING_VALID };
}

function padded(
  operator: Operator,
  context: FormContext,
  x: string,
  padding: Padding,
  filler: "zero" | "lowest",
): string {
  const source = context.tensor(x);
  const [n, h, w, c] = source.shape as [number, number, number, number];
  const before = [0, padding.top, padding.left, 0];
  const after = [0, padding.bottom, padding.right, 0];
  const amounts = padAmounts(context, operator.outputs[0]!, before, after);
  const shape = [n, h + padding.top + padding.bottom, w + padding.left + padding.right, c];
  const form: TfliteForm =
    filler === "zero"
      ? { type: "PAD", inputs: [x, amounts], options: [22, []] }
      : { type: "PADV2", inputs: [x, amounts, lowest(context, operator, source)], options: [43, []] };
  return context.before(form, source, shape);
}

function extents(operator: Windowed, context: FormContext): [number, number] {
  if (operator.kind === "maxPool2d" || operator.kind === "averagePool2d") {
    return [operator.attributes.kernelH, operator.attributes.kernelW];
  }
  const [, kernelH, kernelW] = context.tensor(operator.inputs[1]!).shape as [number, number, number, number];
  const { dilationH, dilationW } = operator.attributes;
  return [(kernelH - 1) * dilationH + 1, (kernelW - 1) * dilationW + 1];
}

function same(size: number, stride: number, extent: number): [number, number] {
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + extent - size, 0);
  return [total >> 1, total - (total >> 1)];
}

function padAmounts(
  context: FormContext,
  out: string,
  before: readonly number[],
  after: readonly number[],
): string {
  const pairs = before.flatMap((amount, i) => [amount, after[i]!]);
  const name = context.integers(`${out}/pads`, pairs);
  const tensor = context.tensor(name);
  return context.constant({ ...tensor, name: `${out}/pad-pairs`, shape: [before.length, 2] });
}

const LOWEST_CODE: Partial<Record<Tensor["dtype"], number>> = { int8: -128, uint8: 0, int16: -32768 };

function lowest(context: FormContext, operator: Operator, source: Tensor): string {
  const value = LOWEST_CODE[source.dtype] ?? -3.4028234663852886e38;
  return scalar(context, operator, source, value);
}

/** A padding value in the codes of what is padded. */
function fill(context: FormContext, operator: Operator, x: string, value: number): string {
  const source = context.tensor(x);
  const { quantization } = source;
  if (quantization === undefined) return scalar(context, operator, source, value);
  const { min, max } = codeRange(source);
  return scalar(context, operator, source, clamp(codeOf(value, affine(source)), min, max));
}

function scalar(context: FormContext, operator: Operator, like: Tensor, value: number): string {
  const data: TensorData =
    like.dtype === "int8"
      ? new Int8Array([value])
      : like.dtype === "int16"
        ? new Int16Array([value])
        : new Float32Array([value]);
  return context.constant({ ...like, name: `${operator.outputs[0]}/fill`, shape: [1], data });
}

function pool(
  type: BuiltinName,
  operator: OperatorOf<"maxPool2d"> | OperatorOf<"averagePool2d">,
  context: FormContext,
  filler: "zero" | "lowest" | "refuse",
): TfliteForm {
  const { kernelH, kernelW, activation } = operator.attributes;
  const { input, padding } = windowed(operator, context, filler);
  const fields: Field[] = [
    ...strides(operator.attributes, padding),
    [3, "int32", kernelW],
    [4, "int32", kernelH],
    [5, "int8", code(operator, activation)],
  ];
  return { type, inputs: [input], options: [5, fields] };
}

function writeTransposeConvolution(
  operator: OperatorOf<"transposeConv2d">,
  context: FormContext,
): TfliteForm {
  const { padding, strideH, strideW, activation, groups, dilationH, dilationW } = operator.attributes;
  const [x, weights, bias] = operator.inputs as [string, string, string?];
  const [out] = operator.outputs as [string];
  const [, h, w] = context.tensor(x).shape as [number, number, number, number];
  const [, kernelH, kernelW] = context.tensor(weights).shape as [number, number, number, number];
  const [, outH, outW] = context.tensor(out).shape as [number, number, number, number];
  const total = padding.top + padding.bottom + padding.left + padding.right;
  const isValid = total === 0 && outH === (h - 1) * strideH + kernelH && outW === (w - 1) * strideW + kernelW;
  const rows = Math.max((h - 1) * strideH + kernelH - outH, 0);
  const columns = Math.max((w - 1) * strideW + kernelW - outW, 0);
  const isSame =
    padding.top === rows >> 1 &&
    padding.left === columns >> 1 &&
    h === Math.ceil(outH / strideH) &&
    w === Math.ceil(outW / strideW);
  if (groups !== 1 || dilationH !== 1 || dilationW !== 1 || (!isValid && !isSame)) {
    throw unsupported(operator, "groups, dilation or a padding of its own", "Write .onnx instead.");
  }
  const shape = context.integers(`${out}/shape`, context.tensor(out).shape);
  const inputs = [shape, weights, x, ...(bias ? [bias] : [])];
  const fields: Field[] = [
    ...strides(operator.attributes, isValid ? PADDING_VALID : PADDING_SAME),
    [3, "int8", code(operator, activation)],
  ];
  return { type: "TRANSPOSE_CONV", inputs, options: [49, fields] };
}

/** TensorFlow Lite has no batch norm: it is a product and a sum over the channels, folded from its four vectors. */
function writeBatchNorm(operator: OperatorOf<"batchNorm">, context: FormContext): TfliteForm {
  const x = context.tensor(operator.inputs[0]!);
  const [scale, shift, mean, variance] = operator.inputs.slice(1).map((name) => context.tensor(name).data);
  const out = operator.outputs[0]!;
  if (x.dtype !== "float32" || !scale || !shift || !mean || !variance) {
    throw unsupported(
      operator,
      "a batch norm of integers or of computed vectors",
      "Fold it (mote quantize does).",
    );
  }
  const { epsilon } = operator.attributes;
  const factors = Float32Array.from(
    variance as Float32Array,
    (value, i) => Number(scale[i]) / Math.sqrt(value + epsilon),
  );
  const terms = factors.map((factor, i) => Number(shift[i]) - Number(mean[i]) * factor);
  const vector = (name: string, data: Float32Array) =>
    context.constant({ name: `${out}/${name}`, shape: [data.length], dtype: "float32", data });
  const none = [0, "int8", 0] as const;
  const product = context.before(
    { type: "MUL", inputs: [x.name, vector("factors", factors)], options: [21, [none]] },
    x,
    x.shape,
  );
  return { type: "ADD", inputs: [product, vector("terms", terms)], options: [11, [none]] };
}

type Reduction = OperatorOf<"mean"> | OperatorOf<"sum"> | OperatorOf<"reduceMax"> | OperatorOf<"reduceMin">;

function reduction(type: BuiltinName, operator: Reduction, context: FormContext): TfliteForm {
  const { axes, keepDims } = operator.attributes;
  const input = context.integers(`${operator.outputs[0]}/axes`, axes);
  return { type, inputs: [operator.inputs[0]!, input], options: [27, [[0, "int8", keepDims ? 1 : 0]]] };
}

function argument(
  type: BuiltinName,
  options: number,
  operator: OperatorOf<"argMax"> | OperatorOf<"argMin">,
  context: FormContext,
): TfliteForm {
  if (operator.attributes.keepDims) {
    throw unsupported(operator, "an index that keeps its axis", "Export with keepdims=0.");
  }
  const axis = context.integers(`${operator.outputs[0]}/axis`, [operator.attributes.axis]);
  const outputType = TENSOR_TYPE[context.tensor(operator.outputs[0]!).dtype] ?? 0;
  return { type, inputs: [operator.inputs[0]!, axis], options: [options, [[0, "int8", outputType]]] };
}

/** `field` is where align_corners stands among the options; half_pixel_centers follows it. */
function resize(
  type: BuiltinName,
  options: number,
  field: number,
  operator: OperatorOf<"resizeBilinear"> | OperatorOf<"resizeNearest">,
  context: FormContext,
): TfliteForm {
  const { height, width, alignCorners, halfPixelCenters } = operator.attributes;
  const size = context.integers(`${operator.outputs[0]}/size`, [height, width]);
  const fields: Field[] = [
    [field, "int8", alignCorners ? 1 : 0],
    [field + 1, "int8", halfPixelCenters ? 1 : 0],
  ];
  return { type, inputs: [operator.inputs[0]!, size], options: [options, fields] };
}

function lastAxis(operator: Operator, axis: number, context: FormContext): void {
  const rank = context.tensor(operator.inputs[0]!).shape.length;
  if (axis === -1 || axis === rank - 1) return;
  throw unsupported(operator, `axis ${axis}`, "Transpose so that it works on the last axis.");
}

function unsupported(operator: Operator, what: string, todo: string): UnsupportedError {
  return new UnsupportedError({
    expected: `something TensorFlow Lite can say at ${operator.kind} "${operator.name}"`,
    got: what,
    todo,
  });
}
