import { UnsupportedError } from "../../errors.js";
import type { Activation, OperatorKind, OperatorOf, Padding, Tensor } from "../../graph/graph.js";
import type { TfliteImporter, TfliteNode } from "./importer.js";
import { readLstm, readSvdf } from "./read-recurrent.js";
import { ACTIVATIONS, type BuiltinName, PADDING_SAME } from "./schema.js";

type Read = (node: TfliteNode, importer: TfliteImporter) => void;

/** Operators of two activations and a fused activation, the first field of their options. */
type Arithmetic = "add" | "sub" | "mul" | "div";

/** One entry per TensorFlow Lite operator that is read. */
const READ: { readonly [name in BuiltinName]?: Read } = {
  CONV_2D: readConvolution,
  DEPTHWISE_CONV_2D: readDepthwise,
  TRANSPOSE_CONV: readTransposeConvolution,
  FULLY_CONNECTED: (node, importer) =>
    importer.add(node, "fullyConnected", node.inputs, {
      activation: activation(node, 0),
      keepDims: node.options?.bool(2) ?? false,
    }),
  BATCH_MATMUL: (node, importer) =>
    importer.add(node, "matMul", node.inputs, {
      transposeA: node.options?.bool(0) ?? false,
      transposeB: node.options?.bool(1) ?? false,
    }),
  MAX_POOL_2D: (node, importer) => importer.add(node, "maxPool2d", node.inputs, pool(node, importer)),
  AVERAGE_POOL_2D: (node, importer) =>
    importer.add(node, "averagePool2d", node.inputs, { ...pool(node, importer), countIncludePad: false }),
  ADD: arithmetic("add"),
  SUB: arithmetic("sub"),
  MUL: arithmetic("mul"),
  DIV: arithmetic("div"),
  SQUARE: (node, importer) =>
    importer.add(node, "mul", [node.inputs[0]!, node.inputs[0]!], { activation: "none" }),
  MINIMUM: simple("minimum", {}),
  MAXIMUM: simple("maximum", {}),
  POW: simple("pow", {}),
  PRELU: simple("prelu", {}),
  RELU: simple("relu", {}),
  RELU6: simple("relu6", {}),
  RELU_N1_TO_1: simple("clip", { min: -1, max: 1 }),
  ELU: simple("elu", { alpha: 1 }),
  HARD_SWISH: simple("hardSwish", {}),
  LOGISTIC: simple("sigmoid", {}),
  TANH: simple("tanh", {}),
  EXP: simple("exp", {}),
  LOG: simple("log", {}),
  SQRT: simple("sqrt", {}),
  RSQRT: simple("rsqrt", {}),
  ABS: simple("abs", {}),
  NEG: simple("neg", {}),
  FLOOR: simple("floor", {}),
  CEIL: simple("ceil", {}),
  SIN: simple("sin", {}),
  COS: simple("cos", {}),
  LEAKY_RELU: (node, importer) =>
    importer.add(node, "leakyRelu", node.inputs, { alpha: node.options?.float(0) ?? 0 }),
  GELU: (node, importer) =>
    importer.add(node, "gelu", node.inputs, { approximate: node.options?.bool(0) ?? false }),
  SOFTMAX: (node, importer) =>
    importer.add(node, "softmax", node.inputs, {
      axis: importer.input(node, 0).shape.length - 1,
      beta: node.options?.float(0) ?? 0,
    }),
  LOG_SOFTMAX: (node, importer) =>
    importer.add(node, "logSoftmax", node.inputs, { axis: importer.input(node, 0).shape.length - 1 }),
  MEAN: reduction("mean"),
  SUM: reduction("sum"),
  REDUCE_MAX: reduction("reduceMax"),
  REDUCE_MIN: reduction("reduceMin"),
  ARG_MAX: (node, importer) => argument(node, importer, "argMax"),
  ARG_MIN: (node, importer) => argument(node, importer, "argMin"),
  CONCATENATION: (node, importer) =>
    importer.add(node, "concat", node.inputs, {
      axis: node.options?.int32(0) ?? 0,
      activation: activation(node, 1),
    }),
  SPLIT: (node, importer) => {
    const x = importer.input(node, 1);
    const axis = importer.integers(node, 0)[0] ?? 0;
    split(node, importer, x, axis);
  },
  SPLIT_V: (node, importer) =>
    split(node, importer, importer.input(node, 0), importer.integers(node, 2)[0] ?? 0),
  UNPACK: readUnpack,
  PACK: readPack,
  SLICE: (node, importer) => {
    const begin = importer.integers(node, 1);
    const { shape } = importer.output(node);
    importer.add(node, "slice", [node.inputs[0]!], { begin, size: shape, strides: begin.map(() => 1) });
  },
  STRIDED_SLICE: readStridedSlice,
  PAD: (node, importer) => pad(node, importer, "constant", 0),
  PADV2: (node, importer) => {
    const { data, quantization } = importer.input(node, 2);
    const code = Number(data?.[0] ?? 0);
    const value =
      quantization === undefined ? code : quantization.scale[0]! * (code - quantization.zeroPoint[0]!);
    pad(node, importer, "constant", value);
  },
  MIRROR_PAD: (node, importer) => {
    if ((node.options?.int8(0) ?? 0) !== 0)
      throw unsupported(node, "symmetric padding", "Pad by reflection.");
    pad(node, importer, "reflect", 0);
  },
  RESHAPE: reshape,
  SQUEEZE: reshape,
  EXPAND_DIMS: reshape,
  TRANSPOSE: (node, importer) =>
    importer.add(node, "transpose", [node.inputs[0]!], { permutation: importer.integers(node, 1) }),
  RESIZE_BILINEAR: (node, importer) => resize(node, importer, "resizeBilinear", 2),
  RESIZE_NEAREST_NEIGHBOR: (node, importer) => resize(node, importer, "resizeNearest", 0),
  GATHER: (node, importer) =>
    importer.add(node, "gather", node.inputs, { axis: node.options?.int32(0) ?? 0 }),
  TILE: (node, importer) =>
    importer.add(node, "tile", [node.inputs[0]!], { repeats: importer.integers(node, 1) }),
  BROADCAST_TO: (node, importer) =>
    importer.add(node, "expand", [node.inputs[0]!], { shape: importer.output(node).shape }),
  CAST: (node, importer) => importer.add(node, "cast", node.inputs, { to: importer.output(node).dtype }),
  QUANTIZE: (node, importer) => {
    const isFloat = importer.input(node, 0).dtype === "float32";
    importer.add(node, isFloat ? "quantize" : "requantize", node.inputs, {});
  },
  DEQUANTIZE: readDequantize,
  SVDF: readSvdf,
  UNIDIRECTIONAL_SEQUENCE_LSTM: readLstm,
};

