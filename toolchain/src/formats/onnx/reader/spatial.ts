import type { Activation as FusedActivation, Padding } from "../../../graph/graph.js";
import { unsupported } from "../proto.js";
import { LOWEST } from "./elementwise.js";
import type { OnnxImporter } from "./importer.js";
import { CHANNELS_LAST, CHANNELS_LAST_1D, channelsLastOrder, identityOrder, type Order } from "./layout.js";
import type { OnnxNode } from "./node.js";
import type { ReadTable } from "./operators.js";

/** Operators over the height and width of images; over one length alone they are images of height 1. */
export const SPATIAL: ReadTable = {
  Conv: readConvolution,
  ConvTranspose: readTransposeConvolution,
  MaxPool: readMaxPool,
  AveragePool: readAveragePool,
  GlobalAveragePool: (node, importer) => readGlobalPool(node, importer, "mean"),
  GlobalMaxPool: (node, importer) => readGlobalPool(node, importer, "reduceMax"),
  BatchNormalization: readBatchNorm,
  InstanceNormalization: readInstanceNorm,
  LayerNormalization: readLayerNorm,
  Resize: readResize,
  Upsample: readResize,
  DepthToSpace: readDepthToSpace,
  SpaceToDepth: readSpaceToDepth,
};

/** Operators whose input is an image or a sequence in channels-first order: how a reader knows one when it sees it. */
export const CHANNELS_FIRST_OPERATORS: ReadonlySet<string> = new Set(
  Object.keys(SPATIAL).filter((name) => name !== "LayerNormalization"),
);

const NONE: FusedActivation = "none";

interface Spatial {
  readonly order: Order;
  /** The graph's tensor, channels-last. */
  readonly x: string;
  readonly is1d: boolean;
}

function spatial(node: OnnxNode, importer: OnnxImporter): Spatial {
  const value = importer.activation(node.required(0));
  const rank = value.shape.length;
  if (rank !== 3 && rank !== 4) {
    throw unsupported(
      `${node.opType} "${node.name}" over ${rank - 2} dimensions`,
      "Use operators over one or two spatial dimensions.",
    );
  }
  const order = rank === 3 ? CHANNELS_LAST_1D : CHANNELS_LAST;
  return { order, x: importer.inOrder(value, order), is1d: rank === 3 };
}

/** [length] or [height, width] as the pair that a window takes. */
function pair(values: readonly number[] | undefined, is1d: boolean, fallback: number): [number, number] {
  if (values === undefined) return [fallback, fallback];
  return is1d ? [fallback, values[0]!] : [values[0]!, values[1]!];
}

interface Window {
  readonly strideH: number;
  readonly strideW: number;
  readonly dilationH: number;
  readonly dilationW: number;
  readonly padding: Padding;
}

function readWindow(
  node: OnnxNode,
  importer: OnnxImporter,
  { x, is1d }: Spatial,
  kernelH: number,
  kernelW: number,
): Window {
  const [strideH, strideW] = pair(node.ints("strides"), is1d, 1);
  const [dilationH, dilationW] = pair(node.ints("dilations"), is1d, 1);
  const [, height, width] = importer.builder.get(x).shape as [number, number, number, number];
  const extentH = (kernelH - 1) * dilationH + 1;
  const extentW = (kernelW - 1) * dilationW + 1;
  const auto = node.string("auto_pad", "NOTSET");
  const pads = node.ints("pads") ?? [];
  const half = pads.length / 2;
  const given: Padding = {
    top: is1d ? 0 : (pads[0] ?? 0),
    left: pads[half - 1] ?? 0,
    bottom: is1d ? 0 : (pads[half] ?? 0),
    right: pads[2 * half - 1] ?? 0,
  };
  let padding = given;
  if (auto === "VALID") padding = { top: 0, left: 0, bottom: 0, right: 0 };
  if (auto === "SAME_UPPER" || auto === "SAME_LOWER") {
    const rows = same(height, strideH, extentH, auto);
    const columns = same(width, strideW, extentW, auto);
    padding = { top: rows[0], bottom: rows[1], left: columns[0], right: columns[1] };
  }
  if (node.int("ceil_mode", 0) === 1) {
    padding = {
      ...padding,
      bottom: ceiled(height, padding.top, padding.bottom, extentH, strideH),
      right: ceiled(width, padding.left, padding.right, extentW, strideW),
    };
  }
  return { strideH, strideW, dilationH, dilationW, padding };
}

