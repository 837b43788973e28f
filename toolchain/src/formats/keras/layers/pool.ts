import { type LayerContext, type LayerTable, only, type Value } from "../importer.js";
import { paddingOf, pairOf, refuseChannelsFirst } from "./window.js";

/** Pools over windows, and over all of an image or sequence. */
export const POOL: LayerTable = {
  MaxPooling1D: (context, inputs) => readPool(context, inputs, "maxPool2d", true),
  MaxPooling2D: (context, inputs) => readPool(context, inputs, "maxPool2d", false),
  AveragePooling1D: (context, inputs) => readPool(context, inputs, "averagePool2d", true),
  AveragePooling2D: (context, inputs) => readPool(context, inputs, "averagePool2d", false),
  GlobalAveragePooling1D: (context, inputs) => readGlobal(context, inputs, "mean"),
  GlobalAveragePooling2D: (context, inputs) => readGlobal(context, inputs, "mean"),
  GlobalMaxPooling1D: (context, inputs) => readGlobal(context, inputs, "reduceMax"),
  GlobalMaxPooling2D: (context, inputs) => readGlobal(context, inputs, "reduceMax"),
};

function readPool(
  context: LayerContext,
  inputs: readonly Value[],
  kind: "maxPool2d" | "averagePool2d",
  isSequence: boolean,
): Value {
  const { importer, path, config } = context;
  refuseChannelsFirst(context);
  const value = only(context, inputs);
  const image = importer.image(path, value);
  const [, h, w] = importer.builder.get(image).shape as [number, number, number, number];
  const [kernelH, kernelW] = pairOf(context, "pool_size", isSequence, 2);
  const [strideH, strideW] = config.has("strides")
    ? pairOf(context, "strides", isSequence)
    : [kernelH, kernelW];
  const padding = paddingOf(context, [h, w], [strideH, strideW], [kernelH, kernelW]);
  const window = { kernelH, kernelW, strideH, strideW, padding, activation: "none" } as const;
  const tensor =
    kind === "maxPool2d"
      ? importer.step(path, kind, [image], window)
      : importer.step(path, kind, [image], { ...window, countIncludePad: false });
  return importer.fromImage(tensor, value);
}

function readGlobal(context: LayerContext, inputs: readonly Value[], kind: "mean" | "reduceMax"): Value {
  const { importer, path, config } = context;
  refuseChannelsFirst(context);
  const value = only(context, inputs);
  config.refuse(
    value.isMasked === true,
    "steps that are masked by mask_zero",
    "Build the Embedding with mask_zero=False.",
  );
  const image = importer.image(path, value);
  const keepDims = config.boolean("keepdims", false);
  const tensor = importer.step(path, kind, [image], { axes: [1, 2], keepDims });
  return keepDims ? importer.fromImage(tensor, value) : importer.made(tensor);
}
