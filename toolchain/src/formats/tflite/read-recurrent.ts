import { UnsupportedError } from "../../errors.js";
import type { Quantization, Tensor, TensorData } from "../../graph/graph.js";
import { allocate, elementCount } from "../../graph/size.js";
import type { TfliteImporter, TfliteNode } from "./importer.js";
import { ACTIVATIONS } from "./schema.js";

/** Places of each gate's weights and biases, in the graph's order i, o, f, c. */
const INPUT_WEIGHTS = [1, 4, 2, 3];
const RECURRENT_WEIGHTS = [5, 8, 6, 7];
const BIASES = [12, 15, 13, 14];
const HIDDEN_STATE = 18;
const CELL_STATE = 19;
const TANH = 4;
/** Place of the hidden state among the intermediates of an integer LSTM. */
const HIDDEN_INTERMEDIATE = 4;

/** inputs: x, feature weights, time weights, bias?, state */
export function readSvdf(node: TfliteNode, importer: TfliteImporter): void {
  const activation = ACTIVATIONS[node.options?.int8(1) ?? 0];
  if (activation === undefined) throw unsupported(node, "an activation of its own", "Use ReLU or none.");
  refuseHybrid(node, importer, 1);
  importer.add(node, "svdf", node.inputs, { rank: node.options?.int32(0) ?? 0, activation });
}

/** The graph's lstm has time-major sequences of [steps, directions, batch, hidden] and one tensor for all gates. */
export function readLstm(node: TfliteNode, importer: TfliteImporter): void {
  refuseVariants(node);
  refuseHybrid(node, importer, INPUT_WEIGHTS[0]!);
  refuse16Bit(node, importer);
  const x = importer.input(node, 0);
  const out = importer.output(node);
  const isTimeMajor = node.options?.bool(3) ?? false;
  const [first, second, width] = x.shape as [number, number, number];
  const [steps, batch] = isTimeMajor ? [first, second] : [second, first];
  const hidden = importer.input(node, RECURRENT_WEIGHTS[0]!).shape[1]!;
  requireHiddenScale(node, importer, out);

  const place = (name: string): string => `${node.name}/${name}`;
  const add = (tensor: Tensor): string => {
    importer.tensors.set(tensor.name, tensor);
    return tensor.name;
  };
  const w = add(stacked(node, importer, INPUT_WEIGHTS, place("w"), [1, 4 * hidden, width]));
  const r = add(stacked(node, importer, RECURRENT_WEIGHTS, place("r"), [1, 4 * hidden, hidden]));
  const b = add(bias(node, importer, importer.tensors.get(w)!, importer.tensors.get(r)!, hidden));
  const initial = [HIDDEN_STATE, CELL_STATE].map((index) => {
    const state = importer.input(node, index);
    // The file's variables came with what they begin with; a state that is computed has none.
    if (state.data === undefined)
      throw unsupported(node, `"${state.name}", which is no variable`, "Convert it again.");
    return add({ ...state, name: place(`initial${index}`), shape: [1, batch, hidden] });
  });
  let sequence = x.name;
  if (!isTimeMajor) {
    sequence = importer.between(x, "time-major", [steps, batch, width]);
    importer.add(node, "transpose", [x.name], { permutation: [1, 0, 2] }, [sequence]);
  }
  const all = importer.between(out, "sequence", [steps, 1, batch, hidden]);
  const attributes = { hiddenSize: hidden, direction: "forward" } as const;
  importer.add(node, "lstm", [sequence, w, r, b, ...initial], attributes, [all]);
  if (isTimeMajor) {
    importer.add(node, "reshape", [all], { shape: out.shape });
    return;
  }
  const flat = importer.between(out, "time-major", [steps, batch, hidden]);
  importer.add(node, "reshape", [all], { shape: [steps, batch, hidden] }, [flat]);
  importer.add(node, "transpose", [flat], { permutation: [1, 0, 2] });
}

function refuseVariants(node: TfliteNode): void {
  const has = (...places: number[]): boolean => places.some((index) => (node.inputs[index] ?? "") !== "");
  const { options } = node;
  const variant = has(9, 10, 11)
    ? "peepholes"
    : has(16, 17)
      ? "a projection"
      : has(20, 21, 22, 23)
        ? "layer norm"
        : !has(1)
          ? "coupled input and forget gates"
          : (options?.float(1) ?? 0) !== 0 || (options?.float(2) ?? 0) !== 0
            ? "clipping"
            : (options?.int8(0) ?? 0) !== TANH
              ? "an activation other than tanh"
              : null;
  if (variant !== null) throw unsupported(node, variant, "Train the layer without it.");
}

