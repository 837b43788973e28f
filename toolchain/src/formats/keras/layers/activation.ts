import type { Activation as Fused } from "../../../graph/graph.js";
import type { KerasImporter, LayerContext, LayerTable, Value } from "../importer.js";
import { only } from "../importer.js";
import { isObject, type Json, LayerConfig } from "../layer-config.js";

type Apply = (context: LayerContext, tensor: string) => string;

/** Element-wise operators of the graph that have no attributes. */
const PLAIN = {
  relu: "relu",
  relu6: "relu6",
  sigmoid: "sigmoid",
  tanh: "tanh",
  softplus: "softplus",
  softsign: "softsign",
  exponential: "exp",
  hardswish: "hardSwish",
  hardsilu: "hardSwish",
} as const;

/** Activations by Keras's name without "_", so that hardSigmoid of TensorFlow.js is hard_sigmoid. */
const APPLY: Readonly<Record<string, Apply>> = {
  ...Object.fromEntries(
    Object.entries(PLAIN).map(([name, kind]): [string, Apply] => [
      name,
      ({ importer, path }, tensor) => importer.step(path, kind, [tensor], {}),
    ]),
  ),
  linear: (_context, tensor) => tensor,
  leakyrelu: (context, tensor) => leaky(context, tensor, 0.2),
  elu: ({ importer, path }, tensor) => importer.step(path, "elu", [tensor], { alpha: 1 }),
  selu: ({ importer, path }, tensor) => importer.step(path, "selu", [tensor], SELU),
  gelu: ({ importer, path }, tensor) => importer.step(path, "gelu", [tensor], { approximate: false }),
  softmax: ({ importer, path }, tensor) => importer.step(path, "softmax", [tensor], { axis: -1, beta: 1 }),
  logsoftmax: ({ importer, path }, tensor) => importer.step(path, "logSoftmax", [tensor], { axis: -1 }),
  // relu6(x + 3) / 6 since Keras 3; before, a slope of 0.2.
  hardsigmoid: ({ importer, path, kerasMajor }, tensor) =>
    importer.step(path, "hardSigmoid", [tensor], { alpha: kerasMajor >= 3 ? 1 / 6 : 0.2, beta: 0.5 }),
  hardtanh: ({ importer, path }, tensor) => importer.step(path, "clip", [tensor], { min: -1, max: 1 }),
  silu: swish,
  swish,
  mish: ({ importer, path }, tensor) => {
    const soft = importer.step(path, "softplus", [tensor], {});
    return product(importer, path, tensor, importer.step(path, "tanh", [soft], {}));
  },
  logsigmoid: ({ importer, path }, tensor) => {
    const negative = importer.step(path, "neg", [tensor], {});
    return importer.step(path, "neg", [importer.step(path, "softplus", [negative], {})], {});
  },
};

const SELU = { alpha: 1.6732632423543772, gamma: 1.0507009873554805 };

function swish({ importer, path }: LayerContext, tensor: string): string {
  return product(importer, path, tensor, importer.step(path, "sigmoid", [tensor], {}));
}

function product(importer: KerasImporter, path: string, a: string, b: string): string {
  return importer.step(path, "mul", [a, b], { activation: "none" });
}

function leaky({ importer, path }: LayerContext, tensor: string, alpha: number): string {
  return importer.step(path, "leakyRelu", [tensor], { alpha });
}

/** Those that the operator before can carry out itself. */
export function fusedActivation(context: LayerContext): Fused {
  const name = activationName(context.config.fields["activation"]);
  return name === "relu" || name === "relu6" ? name : "none";
}

/** Applies a layer's "activation" field, unless the operator before has it already. */
export function activated(context: LayerContext, value: Value, key = "activation"): Value {
  const field = context.config.fields[key];
  const name = activationName(field);
  if (name === "relu" || name === "relu6") return value;
  return { ...value, tensor: applyActivation(context, field, value.tensor) };
}