export function isReadable(type: string): boolean {
  return Object.hasOwn(READ, type);
}

export const READABLE_OPERATORS: readonly string[] = Object.keys(READ);

/** Reads one operator, or throws UnsupportedError naming it. */
export function readNode(node: TfliteNode, importer: TfliteImporter): void {
  const read = READ[node.type as BuiltinName];
  if (read === undefined) throw unsupported(node, node.type, "Replace it before conversion.");
  read(node, importer);
}

function simple<K extends OperatorKind>(kind: K, attributes: OperatorOf<K>["attributes"]): Read {
  return (node, importer) => importer.add(node, kind, node.inputs, attributes);
}

function arithmetic(kind: Arithmetic): Read {
  return (node, importer) => importer.add(node, kind, node.inputs, { activation: activation(node, 0) });
}

function reduction(kind: "mean" | "sum" | "reduceMax" | "reduceMin"): Read {
  return (node, importer) => {
    const rank = importer.input(node, 0).shape.length;
    const axes = importer.integers(node, 1).map((axis) => (axis < 0 ? axis + rank : axis));
    const keepDims = node.options?.bool(0) ?? false;
    importer.add(node, kind, [node.inputs[0]!], { axes, keepDims });
  };
}

function argument(node: TfliteNode, importer: TfliteImporter, kind: "argMax" | "argMin"): void {
  const axis = importer.integers(node, 1)[0] ?? 0;
  importer.add(node, kind, [node.inputs[0]!], { axis, keepDims: false });
}

/** The fused activation, at its place among the options. */
function activation(node: TfliteNode, field: number): Activation {
  const code = node.options?.int8(field) ?? 0;
  const found = ACTIVATIONS[code];
  if (found === undefined) {
    throw unsupported(
      node,
      `fused activation ${code}`,
      "Convert with the activation as an operator of its own.",
    );
  }
  return found;
}

function readConvolution(node: TfliteNode, importer: TfliteImporter): void {
  const x = image(node, importer.input(node, 0));
  const [, kernelH, kernelW, perGroup] = image(node, importer.input(node, 1));
  const options = node.options;
  const [dilationW, dilationH] = [options?.int32(4, 1) ?? 1, options?.int32(5, 1) ?? 1];
  const window = strides(node, x, (kernelH - 1) * dilationH + 1, (kernelW - 1) * dilationW + 1);
  const groups = x[3] / perGroup;
  if (!Number.isInteger(groups)) {
    throw unsupported(node, `${x[3]} channels under kernels of ${perGroup}`, "Check the model's export.");
  }
  importer.add(node, "conv2d", node.inputs, {
    ...window,
    dilationH,
    dilationW,
    groups,
    activation: activation(node, 3),
  });
}