/** LiteRT has no kernel for an LSTM of 16-bit activations; what other runtimes compute is not held to anything. */
function refuse16Bit(node: TfliteNode, importer: TfliteImporter): void {
  if (importer.input(node, 0).dtype !== "int16") return;
  throw unsupported(node, "16-bit activations", "Convert the model with 8-bit activations, or in float.");
}

/** Float activations over integer weights are requantized from run to run, by each input's own range. */
function refuseHybrid(node: TfliteNode, importer: TfliteImporter, weights: number): void {
  if (importer.input(node, 0).dtype === "float32" && importer.input(node, weights).dtype !== "float32") {
    throw unsupported(
      node,
      "integer weights under float activations",
      "Convert the model in float, then mote quantize it, or quantize it in full.",
    );
  }
}

/** The rescaling inside an integer LSTM goes to the hidden state's codes, which are the output's without projection. */
function requireHiddenScale(node: TfliteNode, importer: TfliteImporter, out: Tensor): void {
  if (out.dtype === "float32") return;
  const hidden = importer.tensor(node, node.intermediates[HIDDEN_INTERMEDIATE], "the hidden state's scale");
  const [a, b] = [hidden.quantization, out.quantization];
  if (a?.scale[0] === b?.scale[0] && a?.zeroPoint[0] === b?.zeroPoint[0]) return;
  throw unsupported(node, "a hidden state on another scale than the output", "Convert the model again.");
}

/** The gates' tensors one after the other, each row with its gate's scale. */
function stacked(
  node: TfliteNode,
  importer: TfliteImporter,
  places: readonly number[],
  name: string,
  shape: readonly number[],
): Tensor {
  const parts = places.map((index) => importer.input(node, index));
  const [{ dtype }] = parts as [Tensor];
  const count = elementCount(shape) / places.length;
  // What the shapes claim is believed only when the data is there.
  const values = parts.map((part) => {
    if (part.data?.length === count && part.dtype === dtype) return part.data;
    throw unsupported(
      node,
      `"${part.name}", whose values change or do not fit`,
      "Convert it with constants.",
    );
  });
  const data = allocate(dtype, count * places.length);
  values.forEach((part, i) => {
    place(data, part, i * count);
  });
  const rows = shape[1]! / places.length;
  const scale = Float32Array.from({ length: shape[1]! }, (_, row) => {
    return dtype === "float32" ? 1 : scaleOf(node, parts[Math.floor(row / rows)]!);
  });
  if (dtype === "float32") return { name, shape, dtype, data };
  return {
    name,
    shape,
    dtype,
    data,
    quantization: { scale, zeroPoint: new Int32Array(scale.length), axis: 1 },
  };
}

/** [1, 8 * hidden]: TensorFlow Lite has one bias per gate, so the recurrent half is zero. */
function bias(node: TfliteNode, importer: TfliteImporter, w: Tensor, r: Tensor, hidden: number): Tensor {
  const name = `${node.name}/b`;
  const shape = [1, 8 * hidden];
  const first = stacked(node, importer, BIASES, name, [1, 4 * hidden]);
  const data = allocate(first.dtype, 8 * hidden);
  place(data, first.data!, 0);
  if (first.dtype === "float32") return { name, shape, dtype: first.dtype, data };
  const halves = [
    [w, importer.input(node, 0)],
    [r, importer.output(node)],
  ] as const;
  const scale = Float32Array.from(
    halves.flatMap(([weights, vector]) => {
      const scale = scaleOf(node, vector);
      return Array.from(weights.quantization!.scale, (value) => value * scale);
    }),
  );
  const quantization: Quantization = { scale, zeroPoint: new Int32Array(scale.length), axis: 1 };
  return { name, shape, dtype: first.dtype, data, quantization };
}

function scaleOf(node: TfliteNode, { name, quantization }: Tensor): number {
  const scale = quantization?.scale[0];
  if (scale !== undefined) return scale;
  throw unsupported(
    node,
    `"${name}" without a scale`,
    "Convert the model again: integer layers have scales.",
  );
}

function place(target: TensorData, part: TensorData, offset: number): void {
  for (let i = 0; i < part.length; i++) target[offset + i] = part[i]!;
}

function unsupported(node: TfliteNode, what: string, todo: string): UnsupportedError {
  return new UnsupportedError({
    expected: `what Mote reads of ${node.type} at "${node.name}" (docs/operators.md)`,
    got: what,
    todo,
  });
}
