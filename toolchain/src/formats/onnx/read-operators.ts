import { UnsupportedError } from "../../errors.js";
import type { Operator, Padding, Quantization } from "../../graph/graph.js";
import { elementCount } from "../../graph/size.js";
import {
  type Constant,
  NodeAttributes,
  type OnnxImporter,
  permuteConstant,
  place,
  TO_CHANNELS_LAST,
} from "./importer.js";
import { type Node, readInitializer, unsupported } from "./proto.js";

type Read = (node: Node, importer: OnnxImporter, attributes: NodeAttributes) => void;
type Body = Omit<Operator, "name" | "outputs">;

/** One entry per ONNX operator that is read. */
const READ: Readonly<Record<string, Read>> = {
  Conv: readConvolution,
  BatchNormalization: (node, importer, attributes) => {
    const x = importer.activation(node, 0);
    const rank = importer.builder.get(x.tensor).shape.length;
    const image = rank === 4 && !x.channelsLast ? importer.channelsLast(node, 0) : x.tensor;
    const constants = [1, 2, 3, 4].map((i) =>
      importer.addConstant(
        node.input![i]!,
        importer.requireConstant(node, i, "scale, shift, mean or variance"),
      ),
    );
    const body = {
      kind: "batchNorm",
      inputs: [image, ...constants],
      attributes: { epsilon: attributes.float("epsilon", 1e-5) },
    } as const;
    importer.result(node, body, rank === 4);
  },
  MaxPool: (node, importer, attributes) => readPool(node, importer, attributes, "maxPool2d"),
  AveragePool: (node, importer, attributes) => readPool(node, importer, attributes, "averagePool2d"),
  GlobalAveragePool: (node, importer) => {
    const body = {
      kind: "mean",
      inputs: [importer.channelsLast(node, 0)],
      attributes: { axes: [1, 2], keepDims: true },
    } as const;
    importer.result(node, body, true);
  },
  GlobalMaxPool: (node, importer) => {
    const body = {
      kind: "reduceMax",
      inputs: [importer.channelsLast(node, 0)],
      attributes: { axes: [1, 2], keepDims: true },
    } as const;
    importer.result(node, body, true);
  },
  Gemm: readGemm,
  MatMul: readMatMul,
  Add: (node, importer) => readBinary(node, importer, "add"),
  Sub: (node, importer) => readBinary(node, importer, "sub"),
  Mul: (node, importer) => readBinary(node, importer, "mul"),
  Div: (node, importer) => readBinary(node, importer, "div"),
  Min: (node, importer) => readBinary(node, importer, "minimum"),
  Max: (node, importer) => readBinary(node, importer, "maximum"),
  Pow: (node, importer) => readBinary(node, importer, "pow"),
  Relu: (node, importer) => unary(node, importer, { kind: "relu", attributes: {} }),
  LeakyRelu: (node, importer, a) =>
    unary(node, importer, { kind: "leakyRelu", attributes: { alpha: a.float("alpha", 0.01) } }),
  Elu: (node, importer, a) =>
    unary(node, importer, { kind: "elu", attributes: { alpha: a.float("alpha", 1) } }),
  Selu: (node, importer, a) =>
    unary(node, importer, {
      kind: "selu",
      attributes: {
        alpha: a.float("alpha", 1.6732631921768188),
        gamma: a.float("gamma", 1.0507010221481323),
      },
    }),
  HardSigmoid: (node, importer, a) =>
    unary(node, importer, {
      kind: "hardSigmoid",
      attributes: { alpha: a.float("alpha", 0.2), beta: a.float("beta", 0.5) },
    }),
  Sigmoid: (node, importer) => unary(node, importer, { kind: "sigmoid", attributes: {} }),
  Tanh: (node, importer) => unary(node, importer, { kind: "tanh", attributes: {} }),
  Softplus: (node, importer) => unary(node, importer, { kind: "softplus", attributes: {} }),
  Softsign: (node, importer) => unary(node, importer, { kind: "softsign", attributes: {} }),
  Exp: (node, importer) => unary(node, importer, { kind: "exp", attributes: {} }),
  Log: (node, importer) => unary(node, importer, { kind: "log", attributes: {} }),
  Sqrt: (node, importer) => unary(node, importer, { kind: "sqrt", attributes: {} }),
  Abs: (node, importer) => unary(node, importer, { kind: "abs", attributes: {} }),
  Neg: (node, importer) => unary(node, importer, { kind: "neg", attributes: {} }),
  Floor: (node, importer) => unary(node, importer, { kind: "floor", attributes: {} }),
  Ceil: (node, importer) => unary(node, importer, { kind: "ceil", attributes: {} }),
  Identity: alias,
  Dropout: alias,
  Clip: (node, importer, attributes) => {
    const bound = (i: number, name: string, fallback: number): number => {
      const constant = importer.opset >= 11 ? importer.constant(node, i) : null;
      return constant === null ? attributes.float(name, fallback) : Number(constant.data[0]);
    };
    const [min, max] = [bound(1, "min", -3.4028234663852886e38), bound(2, "max", 3.4028234663852886e38)];
    if (min === 0 && max === 6) unary(node, importer, { kind: "relu6", attributes: {} });
    else unary(node, importer, { kind: "clip", attributes: { min, max } });
  },
  Softmax: (node, importer, attributes) => readSoftmax(node, importer, attributes, "softmax"),
  LogSoftmax: (node, importer, attributes) => readSoftmax(node, importer, attributes, "logSoftmax"),
  ReduceMean: (node, importer, attributes) => {
    const x = importer.activation(node, 0);
    const rank = importer.builder.get(x.tensor).shape.length;
    const given = attributes.ints("axes") ?? [...(importer.constant(node, 1)?.data ?? [])].map(Number);
    const axes = (given.length > 0 ? given : Array.from({ length: rank }, (_, i) => i)).map((axis) =>
      axis < 0 ? axis + rank : axis,
    );
    const keepDims = attributes.int("keepdims", 1) === 1;
    const isSpatial = axes.length === 2 && axes.includes(2) && axes.includes(3);
    if (x.channelsLast && (keepDims || isSpatial)) {
      const body = {
        kind: "mean",
        inputs: [x.tensor],
        attributes: { axes: axes.map((axis) => TO_CHANNELS_LAST.indexOf(axis)), keepDims },
      } as const;
      importer.result(node, body, keepDims);
      return;
    }
    importer.result(
      node,
      { kind: "mean", inputs: [importer.plain(node, 0)], attributes: { axes, keepDims } },
      false,
    );
  },
  Flatten: (node, importer, attributes) => {
    const tensor = importer.plain(node, 0);
    const { shape } = importer.builder.get(tensor);
    const axis = attributes.int("axis", 1);
    const at = axis < 0 ? axis + shape.length : axis;
    reshape(node, importer, tensor, [elementCount(shape.slice(0, at)), elementCount(shape.slice(at))]);
  },
  Reshape: (node, importer) => {
    const wanted = [...importer.requireConstant(node, 1, "shape").data].map(Number);
    const tensor = importer.plain(node, 0);
    const { shape } = importer.builder.get(tensor);
    const count = elementCount(shape);
    const fixed = wanted.map((length, i) => (length === 0 ? shape[i]! : length));
    const rest = fixed.reduce((product, length) => (length === -1 ? product : product * length), 1);
    reshape(
      node,
      importer,
      tensor,
      fixed.map((length) => (length === -1 ? count / rest : length)),
    );
  },
  Transpose: (node, importer, attributes) => {
    const x = importer.activation(node, 0);
    const rank = importer.builder.get(x.tensor).shape.length;
    const perm = attributes.ints("perm") ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
    if (!x.channelsLast) {
      importer.result(
        node,
        { kind: "transpose", inputs: [x.tensor], attributes: { permutation: perm } },
        false,
      );
      return;
    }
    // `perm` counts ONNX's axes; what is stored has them in another order.
    const stored = perm.map((axis) => TO_CHANNELS_LAST.indexOf(axis));
    if (stored.every((axis, i) => axis === i))
      importer.define(node.output![0]!, { kind: "activation", tensor: x.tensor, channelsLast: false });
    else
      importer.result(
        node,
        { kind: "transpose", inputs: [x.tensor], attributes: { permutation: stored } },
        false,
      );
  },
  Concat: (node, importer, attributes) => {
    const inputs = (node.input ?? []).map((_, i) => importer.activation(node, i));
    const rank = importer.builder.get(inputs[0]!.tensor).shape.length;
    const axis = attributes.int("axis", 0);
    const at = axis < 0 ? axis + rank : axis;
    const isImage = inputs.some((input) => input.channelsLast);
    const names = inputs.map((_, i) => (isImage ? importer.channelsLast(node, i) : importer.plain(node, i)));
    const attributesOf = { axis: isImage ? TO_CHANNELS_LAST.indexOf(at) : at, activation: "none" } as const;
    importer.result(node, { kind: "concat", inputs: names, attributes: attributesOf }, isImage);
  },
  Constant: (node, importer, attributes) => {
    const tensor = attributes.tensor("value");
    if (!tensor) throw unsupported(`${place(node)} without a tensor value`, "Export the model again.");
    importer.define(node.output![0]!, { kind: "constant", constant: readInitializer(tensor) });
  },
  QuantizeLinear: (node, importer) => {
    const x = importer.activation(node, 0);
    const { quantization, dtype } = scales(node, importer, null);
    const tensor = importer.builder.freshName(node.output![0]!);
    importer.builder.operator(
      { kind: "quantize", name: tensor, inputs: [x.tensor], outputs: [tensor], attributes: {} },
      { dtype, quantization },
    );
    importer.define(node.output![0]!, { kind: "activation", tensor, channelsLast: x.channelsLast });
  },
  DequantizeLinear: (node, importer, attributes) => {
    const constant = importer.constant(node, 0);
    if (constant !== null) {
      const { quantization } = scales(node, importer, attributes.int("axis", 1));
      importer.define(node.output![0]!, { kind: "constant", constant: { ...constant, quantization } });
      return;
    }
    const x = importer.activation(node, 0);
    importer.result(
      node,
      { kind: "dequantize", inputs: [x.tensor], attributes: {} },
      x.channelsLast,
      "float32",
    );
  },
};