function readDepthwise(node: TfliteNode, importer: TfliteImporter): void {
  const x = image(node, importer.input(node, 0));
  const [, kernelH, kernelW, out] = image(node, importer.input(node, 1));
  const options = node.options;
  const [dilationW, dilationH] = [options?.int32(5, 1) ?? 1, options?.int32(6, 1) ?? 1];
  const window = strides(node, x, (kernelH - 1) * dilationH + 1, (kernelW - 1) * dilationW + 1);
  importer.add(node, "depthwiseConv2d", node.inputs, {
    ...window,
    dilationH,
    dilationW,
    multiplier: out / x[3],
    activation: activation(node, 4),
  });
}

/** inputs: output shape, weights [out, kh, kw, in], activation, bias? */
function readTransposeConvolution(node: TfliteNode, importer: TfliteImporter): void {
  const [, outH, outW] = image(node, importer.output(node));
  const [, kernelH, kernelW] = image(node, importer.input(node, 1));
  const [, h, w] = image(node, importer.input(node, 2));
  const strideW = node.options?.int32(1) ?? 1;
  const strideH = node.options?.int32(2) ?? 1;
  const isSame = (node.options?.int8(0) ?? PADDING_SAME) === PADDING_SAME;
  // TensorFlow pads as the convolution would that makes the input out of the output.
  const rows = border(isSame, outH, h, strideH, kernelH);
  const columns = border(isSame, outW, w, strideW, kernelW);
  const [, weights, x, bias] = node.inputs as [string, string, string, string?];
  importer.add(node, "transposeConv2d", bias ? [x, weights, bias] : [x, weights], {
    strideH,
    strideW,
    padding: { top: rows.before, bottom: rows.after, left: columns.before, right: columns.after },
    dilationH: 1,
    dilationW: 1,
    groups: 1,
    outputPaddingH: rows.extra,
    outputPaddingW: columns.extra,
    activation: activation(node, 3),
  });
}

function border(
  isSame: boolean,
  out: number,
  size: number,
  stride: number,
  kernel: number,
): { before: number; after: number; extra: number } {
  const whole = (size - 1) * stride + kernel;
  const before = isSame ? Math.floor(Math.max(whole - out, 0) / 2) : 0;
  const after = Math.max(whole - out - before, 0);
  return { before, after, extra: Math.max(out - whole, 0) };
}

type Image = readonly [number, number, number, number];

function image(node: TfliteNode, tensor: Tensor): Image {
  const [n, h, w, c] = tensor.shape;
  if (n === undefined || h === undefined || w === undefined || c === undefined || tensor.shape.length !== 4) {
    throw unsupported(node, `"${tensor.name}" of rank ${tensor.shape.length}`, "Give it rank 4.");
  }
  return [n, h, w, c];
}

/** Strides and padding, which stand first in the options of every windowed operator. */
function strides(
  node: TfliteNode,
  [, height, width]: Image,
  extentH: number,
  extentW: number,
): { strideH: number; strideW: number; padding: Padding } {
  const strideW = node.options?.int32(1) ?? 0;
  const strideH = node.options?.int32(2) ?? 0;
  if (strideH < 1 || strideW < 1) throw unsupported(node, `strides ${strideH}x${strideW}`, "Use 1 or more.");
  if ((node.options?.int8(0) ?? PADDING_SAME) !== PADDING_SAME) {
    return { strideH, strideW, padding: { top: 0, bottom: 0, left: 0, right: 0 } };
  }
  const total = (size: number, stride: number, extent: number): number =>
    Math.max((Math.ceil(size / stride) - 1) * stride + extent - size, 0);
  const [rows, columns] = [total(height, strideH, extentH), total(width, strideW, extentW)];
  const [top, left] = [rows >> 1, columns >> 1];
  return { strideH, strideW, padding: { top, bottom: rows - top, left, right: columns - left } };
}

function pool(node: TfliteNode, importer: TfliteImporter): OperatorOf<"maxPool2d">["attributes"] {
  const kernelW = node.options?.int32(3) ?? 0;
  const kernelH = node.options?.int32(4) ?? 0;
  const x = image(node, importer.input(node, 0));
  return { ...strides(node, x, kernelH, kernelW), kernelH, kernelW, activation: activation(node, 5) };
}

function split(node: TfliteNode, importer: TfliteImporter, x: Tensor, axis: number): void {
  const at = axis < 0 ? axis + x.shape.length : axis;
  const sizes = node.outputs.map((_, i) => importer.output(node, i).shape[at] ?? 0);
  importer.add(node, "split", [x.name], { axis: at, sizes });
}