function same(size: number, stride: number, extent: number, auto: string): [number, number] {
  const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + extent - size);
  const before = auto === "SAME_UPPER" ? Math.floor(total / 2) : Math.ceil(total / 2);
  return [before, total - before];
}

/** Padding after, so much that rounding down gives what ceil_mode rounds up to; no window may start beyond the input. */
function ceiled(size: number, before: number, after: number, extent: number, stride: number): number {
  let count = Math.ceil((size + before + after - extent) / stride) + 1;
  if ((count - 1) * stride >= size + before) count--;
  return Math.max((count - 1) * stride + extent - size - before, 0);
}

function weightsOrder(is1d: boolean): Order {
  return is1d ? [0, -1, 2, 1] : [0, 2, 3, 1];
}

function bias(node: OnnxNode, importer: OnnxImporter, index: number): string[] {
  const name = node.input(index);
  return name === "" ? [] : [importer.operand(name, identityOrder(1))];
}

function readConvolution(node: OnnxNode, importer: OnnxImporter): void {
  const image = spatial(node, importer);
  const name = node.required(1);
  const shape = importer.shapeOf(name);
  if (shape.length !== (image.is1d ? 3 : 4)) throw node.fault("weights of the input's rank", `[${shape}]`);
  const [out, perGroup] = shape as [number, number];
  const [kernelH, kernelW] = pair(shape.slice(2), image.is1d, 1);
  const groups = node.int("group", 1);
  const window = readWindow(node, importer, image, kernelH, kernelW);
  const shared = { ...window, activation: NONE };
  if (groups > 1 && perGroup === 1) {
    const weights = importer.operand(name, image.is1d ? [1, -1, 2, 0] : [1, 2, 3, 0]);
    const inputs = [image.x, weights, ...bias(node, importer, 2)];
    importer.emit(node, "depthwiseConv2d", inputs, { ...shared, multiplier: out / groups }, image.order);
    return;
  }
  const weights = importer.operand(name, weightsOrder(image.is1d));
  const inputs = [image.x, weights, ...bias(node, importer, 2)];
  importer.emit(node, "conv2d", inputs, { ...shared, groups }, image.order);
}

/** The file's weights are [in, out/groups, kh, kw]; the graph's [out, kh, kw, in/groups]. */
function readTransposeConvolution(node: OnnxNode, importer: OnnxImporter): void {
  const image = spatial(node, importer);
  const name = node.required(1);
  const shape = importer.shapeOf(name);
  const groups = node.int("group", 1);
  if (groups !== 1) {
    throw unsupported(`ConvTranspose "${node.name}" with ${groups} groups`, "Use one group.");
  }
  const [kernelH, kernelW] = pair(shape.slice(2), image.is1d, 1);
  const auto = node.string("auto_pad", "NOTSET");
  const window = readWindow(node, importer, image, kernelH, kernelW);
  const [extraH, extraW] = pair(node.ints("output_padding"), image.is1d, 0);
  const wanted = node.ints("output_shape");
  const [, height, width] = importer.builder.get(image.x).shape as [number, number, number, number];
  let { padding } = window;
  if (wanted !== undefined || auto.startsWith("SAME")) {
    const [wantH, wantW] =
      wanted === undefined
        ? [height * window.strideH, width * window.strideW]
        : pair(wanted.slice(image.is1d ? -1 : -2), image.is1d, 1);
    const rows = (height - 1) * window.strideH + (kernelH - 1) * window.dilationH + 1 + extraH - wantH;
    const columns = (width - 1) * window.strideW + (kernelW - 1) * window.dilationW + 1 + extraW - wantW;
    const before = (total: number) => (auto === "SAME_UPPER" ? Math.floor(total / 2) : Math.ceil(total / 2));
    padding = {
      top: before(rows),
      bottom: rows - before(rows),
      left: before(columns),
      right: columns - before(columns),
    };
  }
  const weights = importer.operand(name, image.is1d ? [1, -1, 2, 0] : [1, 2, 3, 0]);
  const inputs = [image.x, weights, ...bias(node, importer, 2)];
  const attributes = {
    ...window,
    padding,
    groups,
    outputPaddingH: image.is1d ? 0 : extraH,
    outputPaddingW: extraW,
    activation: NONE,
  };
  importer.emit(node, "transposeConv2d", inputs, attributes, image.order);
}

