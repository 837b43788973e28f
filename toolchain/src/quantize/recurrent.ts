import { UnsupportedError } from "../errors.js";
import { clamp, roundAwayFromZero } from "../execute/integer/fixed-point.js";
import type { Graph, Operator, OperatorOf, Quantization, Tensor } from "../graph/graph.js";
import { freshName } from "../transform/edges.js";
import { type ActivationDType, perTensor } from "./range.js";

export type Recurrent = OperatorOf<"lstm" | "gru" | "rnn">;

const GATES: Record<Recurrent["kind"], number> = { lstm: 4, gru: 3, rnn: 1 };
/** Of an lstm's cell state in int16: integer bits when nothing is known of its range, and the most that kernels take. */
const CELL_INTEGER_BITS = { least: 3, most: 6 };
/** A GRU's hidden state is Q0.15 whatever its output's codes. */
const GRU_STATE_SCALE = 1 / 32768;

export function isRecurrent(operator: Operator): operator is Recurrent {
  return operator.kind === "lstm" || operator.kind === "gru" || operator.kind === "rnn";
}

/**
 * The integer form of a recurrent layer (docs/integers.md): int8 weights, an lstm's with one scale per gate, which is what
 * TensorFlow Lite can say, the others' with one per row; one bias at the scale of the input's products, the recurrent half
 * only where a GRU's reset gate multiplies it; an lstm's cell state int16 at a power of two.
 */
export function withRecurrentParameters(
  operator: Recurrent,
  graph: Graph,
  activations: ReadonlyMap<string, Quantization>,
  tensors: Map<string, Tensor>,
  dtype: ActivationDType,
): Recurrent {
  const [x, w, r, b, h0, c0] = operator.inputs as [string, string, string, string?, string?, string?];
  const output = activations.get(operator.outputs.find((name) => activations.has(name)) ?? "");
  const input = activations.get(x) ?? tensors.get(x)?.quantization;
  if (output === undefined || input === undefined) {
    throw new UnsupportedError({
      expected: `ranges for the input and the output of ${operator.kind} "${operator.name}"`,
      got: "none",
      todo: "Keep the layer in floating point (mote quantize --keep NAME=float).",
    });
  }
  const parts: Parts = { operator, graph, tensors, dtype };
  const inputWeights = codeWeights(parts, w);
  const recurrentWeights = codeWeights(parts, r);
  const stateScale = operator.kind === "gru" ? GRU_STATE_SCALE : output.scale[0]!;
  const bias = codeBias(parts, b, [
    inputWeights.scale.map((scale) => scale * input.scale[0]!),
    recurrentWeights.scale.map((scale) => scale * stateScale),
  ]);
  const hidden = codeState(parts, h0, output, dtype);
  const inputs = [x, inputWeights.name, recurrentWeights.name, bias, hidden];
  if (operator.kind === "lstm") inputs.push(codeCell(parts, c0, activations.get(operator.outputs[2] ?? "")));
  while (inputs.at(-1) === "") inputs.pop();
  return { ...operator, inputs };
}

interface Parts {
  readonly operator: Recurrent;
  readonly graph: Graph;
  readonly tensors: Map<string, Tensor>;
  readonly dtype: ActivationDType;
}

function constantOf({ operator, graph }: Parts, name: string): Tensor & { readonly data: Float32Array } {
  const tensor = graph.tensors.get(name);
  if (tensor?.data instanceof Float32Array) return { ...tensor, data: tensor.data };
  throw new UnsupportedError({
    expected: `constants for the weights and states of ${operator.kind} "${operator.name}"`,
    got: `"${name}", which is computed or is an input`,
    todo: "Export the model with constant weights and states that begin at zero.",
  });
}

function add({ tensors }: Parts, tensor: Tensor): string {
  const name = freshName(tensors, `${tensor.name}/${tensor.dtype}`);
  tensors.set(name, { ...tensor, name });
  return name;
}

/** [directions, gates * hidden, columns]; a row's scale holds in both directions. */
function codeWeights(parts: Parts, source: string): { name: string; scale: Float32Array } {
  const { name, shape, data } = constantOf(parts, source);
  const [directions, rows, columns] = shape as [number, number, number];
  const rowsPerScale = parts.operator.kind === "lstm" ? rows / GATES.lstm : 1;
  const greatest = new Float64Array(rows / rowsPerScale);
  const blockOf = (i: number): number => Math.floor((Math.floor(i / columns) % rows) / rowsPerScale);
  data.forEach((value, i) => {
    greatest[blockOf(i)] = Math.max(greatest[blockOf(i)]!, Math.abs(value));
  });
  const scale = Float32Array.from({ length: rows }, (_, row) => {
    const most = greatest[Math.floor(row / rowsPerScale)]!;
    return most === 0 ? 1 : most / 127;
  });
  const codes = Int8Array.from(data, (value, i) =>
    clamp(roundAwayFromZero(value / scale[Math.floor(i / columns) % rows]!), -127, 127),
  );
  const quantization = { scale, zeroPoint: new Int32Array(rows), axis: 1 };
  const coded: Tensor = {
    name,
    shape: [directions, rows, columns],
    dtype: "int8",
    data: codes,
    quantization,
  };
  return { name: add(parts, coded), scale };
}