/** An activation as Keras writes it: nothing, a name, a function's name in an object, or a layer. */
function applyActivation(context: LayerContext, field: Json | undefined, tensor: string): string {
  const name = activationName(field);
  const apply = APPLY[name];
  if (apply !== undefined) return apply(context, tensor);
  if (isObject(field ?? null)) {
    const { class_name: className, config } = field as { readonly [key: string]: Json };
    const read = ACTIVATION[typeof className === "string" ? className : ""];
    if (read !== undefined) {
      const inner = new LayerConfig(context.config.place, isObject(config) ? config : {});
      const { shape } = context.importer.builder.get(tensor);
      const value = read({ ...context, config: inner }, [{ tensor, shape }]);
      return (value as Value).tensor;
    }
  }
  context.config.refuse(
    true,
    `activation ${JSON.stringify(field).slice(0, 80)}`,
    `Use one of ${Object.keys(APPLY).join(", ")}.`,
  );
  return tensor;
}

export function activationName(field: Json | undefined): string {
  if (field === undefined || field === null) return "linear";
  if (typeof field === "string") return field.replaceAll("_", "").toLowerCase();
  // A function of Keras, serialized as {class_name: "function", config: "relu"}.
  if (isObject(field) && typeof field["config"] === "string") return activationName(field["config"]);
  return "";
}

/** Layers that apply an activation. */
export const ACTIVATION: LayerTable = {
  Activation: (context, inputs) => {
    const value = only(context, inputs);
    return { ...value, tensor: applyActivation(context, context.config.fields["activation"], value.tensor) };
  },
  ReLU: readRelu,
  LeakyReLU: (context, inputs) => {
    const value = only(context, inputs);
    return {
      ...value,
      tensor: leaky(context, value.tensor, context.config.number(["negative_slope", "alpha"], 0.3)),
    };
  },
  ELU: (context, inputs) => {
    const value = only(context, inputs);
    const alpha = context.config.number("alpha", 1);
    return { ...value, tensor: context.importer.step(context.path, "elu", [value.tensor], { alpha }) };
  },
  PReLU: (context, inputs) => {
    const { importer, path, config, weights } = context;
    const value = only(context, inputs);
    const shared = new Set(config.has("shared_axes") ? config.numbers("shared_axes") : []);
    const shape = value.shape.slice(1).map((length, i) => (shared.has(i + 1) ? 1 : length));
    const [alpha] = weights.take([{ name: "alpha", shape }]) as [Float32Array];
    const slope = importer.constant(path, "alpha", shape, alpha);
    return importer.made(importer.step(path, "prelu", [importer.plain(path, value), slope], {}));
  },
  Softmax: (context, inputs) => {
    const { importer, path, config } = context;
    const value = only(context, inputs);
    const axes = config.has("axis") ? config.numbers("axis") : [-1];
    config.refuse(axes.length !== 1, `softmax over axes ${axes.join(", ")}`, "Use one axis.");
    const axis = axes[0]!;
    const attributes = { axis: axis < 0 ? axis + value.shape.length : axis, beta: 1 };
    return importer.made(importer.step(path, "softmax", [importer.plain(path, value)], attributes));
  },
};

function readRelu(context: LayerContext, inputs: readonly Value[]): Value {
  const { importer, path, config } = context;
  const value = only(context, inputs);
  const slope = config.has("negative_slope") ? config.numbers("negative_slope")[0]! : 0;
  const threshold = config.has("threshold") ? config.numbers("threshold")[0]! : 0;
  const most = config.has("max_value") ? config.numbers("max_value")[0]! : Number.POSITIVE_INFINITY;
  config.refuse(threshold !== 0, `threshold ${threshold}`, "Use threshold 0.");
  config.refuse(slope !== 0 && Number.isFinite(most), "a slope and a maximum", "Use one of them.");
  const kind = most === 6 ? "relu6" : "relu";
  if (slope !== 0) return { ...value, tensor: leaky(context, value.tensor, slope) };
  const tensor =
    Number.isFinite(most) && most !== 6
      ? importer.step(path, "clip", [value.tensor], { min: 0, max: most })
      : importer.step(path, kind, [value.tensor], {});
  return { ...value, tensor };
}