/** Reads one node, or throws UnsupportedError naming it. */
export function readNode(node: Node, importer: OnnxImporter): void {
  const read = isReadable(node) ? READ[node.opType!] : undefined;
  if (read === undefined) throw unsupported(place(node), "Replace it before export.");
  read(node, importer, new NodeAttributes(node));
}

export function isReadable(node: Node): boolean {
  return (
    (node.domain ?? "") === "" &&
    node.opType !== undefined &&
    node.opType !== null &&
    Object.hasOwn(READ, node.opType)
  );
}

function readConvolution(node: Node, importer: OnnxImporter, attributes: NodeAttributes): void {
  const weights = importer.requireConstant(node, 1, "weights");
  const [out, perGroup, kernelH, kernelW] = weights.shape as [number, number, number, number];
  if (weights.shape.length !== 4)
    throw unsupported(
      `${place(node)} with weights of rank ${weights.shape.length}`,
      "Only 2-D convolutions are read as yet.",
    );
  const groups = attributes.int("group", 1);
  const x = importer.channelsLast(node, 0);
  const window = readWindow(node, importer, x, attributes, kernelH, kernelW);
  const isDepthwise = groups > 1 && perGroup === 1;
  const moved = permuteConstant(weights, isDepthwise ? [1, 2, 3, 0] : [0, 2, 3, 1]);
  const inputs = [x, importer.addConstant(node.input![1]!, moved), ...readBias(node, importer, 2)];
  const shared = { ...window, activation: "none" } as const;
  const body: Body = isDepthwise
    ? { kind: "depthwiseConv2d", inputs, attributes: { ...shared, multiplier: out / groups } }
    : { kind: "conv2d", inputs, attributes: { ...shared, groups } };
  importer.result(node, body, true);
}

