import { GraphError } from "../../../errors.js";
import { elementCount } from "../../../graph/size.js";
import { type LayerContext, type LayerTable, only, type Value } from "../importer.js";
import { refuseChannelsFirst } from "./window.js";

/** Layers that move elements, and put new ones around or between them. */
export const SHAPE: LayerTable = {
  Flatten: (context, inputs) => {
    refuseChannelsFirst(context);
    const { shape, tensor } = only(context, inputs);
    return reshaped(context, tensor, [shape[0]!, elementCount(shape.slice(1))]);
  },
  Reshape: (context, inputs) => {
    const { shape, tensor } = only(context, inputs);
    const target = context.config.numbers("target_shape");
    const known = target.filter((length) => length !== -1);
    const rest = elementCount(shape.slice(1)) / elementCount(known);
    const wanted = target.map((length) => (length === -1 ? rest : length));
    const fits = wanted.every((length) => Number.isInteger(length) && length > 0);
    if (!fits || elementCount(wanted) !== elementCount(shape.slice(1))) {
      throw new GraphError({
        expected: `a target_shape of ${elementCount(shape.slice(1))} elements for ${context.config.place}`,
        got: `[${target.join(", ")}]`,
        todo: "The file's configuration is damaged: save the model again.",
      });
    }
    return reshaped(context, tensor, [shape[0]!, ...wanted]);
  },
  Permute: (context, inputs) => {
    const { importer, path, config } = context;
    const value = only(context, inputs);
    const permutation = [0, ...config.numbers("dims")];
    const isWhole = new Set(permutation).size === value.shape.length;
    if (
      !isWhole ||
      permutation.length !== value.shape.length ||
      !permutation.every((axis) => axis < value.shape.length)
    ) {
      throw config.fault("dims", `an order of ${value.shape.length - 1} axes`, permutation.slice(1));
    }
    return importer.made(importer.step(path, "transpose", [importer.plain(path, value)], { permutation }));
  },
  RepeatVector: (context, inputs) => {
    const { importer, path, config } = context;
    const { shape, tensor } = only(context, inputs);
    const single = importer.reshaped(path, tensor, [shape[0]!, 1, elementCount(shape.slice(1))]);
    return importer.made(importer.step(path, "tile", [single], { repeats: [1, config.length("n"), 1] }));
  },
  ZeroPadding1D: (context, inputs) => padded(context, inputs, [edges(context, "padding", 1)[0]!]),
  ZeroPadding2D: (context, inputs) => padded(context, inputs, edges(context, "padding", 2)),
  Cropping1D: (context, inputs) => cropped(context, inputs, edges(context, "cropping", 1)),
  Cropping2D: (context, inputs) => cropped(context, inputs, edges(context, "cropping", 2)),
  UpSampling1D: (context, inputs) => {
    const { config } = context;
    const { shape } = only(context, inputs);
    const [factor] = config.lengths("size", 1, 2) as [number];
    return resized(context, inputs, 1, shape[1]! * factor, "nearest", false);
  },
  UpSampling2D: (context, inputs) => {
    const { config } = context;
    const { shape } = only(context, inputs);
    const [rows, columns] = config.lengths("size", 2, 2) as [number, number];
    const interpolation = config.string("interpolation", "nearest");
    return resized(
      context,
      inputs,
      shape[1]! * rows,
      shape[2]! * columns,
      interpolation,
      interpolation !== "nearest",
    );
  },
  Resizing: (context, inputs) => {
    const { config } = context;
    for (const key of ["crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias"]) {
      config.refuse(config.boolean(key, false), key, "Resize before the model.");
    }
    const [height, width] = [config.length("height"), config.length("width")];
    return resized(context, inputs, height, width, config.string("interpolation", "bilinear"), true);
  },
};

function reshaped({ importer, path }: LayerContext, tensor: string, shape: readonly number[]): Value {
  return importer.made(importer.reshaped(path, tensor, shape));
}

/** [before, after] along each spatial axis: one number for all, one per axis, or one pair per axis. */
function edges({ config }: LayerContext, key: string, axes: 1 | 2): [number, number][] {
  const given = config.numbers(key);
  const most = 2 ** 16;
  if (!given.every((length) => Number.isInteger(length) && length >= 0 && length < most)) {
    throw config.fault(key, `whole numbers from 0 to ${most}`, given);
  }
  if (given.length === 1) return new Array(axes).fill([given[0]!, given[0]!]);
  if (given.length === 2 * axes) {
    return Array.from({ length: axes }, (_, i) => [given[2 * i]!, given[2 * i + 1]!]);
  }
  if (given.length === axes) return given.map((length) => [length, length]);
  throw config.fault(key, `${axes} pairs`, given);
}

function padded(context: LayerContext, inputs: readonly Value[], around: readonly [number, number][]): Value {
  const { importer, path } = context;
  refuseChannelsFirst(context);
  const value = only(context, inputs);
  const image = importer.image(path, value);
  // A sequence is an image of height 1.
  const [rows, columns] =
    around.length === 2 ? (around as [[number, number], [number, number]]) : [[0, 0], around[0]!];
  const tensor = importer.step(path, "pad", [image], {
    before: [0, rows![0]!, columns![0]!, 0],
    after: [0, rows![1]!, columns![1]!, 0],
    mode: "constant",
    value: 0,
  });
  return importer.fromImage(tensor, value);
}

function cropped(
  context: LayerContext,
  inputs: readonly Value[],
  around: readonly [number, number][],
): Value {
  const { importer, path, config } = context;
  refuseChannelsFirst(context);
  const value = only(context, inputs);
  const begin = value.shape.map((_, i) => around[i - 1]?.[0] ?? 0);
  const size = value.shape.map((length, i) => length - (around[i - 1]?.[0] ?? 0) - (around[i - 1]?.[1] ?? 0));
  if (!size.every((length) => length >= 1)) {
    throw config.fault("cropping", `less than [${value.shape.join(", ")}]`, config.numbers("cropping"));
  }
  const strides = size.map(() => 1);
  return importer.made(importer.step(path, "slice", [importer.plain(path, value)], { begin, size, strides }));
}

function resized(
  context: LayerContext,
  inputs: readonly Value[],
  height: number,
  width: number,
  interpolation: string,
  halfPixelCenters: boolean,
): Value {
  const { importer, path, config } = context;
  refuseChannelsFirst(context);
  const value = only(context, inputs);
  const image = importer.image(path, value);
  config.refuse(
    interpolation !== "nearest" && interpolation !== "bilinear",
    `interpolation "${interpolation}"`,
    "Use nearest or bilinear.",
  );
  const kind = interpolation === "nearest" ? "resizeNearest" : "resizeBilinear";
  const attributes = { height, width, alignCorners: false, halfPixelCenters };
  return importer.fromImage(importer.step(path, kind, [image], attributes), value);
}