/** [directions, 2 * rows]: both halves in the first, except where a GRU's reset gate multiplies the second alone. */
function codeBias(
  parts: Parts,
  source: string | undefined,
  [inputScale, stateScale]: readonly [Float32Array, Float32Array],
): string {
  if (source === undefined || source === "") return "";
  const { name, shape, data } = constantOf(parts, source);
  const { operator, dtype } = parts;
  const rows = inputScale.length;
  const { hiddenSize } = operator.attributes;
  const isApart = (row: number): boolean =>
    operator.kind === "gru" && operator.attributes.linearBeforeReset && row >= 2 * hiddenSize;
  const codes = new Float64Array(data.length);
  for (let start = 0; start < data.length; start += 2 * rows) {
    for (let row = 0; row < rows; row++) {
      const [own, recurrent] = [data[start + row]!, data[start + rows + row]!];
      const first = isApart(row) ? own : own + recurrent;
      codes[start + row] = roundAwayFromZero(first / inputScale[row]!);
      if (isApart(row)) codes[start + rows + row] = roundAwayFromZero(recurrent / stateScale[row]!);
    }
  }
  const quantization = {
    scale: Float32Array.of(...inputScale, ...stateScale),
    zeroPoint: new Int32Array(2 * rows),
    axis: 1,
  };
  const limited = codes.map((code) => clamp(code, -0x7fffffff, 0x7fffffff));
  return add(
    parts,
    dtype === "int16"
      ? { name, shape, dtype: "int64", data: BigInt64Array.from(limited, BigInt), quantization }
      : { name, shape, dtype: "int32", data: Int32Array.from(limited), quantization },
  );
}

/** An initial hidden state that is a constant takes the output's codes; a computed one has its own. */
function codeState(
  parts: Parts,
  source: string | undefined,
  { scale, zeroPoint }: Quantization,
  dtype: ActivationDType,
): string {
  if (source === undefined || source === "") return "";
  const tensor = parts.graph.tensors.get(source);
  if (!(tensor?.data instanceof Float32Array)) return source;
  const [least, most] = dtype === "int16" ? [-32768, 32767] : [-128, 127];
  const codes = Array.from(tensor.data, (value) =>
    clamp(roundAwayFromZero(value / scale[0]!) + zeroPoint[0]!, least!, most!),
  );
  const data = dtype === "int16" ? Int16Array.from(codes) : Int8Array.from(codes);
  return add(parts, { ...tensor, dtype, data, quantization: perTensor(scale[0]!, zeroPoint[0]!) });
}

/**
 * The initial cell state, whose scale is that of the layer's cell state: twice the range that the last one was seen to
 * have, since states on the way can be greater; the last one, where it is a tensor of the graph, gets the same codes.
 */
function codeCell(parts: Parts, source: string | undefined, last: Quantization | undefined): string {
  const { operator, tensors } = parts;
  const [, batch] = parts.graph.tensors.get(operator.inputs[0]!)!.shape as [number, number];
  const directions = operator.attributes.direction === "bidirectional" ? 2 : 1;
  const shape = [directions, batch, operator.attributes.hiddenSize];
  const count = directions * batch * operator.attributes.hiddenSize;
  const seen = last === undefined ? 0 : 256 * last.scale[0]!;
  const bits = clamp(
    Math.ceil(Math.log2(Math.max(seen, 1))),
    CELL_INTEGER_BITS.least,
    CELL_INTEGER_BITS.most,
  );
  const quantization = perTensor(2 ** (bits - 15), 0);
  const data = new Int16Array(count);
  if (source !== undefined && source !== "") {
    constantOf(parts, source).data.forEach((value, i) => {
      data[i] = clamp(roundAwayFromZero(value / quantization.scale[0]!), -32768, 32767);
    });
  }
  const lastName = operator.outputs[2];
  const lastTensor = tensors.get(lastName ?? "");
  if (lastTensor !== undefined) tensors.set(lastTensor.name, { ...lastTensor, dtype: "int16", quantization });
  return add(parts, { name: source || `${operator.name}/cell`, shape, dtype: "int16", data, quantization });
}