function readBias(node: Node, importer: OnnxImporter, i: number): string[] {
  const name = node.input?.[i];
  if (name === undefined || name === "") return [];
  const bias = importer.requireConstant(node, i, "bias");
  return [importer.addConstant(name, { ...bias, shape: [elementCount(bias.shape)] })];
}

function readWindow(
  node: Node,
  importer: OnnxImporter,
  x: string,
  attributes: NodeAttributes,
  kernelH: number,
  kernelW: number,
): { strideH: number; strideW: number; padding: Padding; dilationH: number; dilationW: number } {
  const [strideH, strideW] = (attributes.ints("strides") ?? [1, 1]) as [number, number];
  const [dilationH, dilationW] = (attributes.ints("dilations") ?? [1, 1]) as [number, number];
  const [, height, width] = importer.builder.get(x).shape as [number, number, number, number];
  const auto = attributes.text("auto_pad", "NOTSET");
  let [top, left, bottom, right] = (attributes.ints("pads") ?? [0, 0, 0, 0]) as [
    number,
    number,
    number,
    number,
  ];
  if (auto === "SAME_UPPER" || auto === "SAME_LOWER") {
    const total = (size: number, stride: number, extent: number): number =>
      Math.max(0, (Math.ceil(size / stride) - 1) * stride + extent - size);
    const h = total(height, strideH, (kernelH - 1) * dilationH + 1);
    const w = total(width, strideW, (kernelW - 1) * dilationW + 1);
    const first = auto === "SAME_UPPER" ? Math.floor : Math.ceil;
    [top, left] = [first(h / 2), first(w / 2)];
    [bottom, right] = [h - top, w - left];
  }
  if (attributes.int("ceil_mode", 0) === 1) {
    const rest = (size: number, before: number, after: number, extent: number, stride: number): number => {
      const over = (size + before + after - extent) % stride;
      return over === 0 ? after : after + stride - over;
    };
    if (
      rest(height, top, bottom, kernelH, strideH) !== bottom ||
      rest(width, left, right, kernelW, strideW) !== right
    ) {
      throw unsupported(`${place(node)} with ceil_mode that adds a window`, "Export with ceil_mode=False.");
    }
  }
  return { strideH, strideW, dilationH, dilationW, padding: { top, bottom, left, right } };
}

