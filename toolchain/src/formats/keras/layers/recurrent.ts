import { UnsupportedError } from "../../../errors.js";
import type { OperatorOf } from "../../../graph/graph.js";
import { permute } from "../../../graph/size.js";
import { type LayerContext, type LayerTable, only, type Value } from "../importer.js";
import { isObject, LayerConfig } from "../layer-config.js";
import type { LayerWeights } from "../weights.js";
import { activationName } from "./activation.js";

/** Recurrent layers, carried out by the graph's operators of ONNX's packing: x [steps, batch, in]. */
export const RECURRENT: LayerTable = {
  LSTM: (context, inputs) => readOneWay(context, inputs),
  GRU: (context, inputs) => readOneWay(context, inputs),
  SimpleRNN: (context, inputs) => readOneWay(context, inputs),
  Bidirectional: readBidirectional,
};

type Kind = "lstm" | "gru" | "rnn";
const KINDS: Readonly<Record<string, Kind>> = { LSTM: "lstm", GRU: "gru", SimpleRNN: "rnn" };
const GATES: Readonly<Record<Kind, number>> = { lstm: 4, gru: 3, rnn: 1 };
/** Which of Keras's gates (LSTM: i f c o; GRU: z r h) each of ONNX's (i o f c; z r h) is. */
const GATE_ORDER: Readonly<Record<Kind, readonly number[]>> = {
  lstm: [0, 3, 1, 2],
  gru: [0, 1, 2],
  rnn: [0],
};

/** One direction's parameters as ONNX packs them, without the axis of directions. */
interface Parameters {
  readonly w: Float32Array;
  readonly r: Float32Array;
  /** Input and recurrent biases one after the other. */
  readonly b: Float32Array | null;
}

function kindOf(context: LayerContext): Kind {
  return KINDS[context.className]!;
}

function parametersOf(context: LayerContext, width: number): Parameters {
  const { config, weights } = context;
  const kind = kindOf(context);
  const units = config.length("units");
  const gates = GATES[kind];
  const columns = gates * units;
  const resets = kind === "gru" && config.boolean("reset_after", context.kerasMajor >= 2);
  const hasBias = config.boolean("use_bias", true);
  const [kernel, recurrent, bias] = weights.take([
    { name: "kernel", shape: [width, columns] },
    { name: "recurrent_kernel", shape: [units, columns] },
    ...(hasBias ? [{ name: "bias", shape: resets ? [2, columns] : [columns] }] : []),
  ]) as [Float32Array, Float32Array, Float32Array?];
  const b = bias === undefined ? null : new Float32Array(2 * columns);
  if (b !== null) {
    b.set(gateOrder(bias!.subarray(0, columns), kind, 1, units));
    if (resets) b.set(gateOrder(bias!.subarray(columns), kind, 1, units), columns);
  }
  return {
    w: gateOrder(permute(kernel, [width, columns], [1, 0]).data, kind, width, units),
    r: gateOrder(permute(recurrent, [units, columns], [1, 0]).data, kind, units, units),
    b,
  };
}

/** Rows [gates · units, width] with the gates in ONNX's order. */
function gateOrder(rows: Float32Array, kind: Kind, width: number, units: number): Float32Array {
  const out = new Float32Array(rows.length);
  const block = units * width;
  GATE_ORDER[kind].forEach((from, to) => {
    out.set(rows.subarray(from * block, (from + 1) * block), to * block);
  });
  return out;
}

/** What the graph's operators can't say is refused by name. */
function check(context: LayerContext, value: Value): void {
  const { config } = context;
  if (value.shape.length !== 3) {
    throw config.fault("input", "a sequence [batch, steps, features]", [...value.shape]);
  }
  config.refuse(
    value.isMasked === true,
    "steps that are masked by mask_zero",
    "Build the Embedding with mask_zero=False, and pad sequences at their beginning.",
  );
  config.refuse(config.boolean("stateful", false), "stateful", "Build the layer with stateful=False.");
  config.refuse(config.boolean("time_major", false), "time_major", "Give sequences batch first.");
  const kind = kindOf(context);
  const activation = activationName(config.fields["activation"] ?? "tanh");
  const allowed = kind === "rnn" ? ["tanh", "relu"] : ["tanh"];
  config.refuse(!allowed.includes(activation), `activation ${activation}`, `Use ${allowed.join(" or ")}.`);
  if (kind === "rnn") return;
  const gate = activationName(config.fields["recurrent_activation"] ?? "sigmoid");
  config.refuse(
    gate !== "sigmoid",
    `recurrent_activation ${gate}`,
    "Build the layer with recurrent_activation sigmoid.",
  );
}

type Direction = OperatorOf<"lstm">["attributes"]["direction"];

/** Adds the operator; gives its outputs Y [steps, directions, batch, units], Y_h, and for an LSTM Y_c. */
function run(
  context: LayerContext,
  value: Value,
  direction: Direction,
  parameters: readonly Parameters[],
  states: readonly string[],
): string[] {
  const { importer, path, config } = context;
  const kind = kindOf(context);
  const units = config.length("units");
  const [batch, steps, width] = value.shape as [number, number, number];
  const plain = importer.plain(path, value);
  // With one sample the steps already stand one after the other.
  const x =
    batch === 1
      ? importer.reshaped(path, plain, [steps, 1, width])
      : importer.step(path, "transpose", [plain], { permutation: [1, 0, 2] });
  const count = parameters.length;
  const rows = GATES[kind] * units;
  const w = importer.constant(path, "kernel", [count, rows, width], joined(parameters.map((p) => p.w)));
  const r = importer.constant(
    path,
    "recurrent_kernel",
    [count, rows, units],
    joined(parameters.map((p) => p.r)),
  );
  const biases = parameters.flatMap(({ b }) => (b === null ? [] : [b]));
  const b = biases.length === 0 ? "" : importer.constant(path, "bias", [count, 2 * rows], joined(biases));
  const inputs = [x, w, r, b, ...states];
  while (inputs.at(-1) === "") inputs.pop();
  const shared = { hiddenSize: units, direction };
  switch (kind) {
    case "lstm":
      return importer.steps(path, kind, inputs, shared, 3);
    case "gru": {
      const linearBeforeReset = config.boolean("reset_after", context.kerasMajor >= 2);
      return importer.steps(path, kind, inputs, { ...shared, linearBeforeReset }, 2);
    }
    case "rnn": {
      const activation = activationName(config.fields["activation"] ?? "tanh") === "relu" ? "relu" : "tanh";
      return importer.steps(path, kind, inputs, { ...shared, activation }, 2);
    }
  }
}

