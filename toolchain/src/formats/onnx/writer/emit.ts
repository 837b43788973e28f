import type { Activation, Operator, OperatorKind, OperatorOf } from "../../../graph/graph.js";
import { HIGHEST, LOWEST } from "../reader/elementwise.js";
import { CHANNELS_LAST } from "../reader/layout.js";
import type { Attributes, OnnxWriter } from "../writer.js";

/** Writes one operator into the file. */
export type Emit<K extends OperatorKind> = (operator: OperatorOf<K>, writer: OnnxWriter) => void;
export type EmitTable = { readonly [K in OperatorKind]?: Emit<K> };

/** Of images, which the file holds channels-first. */
export const RANK = 4;

/** The operator's node, then its activation, then the quantize pair where the graph holds codes. */
export function emit(
  writer: OnnxWriter,
  operator: Operator,
  opType: string,
  inputs: readonly string[],
  attributes: Attributes,
  form: "channels-first" | "plain" = "channels-first",
): void {
  const [out] = operator.outputs as [string];
  const activation = "activation" in operator.attributes ? operator.attributes.activation : "none";
  // Where the graph's order goes straight out of the model, the file's order must be made first.
  const mustTurn = form === "plain" && writer.rank(out) === RANK;
  const result = writer.open(out);
  let current = mustTurn ? writer.fresh(`${out}/plain`) : result;
  if (activation !== "none" && activation !== "tanh") current = writer.fresh(`${out}/linear`);
  writer.node(opType, inputs, [current], attributes);
  if (activation === "relu" || activation === "relu6" || activation === "relu-1-1") {
    const activated = mustTurn ? writer.fresh(`${out}/plain`) : result;
    activate(writer, operator, activation, current, activated);
    current = activated;
  }
  if (mustTurn) writer.node("Transpose", [current], [result], { perm: [0, 3, 1, 2] });
  writer.close(out);
}

export function emitActivation(writer: OnnxWriter, operator: Operator, activation: Activation): void {
  const [out] = operator.outputs as [string];
  activate(writer, operator, activation, writer.read(operator.inputs[0]!), writer.open(out));
  writer.close(out);
}

export function activate(
  writer: OnnxWriter,
  operator: Operator,
  activation: Activation,
  from: string,
  to: string,
): void {
  if (activation === "relu") writer.node("Relu", [from], [to]);
  else {
    const [min, max] = activation === "relu6" ? [0, 6] : [-1, 1];
    writer.node("Clip", [from, ...bounds(writer, operator, min!, max!)], [to]);
  }
}

/** Both bounds as inputs; "" leaves one open. */
export function bounds(writer: OnnxWriter, operator: Operator, min: number, max: number): string[] {
  const [out] = operator.outputs as [string];
  const low = min <= LOWEST ? "" : writer.literal(`${out}/min`, [], new Float32Array([min]));
  const high = max >= HIGHEST ? "" : writer.literal(`${out}/max`, [], new Float32Array([max]));
  return high === "" ? (low === "" ? [] : [low]) : [low, high];
}

/** The file's axis of a graph axis, for values that the file holds channels-first. */
export function fileAxis(writer: OnnxWriter, name: string, axis: number): number {
  const rank = writer.rank(name);
  const graphAxis = axis < 0 ? axis + rank : axis;
  return rank === RANK ? CHANNELS_LAST[graphAxis]! : graphAxis;
}

export function same(opType: string): (operator: Operator, writer: OnnxWriter) => void {
  return (operator, writer) => unary(writer, operator, opType);
}

export function unary(
  writer: OnnxWriter,
  operator: Operator,
  opType: string,
  attributes: Attributes = {},
): void {
  emit(writer, operator, opType, [writer.read(operator.inputs[0]!)], attributes);
}

export function shaped(
  writer: OnnxWriter,
  operator: Operator,
  opType: string,
  values: readonly number[],
): void {
  const wanted = writer.integers(`${operator.outputs[0]}/shape`, values);
  emit(writer, operator, opType, [writer.readPlain(operator.inputs[0]!), wanted], {}, "plain");
}