function readPool(
  node: Node,
  importer: OnnxImporter,
  attributes: NodeAttributes,
  kind: "maxPool2d" | "averagePool2d",
): void {
  const kernel = attributes.ints("kernel_shape");
  if (kernel?.length !== 2)
    throw unsupported(
      `${place(node)} with a kernel of ${kernel?.length ?? 0} dimensions`,
      "Only 2-D pools are read as yet.",
    );
  const [kernelH, kernelW] = kernel as [number, number];
  const x = importer.channelsLast(node, 0);
  const { dilationH, dilationW, ...window } = readWindow(node, importer, x, attributes, kernelH, kernelW);
  if (dilationH !== 1 || dilationW !== 1)
    throw unsupported(`${place(node)} with dilation`, "Export without it.");
  const shared = { ...window, kernelH, kernelW, activation: "none" } as const;
  const body: Body =
    kind === "maxPool2d"
      ? { kind, inputs: [x], attributes: shared }
      : {
          kind,
          inputs: [x],
          attributes: { ...shared, countIncludePad: attributes.int("count_include_pad", 0) === 1 },
        };
  importer.result(node, body, true);
}

function readGemm(node: Node, importer: OnnxImporter, attributes: NodeAttributes): void {
  const weights = importer.requireConstant(node, 1, "second matrix");
  if (
    attributes.int("transA", 0) !== 0 ||
    attributes.float("alpha", 1) !== 1 ||
    attributes.float("beta", 1) !== 1
  ) {
    throw unsupported(`${place(node)} with transA, alpha or beta`, "Export a plain linear layer.");
  }
  const rows = attributes.int("transB", 0) === 1 ? weights : permuteConstant(weights, [1, 0]);
  const inputs = [
    importer.plain(node, 0),
    importer.addConstant(node.input![1]!, rows),
    ...readBias(node, importer, 2),
  ];
  importer.result(
    node,
    { kind: "fullyConnected", inputs, attributes: { activation: "none", keepDims: false } },
    false,
  );
}

function readMatMul(node: Node, importer: OnnxImporter): void {
  const weights = importer.constant(node, 1);
  if (weights !== null && weights.shape.length === 2) {
    const inputs = [
      importer.plain(node, 0),
      importer.addConstant(node.input![1]!, permuteConstant(weights, [1, 0])),
    ];
    const keepDims = importer.builder.get(inputs[0]!).shape.length !== 2;
    importer.result(
      node,
      { kind: "fullyConnected", inputs, attributes: { activation: "none", keepDims } },
      false,
    );
    return;
  }
  const inputs = [importer.plain(node, 0), importer.plain(node, 1)];
  importer.result(
    node,
    { kind: "matMul", inputs, attributes: { transposeA: false, transposeB: false } },
    false,
  );
}

