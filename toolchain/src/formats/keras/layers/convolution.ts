import { permute } from "../../../graph/size.js";
import { type LayerContext, type LayerTable, only, type Value } from "../importer.js";
import { activated, fusedActivation } from "./activation.js";
import { paddingOf, pairOf, refuseChannelsFirst } from "./window.js";

/** Convolutions over images [N, H, W, C] and sequences [N, T, C]. */
export const CONVOLUTION: LayerTable = {
  Conv1D: (context, inputs) => readConvolution(context, inputs, true),
  Conv2D: (context, inputs) => readConvolution(context, inputs, false),
  Convolution1D: (context, inputs) => readConvolution(context, inputs, true),
  Convolution2D: (context, inputs) => readConvolution(context, inputs, false),
  DepthwiseConv1D: (context, inputs) => readDepthwise(context, inputs, true),
  DepthwiseConv2D: (context, inputs) => readDepthwise(context, inputs, false),
  SeparableConv1D: (context, inputs) => readSeparable(context, inputs, true),
  SeparableConv2D: (context, inputs) => readSeparable(context, inputs, false),
  Conv1DTranspose: (context, inputs) => readTranspose(context, inputs, true),
  Conv2DTranspose: (context, inputs) => readTranspose(context, inputs, false),
};

interface Windowed {
  readonly value: Value;
  readonly image: string;
  readonly channels: number;
  /** Along the axes that Keras knows: one of a sequence, two of an image. */
  readonly kernel: readonly number[];
  readonly kernelH: number;
  readonly kernelW: number;
  readonly window: {
    readonly strideH: number;
    readonly strideW: number;
    readonly dilationH: number;
    readonly dilationW: number;
    readonly padding: ReturnType<typeof paddingOf>;
  };
}

function windowed(context: LayerContext, inputs: readonly Value[], isSequence: boolean): Windowed {
  refuseChannelsFirst(context);
  const value = only(context, inputs);
  const image = context.importer.image(context.path, value);
  const [, h, w, channels] = context.importer.builder.get(image).shape as [number, number, number, number];
  const [kernelH, kernelW] = pairOf(context, "kernel_size", isSequence);
  const [strideH, strideW] = pairOf(context, "strides", isSequence, 1);
  const [dilationH, dilationW] = pairOf(context, "dilation_rate", isSequence, 1);
  const extents = [(kernelH - 1) * dilationH + 1, (kernelW - 1) * dilationW + 1] as const;
  const padding = paddingOf(context, [h, w], [strideH, strideW], extents);
  return {
    value,
    image,
    channels,
    kernel: isSequence ? [kernelW] : [kernelH, kernelW],
    kernelH,
    kernelW,
    window: { strideH, strideW, dilationH, dilationW, padding },
  };
}

/** The last of a layer's arrays, where it has one. */
function biasOf(context: LayerContext, bias: Float32Array | undefined): string[] {
  return bias === undefined ? [] : [context.importer.constant(context.path, "bias", [bias.length], bias)];
}

function readConvolution(context: LayerContext, inputs: readonly Value[], isSequence: boolean): Value {
  const { importer, path, config, weights } = context;
  const { value, image, channels, kernel, kernelH, kernelW, window } = windowed(context, inputs, isSequence);
  const filters = config.length("filters");
  const groups = config.length("groups", 1);
  config.refuse(channels % groups !== 0, `${channels} channels in ${groups} groups`, "Check the layer.");
  const perGroup = channels / groups;
  const [data, bias] = weights.take([
    { name: "kernel", shape: [...kernel, perGroup, filters] },
    ...(config.boolean("use_bias", true) ? [{ name: "bias", shape: [filters] }] : []),
  ]) as [Float32Array, Float32Array?];
  const moved = permute(data, [kernelH, kernelW, perGroup, filters], [3, 0, 1, 2]);
  const kernelTensor = importer.constant(path, "kernel", moved.shape, moved.data);
  const tensor = importer.step(path, "conv2d", [image, kernelTensor, ...biasOf(context, bias)], {
    ...window,
    groups,
    activation: fusedActivation(context),
  });
  return activated(context, importer.fromImage(tensor, value));
}

/** Keras holds depthwise weights as [kh, kw, in, multiplier]: the graph's [1, kh, kw, out] byte for byte. */
function readDepthwise(context: LayerContext, inputs: readonly Value[], isSequence: boolean): Value {
  const { importer, path, config, weights } = context;
  const { value, image, channels, kernel, kernelH, kernelW, window } = windowed(context, inputs, isSequence);
  const multiplier = config.length("depth_multiplier", 1);
  const out = channels * multiplier;
  const [data, bias] = weights.take([
    { name: depthwiseName(weights.arrays.map(({ name }) => name)), shape: [...kernel, channels, multiplier] },
    ...(config.boolean("use_bias", true) ? [{ name: "bias", shape: [out] }] : []),
  ]) as [Float32Array, Float32Array?];
  const kernelTensor = importer.constant(path, "depthwise_kernel", [1, kernelH, kernelW, out], data);
  const tensor = importer.step(path, "depthwiseConv2d", [image, kernelTensor, ...biasOf(context, bias)], {
    ...window,
    multiplier,
    activation: fusedActivation(context),
  });
  return activated(context, importer.fromImage(tensor, value));
}