function joined(arrays: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    out.set(array, at);
    at += array.length;
  }
  return out;
}

function readOneWay(context: LayerContext, inputs: readonly Value[]): readonly Value[] {
  const { importer, path, config } = context;
  const [value, ...initial] = inputs as [Value, ...Value[]];
  check(context, value);
  const [batch, steps, width] = value.shape as [number, number, number];
  const units = config.length("units");
  const isReversed = config.boolean("go_backwards", false);
  const isSequence = config.boolean("return_sequences", false);
  config.refuse(
    isReversed && isSequence,
    "go_backwards with return_sequences",
    "Use Bidirectional, or give the sequence reversed.",
  );
  const states = initial.map((state) => importer.reshaped(path, state.tensor, [1, batch, units]));
  const direction = isReversed ? "reverse" : "forward";
  const [all, ...last] = run(context, value, direction, [parametersOf(context, width)], states);
  const finals = last.map((tensor) => importer.made(importer.reshaped(path, tensor, [batch, units])));
  const output = isSequence ? sequence(context, all!, [batch, steps, units]) : finals[0]!;
  return config.boolean("return_state", false) ? [output, ...finals] : [output];
}

/** [steps, directions, batch, units] as [batch, steps, directions · units]. */
function sequence({ importer, path }: LayerContext, all: string, shape: readonly number[]): Value {
  const moved = shape[0] === 1 ? all : importer.step(path, "transpose", [all], { permutation: [2, 0, 1, 3] });
  return importer.made(importer.reshaped(path, moved, shape));
}

/** Two layers over one sequence, the second from its end: one operator with two directions. */
function readBidirectional(context: LayerContext, inputs: readonly Value[]): Value {
  const { importer, path, config, weights } = context;
  const value = only(context, inputs);
  const forward = wrapped(context, "layer", weights.part("forward_"));
  const backward = config.has("backward_layer")
    ? wrapped(context, "backward_layer", weights.part("backward_"))
    : { ...forward, weights: weights.part("backward_") };
  check(forward, value);
  check(backward, value);
  const units = forward.config.length("units");
  config.refuse(
    backward.className !== forward.className || backward.config.length("units") !== units,
    "two directions of different kind or size",
    "Give both directions the same layer.",
  );
  config.refuse(forward.config.boolean("return_state", false), "return_state", "Use the outputs alone.");
  const [batch, steps, width] = value.shape as [number, number, number];
  const parameters = [parametersOf(forward, width), parametersOf(backward, width)];
  const [all, last] = run(forward, value, "bidirectional", parameters, []) as [string, string];
  const isSequence = forward.config.boolean("return_sequences", false);
  // [steps or 1, directions, batch, units], directions next to units.
  const length = isSequence ? steps : 1;
  const source = isSequence ? all : importer.reshaped(path, last, [1, 2, batch, units]);
  const both = sequence(context, source, [batch, length, 2 * units]);
  const lead = isSequence ? [batch, steps] : [batch];
  const mode = config.string("merge_mode", "concat");
  if (mode === "concat") return importer.made(importer.reshaped(path, both.tensor, [...lead, 2 * units]));
  const pair = importer.reshaped(path, both.tensor, [...lead, 2, units]);
  const axes = [lead.length];
  if (mode === "sum") return importer.made(importer.step(path, "sum", [pair], { axes, keepDims: false }));
  if (mode === "ave") return importer.made(importer.step(path, "mean", [pair], { axes, keepDims: false }));
  if (mode !== "mul") throw config.fault("merge_mode", "concat, sum, ave or mul", mode);
  const halves = importer.steps(path, "split", [pair], { axis: lead.length, sizes: [1, 1] }, 2);
  const product = importer.step(path, "mul", halves, { activation: "none" });
  return importer.made(importer.reshaped(path, product, [...lead, units]));
}

/** The context of the layer inside a wrapper. */
export function wrapped(context: LayerContext, key: string, weights: LayerWeights): LayerContext {
  const layer = context.config.fields[key];
  const className = isObject(layer ?? null) ? (layer as { class_name?: unknown }).class_name : undefined;
  const fields = isObject(layer ?? null) ? (layer as { config?: unknown }).config : undefined;
  if (typeof className !== "string" || typeof fields !== "object" || fields === null) {
    throw context.config.fault(key, "a layer", layer);
  }
  if (context.className === "Bidirectional" && KINDS[className] === undefined) {
    throw new UnsupportedError({
      expected: `an LSTM, a GRU or a SimpleRNN in ${context.config.place}`,
      got: className,
      todo: "Use one of these.",
    });
  }
  const config = new LayerConfig(`${className} in ${context.config.place}`, fields as LayerConfig["fields"]);
  return { ...context, className, config, weights };
}