type Binary = "add" | "sub" | "mul" | "div" | "minimum" | "maximum" | "pow";

function readBinary(node: Node, importer: OnnxImporter, kind: Binary): void {
  if ((node.input?.length ?? 0) !== 2)
    throw unsupported(`${place(node)} with ${node.input?.length ?? 0} inputs`, "Write it as a chain of two.");
  const constants = [0, 1].map((i) => importer.constant(node, i));
  const isImage = [0, 1].some((i) => constants[i] === null && importer.activation(node, i).channelsLast);
  const inputs = [0, 1].map((i) => {
    const constant = constants[i];
    if (constant === null || constant === undefined)
      return isImage ? importer.channelsLast(node, i) : importer.plain(node, i);
    return importer.addConstant(node.input![i]!, isImage ? imageConstant(constant) : constant);
  });
  const hasActivation = kind === "add" || kind === "sub" || kind === "mul" || kind === "div";
  importer.result(
    node,
    { kind, inputs, attributes: hasActivation ? { activation: "none" } : {} } as Body,
    isImage,
  );
}

/** Broadcasting counts axes from the right, so a constant is given all four before they are reordered. */
function imageConstant(constant: Constant): Constant {
  if (constant.data.length === 1) return { ...constant, shape: [1] };
  const shape = [...new Array<number>(4 - constant.shape.length).fill(1), ...constant.shape];
  return permuteConstant({ ...constant, shape }, TO_CHANNELS_LAST);
}

function readSoftmax(
  node: Node,
  importer: OnnxImporter,
  attributes: NodeAttributes,
  kind: "softmax" | "logSoftmax",
): void {
  const tensor = importer.plain(node, 0);
  const rank = importer.builder.get(tensor).shape.length;
  const axis = attributes.int("axis", importer.opset >= 13 ? -1 : 1);
  const at = axis < 0 ? axis + rank : axis;
  if (importer.opset < 13 && at !== rank - 1) {
    throw unsupported(
      `${place(node)} of opset ${importer.opset} over several axes`,
      "Export with opset 13 or newer.",
    );
  }
  const body: Body =
    kind === "softmax"
      ? { kind, inputs: [tensor], attributes: { axis: at, beta: 1 } }
      : { kind, inputs: [tensor], attributes: { axis: at } };
  importer.result(node, body, false);
}

function unary(
  node: Node,
  importer: OnnxImporter,
  body: { kind: Operator["kind"]; attributes: object },
): void {
  const x = importer.activation(node, 0);
  importer.result(node, { ...body, inputs: [x.tensor] } as Body, x.channelsLast);
}

function alias(node: Node, importer: OnnxImporter): void {
  importer.define(node.output![0]!, importer.value(node.input![0]!, node));
}

function reshape(node: Node, importer: OnnxImporter, tensor: string, shape: number[]): void {
  importer.result(node, { kind: "reshape", inputs: [tensor], attributes: { shape } }, false);
}

/** Scale and zero point of a QuantizeLinear or DequantizeLinear; one entry each, or one per index of the axis. */
function scales(
  node: Node,
  importer: OnnxImporter,
  axis: number | null,
): { quantization: Quantization; dtype: "int8" | "uint8" | "int16" | "int32" } {
  const scale = importer.requireConstant(node, 1, "scale");
  const zero = importer.constant(node, 2);
  const data = scale.data;
  if (!(data instanceof Float32Array))
    throw unsupported(`${place(node)} with a scale that is no float`, "Export it with float32 scales.");
  const isPerAxis = data.length > 1;
  if (isPerAxis && axis === null)
    throw unsupported(
      `${place(node)} with a scale per channel on an activation`,
      "Quantize activations per tensor.",
    );
  const dtype = zero?.dtype ?? "uint8";
  if (dtype !== "int8" && dtype !== "uint8" && dtype !== "int16" && dtype !== "int32") {
    throw new UnsupportedError({
      expected: `int8, uint8, int16 or int32 codes at ${place(node)}`,
      got: dtype,
      todo: "Quantize to int8.",
    });
  }
  return {
    dtype,
    quantization: {
      scale: data,
      zeroPoint: zero === null ? new Int32Array(data.length) : Int32Array.from(zero.data, Number),
      axis: isPerAxis ? axis : null,
    },
  };
}