function kernelOf(node: OnnxNode, is1d: boolean): [number, number] {
  const kernel = node.ints("kernel_shape");
  if (kernel === undefined) throw node.fault("a kernel_shape", "none");
  return pair(kernel, is1d, 1);
}

function readMaxPool(node: OnnxNode, importer: OnnxImporter): void {
  const image = spatial(node, importer);
  const [kernelH, kernelW] = kernelOf(node, image.is1d);
  const { dilationH, dilationW, ...window } = readWindow(node, importer, image, kernelH, kernelW);
  if (node.outputs.length > 1 && node.outputs[1] !== "") {
    throw unsupported(`MaxPool "${node.name}" that gives indices`, "Export the pool without indices.");
  }
  if (dilationH === 1 && dilationW === 1) {
    const attributes = { ...window, kernelH, kernelW, activation: NONE };
    importer.emit(node, "maxPool2d", [image.x], attributes, image.order);
    return;
  }
  const tensor = dilatedMaximum(
    node,
    importer,
    image.x,
    { ...window, dilationH, dilationW },
    kernelH,
    kernelW,
  );
  const [n, h, w, c] = importer.builder.get(tensor).shape as [number, number, number, number];
  importer.set(node.outputs[0]!, {
    tensor,
    shape: image.is1d ? [n, c, w] : [n, c, h, w],
    order: image.order,
  });
}

/** A pool with dilation is the maximum of shifted slices, one for each place of its kernel. */
function dilatedMaximum(
  node: OnnxNode,
  importer: OnnxImporter,
  x: string,
  { strideH, strideW, dilationH, dilationW, padding }: Window,
  kernelH: number,
  kernelW: number,
): string {
  const padded = importer.step(node, "pad", [x], {
    before: [0, padding.top, padding.left, 0],
    after: [0, padding.bottom, padding.right, 0],
    mode: "constant",
    value: LOWEST,
  });
  const [n, height, width, c] = importer.builder.get(padded).shape as [number, number, number, number];
  const rows = Math.floor((height - (kernelH - 1) * dilationH - 1) / strideH) + 1;
  const columns = Math.floor((width - (kernelW - 1) * dilationW - 1) / strideW) + 1;
  let best: string | undefined;
  for (let i = 0; i < kernelH; i++) {
    for (let j = 0; j < kernelW; j++) {
      const slice = importer.step(node, "slice", [padded], {
        begin: [0, i * dilationH, j * dilationW, 0],
        size: [n, rows, columns, c],
        strides: [1, strideH, strideW, 1],
      });
      best = best === undefined ? slice : importer.step(node, "maximum", [best, slice], {});
    }
  }
  return best!;
}

function readAveragePool(node: OnnxNode, importer: OnnxImporter): void {
  const image = spatial(node, importer);
  const [kernelH, kernelW] = kernelOf(node, image.is1d);
  const { dilationH, dilationW, ...window } = readWindow(node, importer, image, kernelH, kernelW);
  if (dilationH !== 1 || dilationW !== 1) {
    throw unsupported(`AveragePool "${node.name}" with dilation`, "Use a depthwise convolution.");
  }
  const countIncludePad = node.int("count_include_pad", 0) === 1;
  const attributes = { ...window, kernelH, kernelW, countIncludePad, activation: NONE };
  importer.emit(node, "averagePool2d", [image.x], attributes, image.order);
}