function readUnpack(node: TfliteNode, importer: TfliteImporter): void {
  const x = importer.input(node, 0);
  const axis = node.options?.int32(1) ?? 0;
  const at = axis < 0 ? axis + x.shape.length : axis;
  const thin = x.shape.map((length, i) => (i === at ? 1 : length));
  const slices = node.outputs.map((name) => importer.between(importer.tensors.get(name)!, "slice", thin));
  importer.add(node, "split", [x.name], { axis: at, sizes: slices.map(() => 1) }, slices);
  node.outputs.forEach((name, i) => {
    importer.add(node, "reshape", [slices[i]!], { shape: importer.output(node, i).shape }, [name]);
  });
}

function readPack(node: TfliteNode, importer: TfliteImporter): void {
  const out = importer.output(node);
  const axis = node.options?.int32(1) ?? 0;
  const at = axis < 0 ? axis + out.shape.length : axis;
  const thin = out.shape.map((length, i) => (i === at ? 1 : length));
  const parts = node.inputs.map((name, i) => {
    const part = importer.between(importer.tensor(node, name, `input ${i}`), "unsqueezed", thin);
    importer.add(node, "reshape", [name], { shape: thin }, [part]);
    return part;
  });
  importer.add(node, "concat", parts, { axis: at, activation: "none" });
}

/** A slice with steps, then a reshape where axes are dropped. */
function readStridedSlice(node: TfliteNode, importer: TfliteImporter): void {
  const x = importer.input(node, 0);
  const [begins, ends, steps] = [1, 2, 3].map((i) => importer.integers(node, i)) as [
    number[],
    number[],
    number[],
  ];
  const mask = (field: number, axis: number): boolean =>
    (((node.options?.int32(field) ?? 0) >> axis) & 1) === 1;
  if ((node.options?.int32(2) ?? 0) !== 0 || (node.options?.int32(3) ?? 0) !== 0) {
    throw unsupported(node, "an ellipsis or a new axis", "Reshape before slicing.");
  }
  const begin: number[] = [];
  const size: number[] = [];
  const strides: number[] = [];
  x.shape.forEach((length, axis) => {
    const step = steps[axis] ?? 1;
    if (step < 1) throw unsupported(node, `step ${step}`, "Slice forwards.");
    const wrap = (index: number): number => Math.min(Math.max(index < 0 ? index + length : index, 0), length);
    const from = mask(0, axis) ? 0 : wrap(begins[axis] ?? 0);
    const isOne = mask(4, axis);
    const to = isOne ? from + 1 : mask(1, axis) || ends[axis] === undefined ? length : wrap(ends[axis]);
    begin.push(from);
    size.push(Math.max(Math.ceil((to - from) / step), 0));
    strides.push(step);
  });
  const out = importer.output(node);
  if (out.shape.length === size.length) {
    importer.add(node, "slice", [x.name], { begin, size, strides });
    return;
  }
  const whole = importer.between(out, "slice", size);
  importer.add(node, "slice", [x.name], { begin, size, strides }, [whole]);
  importer.add(node, "reshape", [whole], { shape: out.shape });
}

function pad(
  node: TfliteNode,
  importer: TfliteImporter,
  mode: OperatorOf<"pad">["attributes"]["mode"],
  value: number,
): void {
  const amounts = importer.integers(node, 1);
  importer.add(node, "pad", [node.inputs[0]!], {
    before: amounts.filter((_, i) => i % 2 === 0),
    after: amounts.filter((_, i) => i % 2 === 1),
    mode,
    value,
  });
}

function reshape(node: TfliteNode, importer: TfliteImporter): void {
  importer.add(node, "reshape", [node.inputs[0]!], { shape: importer.output(node).shape });
}

/** `field` is where align_corners stands among the options; half_pixel_centers follows it. */
function resize(
  node: TfliteNode,
  importer: TfliteImporter,
  kind: "resizeBilinear" | "resizeNearest",
  field: number,
): void {
  const [, height, width] = image(node, importer.output(node));
  importer.add(node, kind, [node.inputs[0]!], {
    height,
    width,
    alignCorners: node.options?.bool(field) ?? false,
    halfPixelCenters: node.options?.bool(field + 1) ?? false,
  });
}

/** Constants that were stored as float16 are float32 already: the operator that widens them falls away. */
function readDequantize(node: TfliteNode, importer: TfliteImporter): void {
  const x = importer.input(node, 0);
  const out = importer.output(node);
  if (x.data instanceof Float32Array) {
    importer.tensors.set(out.name, { ...out, data: x.data });
    return;
  }
  importer.add(node, "dequantize", node.inputs, {});
}

function unsupported(node: TfliteNode, what: string, todo: string): UnsupportedError {
  return new UnsupportedError({
    expected: `what Mote reads of ${node.type} at "${node.name}" (docs/operators.md)`,
    got: what,
    todo,
  });
}
