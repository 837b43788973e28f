import { type LayerContext, type LayerTable, only, type Value } from "../importer.js";
import type { WantedArray } from "../weights.js";

/** Norms, and the scaling of what comes in. */
export const NORMALIZE: LayerTable = {
  BatchNormalization: readBatchNorm,
  LayerNormalization: readLayerNorm,
  Rescaling: (context, inputs) => {
    const { importer, path, config } = context;
    const value = only(context, inputs);
    const scale = vector(context, "scale", config.numbers("scale"));
    const offset = config.has("offset") ? config.numbers("offset") : [0];
    const scaled = importer.step(path, "mul", [value.tensor, scale], { activation: "none" });
    if (offset.every((number) => number === 0)) return { ...value, tensor: scaled };
    const shift = vector(context, "offset", offset);
    return { ...value, tensor: importer.step(path, "add", [scaled, shift], { activation: "none" }) };
  },
  Normalization: readNormalization,
};

/** Keras's own guard against a variance of 0. */
const SMALLEST_DEVIATION = 1e-7;

function vector({ importer, path }: LayerContext, name: string, values: readonly number[]): string {
  return importer.constant(path, name, [values.length], Float32Array.from(values));
}

function readBatchNorm(context: LayerContext, inputs: readonly Value[]): Value {
  const { importer, path, config, weights } = context;
  const value = only(context, inputs);
  const channels = value.shape.at(-1)!;
  const axes = config.has("axis") ? config.numbers("axis") : [-1];
  const isLast = axes.length === 1 && (axes[0] === -1 || axes[0] === value.shape.length - 1);
  config.refuse(!isLast, `a norm over axis ${axes.join(", ")}`, "Normalise the last axis.");
  config.refuse(config.boolean("renorm", false), "renorm", "Train with renorm=False.");
  const hasScale = config.boolean("scale", true);
  const hasShift = config.boolean("center", true);
  const names = [
    ...(hasScale ? ["gamma"] : []),
    ...(hasShift ? ["beta"] : []),
    "moving_mean",
    "moving_variance",
  ];
  const data = weights.take(names.map((name) => ({ name, shape: [channels] })));
  const byName = new Map(names.map((name, i) => [name, data[i]!]));
  const constants = ["gamma", "beta", "moving_mean", "moving_variance"].map((name) =>
    importer.constant(
      path,
      name,
      [channels],
      byName.get(name) ?? new Float32Array(channels).fill(name === "gamma" ? 1 : 0),
    ),
  );
  const epsilon = config.number("epsilon", 1e-3);
  const tensor = importer.step(path, "batchNorm", [value.tensor, ...constants], { epsilon });
  return { ...value, tensor };
}

function readLayerNorm(context: LayerContext, inputs: readonly Value[]): Value {
  const { importer, path, config, weights } = context;
  const value = only(context, inputs);
  const rank = value.shape.length;
  const axes = (config.has("axis") ? config.numbers("axis") : [-1])
    .map((axis) => (axis < 0 ? axis + rank : axis))
    .sort((a, b) => a - b);
  const isTail = axes.every((axis, i) => axis === rank - axes.length + i && axis > 0);
  config.refuse(!isTail, `a norm over axes ${axes.join(", ")}`, "Normalise the last axes.");
  config.refuse(config.boolean("rms_scaling", false), "rms_scaling", "Train with rms_scaling=False.");
  const shape = axes.map((axis) => value.shape[axis]!);
  const hasScale = config.boolean("scale", true);
  const hasShift = config.boolean("center", true);
  const wanted: WantedArray[] = [];
  if (hasScale) wanted.push({ name: "gamma", shape });
  if (hasShift) wanted.push({ name: "beta", shape });
  const data = weights.take(wanted);
  const count = shape.reduce((product, length) => product * length, 1);
  const gamma = hasScale ? data[0]! : new Float32Array(count).fill(1);
  const parameters = [importer.constant(path, "gamma", shape, gamma)];
  if (hasShift) parameters.push(importer.constant(path, "beta", shape, data.at(-1)!));
  const plain = importer.plain(path, value);
  const attributes = { axis: axes[0]!, epsilon: config.number("epsilon", 1e-3) };
  return importer.made(importer.step(path, "layerNorm", [plain, ...parameters], attributes));
}

/** (x - mean) / deviation, from the configuration or from what `adapt` saw. */
function readNormalization(context: LayerContext, inputs: readonly Value[]): Value {
  const { importer, path, config } = context;
  const value = only(context, inputs);
  const axes = config.has("axis") ? config.numbers("axis") : [];
  const isLast = axes.length === 1 && (axes[0] === -1 || axes[0] === value.shape.length - 1);
  config.refuse(
    axes.length > 0 && !isLast,
    `a norm over axis ${axes.join(", ")}`,
    "Normalise the last axis.",
  );
  const count = axes.length === 0 ? 1 : value.shape.at(-1)!;
  const [means, variances] = config.has("mean")
    ? [config.numbers("mean"), config.numbers("variance")]
    : adapted(context, axes.length === 0 ? [] : [count]);
  const deviations = variances.map((variance) => Math.max(Math.sqrt(variance), SMALLEST_DEVIATION));
  const isInverse = config.boolean("invert", false);
  const mean = vector(context, "mean", means);
  const none = { activation: "none" } as const;
  if (isInverse) {
    const spread = importer.step(path, "mul", [value.tensor, vector(context, "deviation", deviations)], none);
    return { ...value, tensor: importer.step(path, "add", [spread, mean], none) };
  }
  const factors = vector(
    context,
    "factor",
    deviations.map((deviation) => 1 / deviation),
  );
  const centred = importer.step(path, "sub", [value.tensor, mean], none);
  return { ...value, tensor: importer.step(path, "mul", [centred, factors], none) };
}

/** What `adapt` saw: mean, variance, and (unused) how many samples. */
function adapted({ weights }: LayerContext, shape: readonly number[]): [number[], number[]] {
  const counted = weights.arrays.length === 3 ? [{ name: "count", shape: [] }] : [];
  const [mean, variance] = weights.take([{ name: "mean", shape }, { name: "variance", shape }, ...counted]);
  return [[...mean!], [...variance!]];
}