function readGlobalPool(node: OnnxNode, importer: OnnxImporter, kind: "mean" | "reduceMax"): void {
  const { x, order } = spatial(node, importer);
  importer.emit(node, kind, [x], { axes: [1, 2], keepDims: true }, order);
}

function readBatchNorm(node: OnnxNode, importer: OnnxImporter): void {
  if (node.int("training_mode", 0) === 1) {
    throw unsupported(`BatchNormalization "${node.name}" in training mode`, "Export in evaluation mode.");
  }
  const value = importer.activation(node.required(0));
  const rank = value.shape.length;
  // A sequence that a convolution left as an image stays one.
  const isImage = value.order.length === rank + 1 && value.order.at(-1) === 1;
  const order = isImage ? value.order : channelsLastOrder(rank);
  const parameters = [1, 2, 3, 4].map((i) => importer.operand(node.required(i), identityOrder(1)));
  const attributes = { epsilon: node.float("epsilon", 1e-5) };
  importer.emit(node, "batchNorm", [importer.inOrder(value, order), ...parameters], attributes, order);
}

/** No small-device runtime has it as one operator: mean and variance over the image, then scale and shift. */
function readInstanceNorm(node: OnnxNode, importer: OnnxImporter): void {
  const { x, order } = spatial(node, importer);
  const overImage = { axes: [1, 2], keepDims: true };
  const activation = NONE;
  const mean = importer.step(node, "mean", [x], overImage);
  const centred = importer.step(node, "sub", [x, mean], { activation });
  const square = importer.step(node, "mul", [centred, centred], { activation });
  const variance = importer.step(node, "mean", [square], overImage);
  const epsilon = importer.literal(
    `${node.outputs[0]}/epsilon`,
    [],
    new Float32Array([node.float("epsilon", 1e-5)]),
  );
  const shifted = importer.step(node, "add", [variance, epsilon], { activation });
  const deviation = importer.step(node, "sqrt", [shifted], {});
  const normal = importer.step(node, "div", [centred, deviation], { activation });
  const [scale, shift] = [1, 2].map((i) => importer.operand(node.required(i), identityOrder(1)));
  const scaled = importer.step(node, "mul", [normal, scale!], { activation });
  importer.emit(node, "add", [scaled, shift!], { activation }, order);
}

function readLayerNorm(node: OnnxNode, importer: OnnxImporter): void {
  const value = importer.activation(node.required(0));
  const rank = value.shape.length;
  const axis = node.int("axis", -1);
  const scale = importer.operand(node.required(1), identityOrder(importer.shapeOf(node.required(1)).length));
  const shift =
    node.input(2) === ""
      ? []
      : [importer.operand(node.input(2), identityOrder(importer.shapeOf(node.input(2)).length))];
  const attributes = { axis: axis < 0 ? axis + rank : axis, epsilon: node.float("epsilon", 1e-5) };
  importer.emit(node, "layerNorm", [importer.plain(value), scale, ...shift], attributes, identityOrder(rank));
}