/** Keras 3 calls a depthwise layer's weights "kernel", older ones "depthwise_kernel". */
function depthwiseName(names: readonly string[]): string {
  return names.some((name) => name.includes("depthwise_kernel")) ? "depthwise_kernel" : "kernel";
}

function readSeparable(context: LayerContext, inputs: readonly Value[], isSequence: boolean): Value {
  const { importer, path, config, weights } = context;
  const { value, image, channels, kernel, kernelH, kernelW, window } = windowed(context, inputs, isSequence);
  const multiplier = config.length("depth_multiplier", 1);
  const filters = config.length("filters");
  const middle = channels * multiplier;
  const ones = kernel.map(() => 1);
  const [depthwise, pointwise, bias] = weights.take([
    { name: "depthwise_kernel", shape: [...kernel, channels, multiplier] },
    { name: "pointwise_kernel", shape: [...ones, middle, filters] },
    ...(config.boolean("use_bias", true) ? [{ name: "bias", shape: [filters] }] : []),
  ]) as [Float32Array, Float32Array, Float32Array?];
  const each = importer.constant(path, "depthwise_kernel", [1, kernelH, kernelW, middle], depthwise);
  const apart = importer.step(path, "depthwiseConv2d", [image, each], {
    ...window,
    multiplier,
    activation: "none",
  });
  const moved = permute(pointwise, [1, 1, middle, filters], [3, 0, 1, 2]);
  const mix = importer.constant(path, "pointwise_kernel", moved.shape, moved.data);
  const tensor = importer.step(path, "conv2d", [apart, mix, ...biasOf(context, bias)], {
    strideH: 1,
    strideW: 1,
    dilationH: 1,
    dilationW: 1,
    padding: { top: 0, bottom: 0, left: 0, right: 0 },
    groups: 1,
    activation: fusedActivation(context),
  });
  return activated(context, importer.fromImage(tensor, value));
}

/** The gradient of a convolution: its weights are [kh, kw, out, in]. */
function readTranspose(context: LayerContext, inputs: readonly Value[], isSequence: boolean): Value {
  const { importer, path, config, weights } = context;
  refuseChannelsFirst(context);
  const value = only(context, inputs);
  const image = importer.image(path, value);
  const [, h, w, channels] = importer.builder.get(image).shape as [number, number, number, number];
  const [kernelH, kernelW] = pairOf(context, "kernel_size", isSequence);
  const [strideH, strideW] = pairOf(context, "strides", isSequence, 1);
  const [dilationH, dilationW] = pairOf(context, "dilation_rate", isSequence, 1);
  const given = config.has("output_padding")
    ? config.lengths("output_padding", isSequence ? 1 : 2, 0, 0)
    : null;
  const filters = config.length("filters");
  const [data, bias] = weights.take([
    { name: "kernel", shape: [...(isSequence ? [kernelW] : [kernelH, kernelW]), filters, channels] },
    ...(config.boolean("use_bias", true) ? [{ name: "bias", shape: [filters] }] : []),
  ]) as [Float32Array, Float32Array?];
  const isSame = config.string("padding", "valid").toLowerCase() === "same";
  const extra = (i: number) => (given === null ? null : isSequence ? (i === 0 ? 0 : given[0]!) : given[i]!);
  const rows = span(h, strideH, (kernelH - 1) * dilationH + 1, isSame, extra(0));
  const columns = span(w, strideW, (kernelW - 1) * dilationW + 1, isSame, extra(1));
  const moved = permute(data, [kernelH, kernelW, filters, channels], [2, 0, 1, 3]);
  const kernelTensor = importer.constant(path, "kernel", moved.shape, moved.data);
  const tensor = importer.step(path, "transposeConv2d", [image, kernelTensor, ...biasOf(context, bias)], {
    strideH,
    strideW,
    dilationH,
    dilationW,
    padding: { top: rows.before, bottom: rows.after, left: columns.before, right: columns.after },
    outputPaddingH: rows.extra,
    outputPaddingW: columns.extra,
    groups: 1,
    activation: fusedActivation(context),
  });
  return activated(context, importer.fromImage(tensor, value));
}

/** Keras's deconv_output_length, and what it takes away from either end of the full result to get there. */
function span(
  size: number,
  stride: number,
  extent: number,
  isSame: boolean,
  given: number | null,
): { before: number; after: number; extra: number } {
  const full = (size - 1) * stride + extent;
  const wanted =
    given === null
      ? isSame
        ? size * stride
        : size * stride + Math.max(extent - stride, 0)
      : full - (isSame ? 2 * (extent >> 1) : 0) + given;
  const total = isSame ? Math.max(full - wanted, 0) : 0;
  return { before: total >> 1, after: total - (total >> 1), extra: wanted - (full - total) };
}