/** Nearest or linear, in the three ways of counting pixels that training tools use. */
function readResize(node: OnnxNode, importer: OnnxImporter): void {
  const { x, order, is1d } = spatial(node, importer);
  const [, height, width] = importer.builder.get(x).shape as [number, number, number, number];
  const isUpsample = node.opType === "Upsample" || node.opset < 11;
  const scalesAt = isUpsample ? 1 : 2;
  const sizes = isUpsample ? undefined : importer.integers(node, 3);
  const scales =
    node.floats("scales") ??
    (node.input(scalesAt) === ""
      ? undefined
      : Array.from(importer.constant(node.input(scalesAt))?.data ?? [], Number));
  let outH = height;
  let outW = width;
  if (sizes !== undefined && sizes.length > 0) {
    [outH, outW] = pair(sizes.slice(2), is1d, height);
  } else if (scales !== undefined && scales.length > 0) {
    const [scaleH, scaleW] = pair(scales.slice(2), is1d, 1);
    outH = Math.floor(height * scaleH);
    outW = Math.floor(width * scaleW);
  } else {
    throw node.fault("constant sizes or scales", "none");
  }
  const mode = node.string("mode", "nearest");
  const transformation = isUpsample
    ? "asymmetric"
    : node.string("coordinate_transformation_mode", "half_pixel");
  const alignCorners = transformation === "align_corners";
  const halfPixelCenters = transformation === "half_pixel" || transformation === "pytorch_half_pixel";
  if (!alignCorners && !halfPixelCenters && transformation !== "asymmetric") {
    throw unsupported(`Resize "${node.name}" with ${transformation}`, "Use half_pixel or asymmetric.");
  }
  const attributes = { height: outH, width: outW, alignCorners, halfPixelCenters };
  if (mode === "nearest") {
    refuseOtherRounding(node, transformation, isUpsample, outH % height === 0 && outW % width === 0);
    importer.emit(node, "resizeNearest", [x], attributes, order);
  } else if (mode === "linear") {
    importer.emit(node, "resizeBilinear", [x], attributes, order);
  } else {
    throw unsupported(`Resize "${node.name}" of mode ${mode}`, "Use nearest or linear.");
  }
}

/**
 * The graph's nearest is TFLite's: floor(scale·x), floor(scale·(x + ½)) with half pixels, round(scale·x) with aligned
 * corners. The second is ONNX's half_pixel that rounds up, and for whole factors the one that rounds down too.
 */
function refuseOtherRounding(
  node: OnnxNode,
  transformation: string,
  isUpsample: boolean,
  isWhole: boolean,
): void {
  const rounding = isUpsample ? "floor" : node.string("nearest_mode", "round_prefer_floor");
  const agrees =
    transformation === "asymmetric"
      ? rounding === "floor"
      : rounding === "round_prefer_ceil" ||
        (transformation !== "align_corners" && isWhole && rounding === "round_prefer_floor");
  if (agrees) return;
  throw unsupported(
    `Resize "${node.name}" with nearest_mode ${rounding} and ${transformation}`,
    "Export with asymmetric coordinates and nearest_mode floor.",
  );
}

/** DCR: depth is block row, block column, channel; CRD (PyTorch's PixelShuffle): channel, block row, block column. */
function readDepthToSpace(node: OnnxNode, importer: OnnxImporter): void {
  const { x, order } = spatial(node, importer);
  const [n, h, w, depth] = importer.builder.get(x).shape as [number, number, number, number];
  const block = node.int("blocksize", 1);
  const c = depth / (block * block);
  const isDcr = node.string("mode", "DCR") === "DCR";
  const parts = isDcr ? [n, h, w, block, block, c] : [n, h, w, c, block, block];
  const split = importer.step(node, "reshape", [x], { shape: parts });
  const permutation = isDcr ? [0, 1, 3, 2, 4, 5] : [0, 1, 4, 2, 5, 3];
  const moved = importer.step(node, "transpose", [split], { permutation });
  importer.emit(node, "reshape", [moved], { shape: [n, h * block, w * block, c] }, order);
}

function readSpaceToDepth(node: OnnxNode, importer: OnnxImporter): void {
  const { x, order } = spatial(node, importer);
  const [n, height, width, c] = importer.builder.get(x).shape as [number, number, number, number];
  const block = node.int("blocksize", 1);
  const [h, w] = [height / block, width / block];
  const split = importer.step(node, "reshape", [x], { shape: [n, h, block, w, block, c] });
  const moved = importer.step(node, "transpose", [split], { permutation: [0, 1, 3, 2, 4, 5] });
  importer.emit(node, "reshape", [moved], { shape: [n, h, w, block * block * c] }, order);
}
