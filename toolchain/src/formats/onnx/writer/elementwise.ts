import type { Operator } from "../../../graph/graph.js";
import type { OnnxWriter } from "../writer.js";
import { bounds, type EmitTable, emit, emitActivation, RANK, same, unary } from "./emit.js";

/** Operators on each element by itself, or on two that broadcast. */
export const ELEMENTWISE: EmitTable = {
  add: binary("Add"),
  sub: binary("Sub"),
  mul: binary("Mul"),
  div: binary("Div"),
  minimum: binary("Min"),
  maximum: binary("Max"),
  pow: binary("Pow"),
  prelu: binary("PRelu"),
  relu: (operator, writer) => emitActivation(writer, operator, "relu"),
  relu6: (operator, writer) => emitActivation(writer, operator, "relu6"),
  leakyRelu: (operator, writer) =>
    unary(writer, operator, "LeakyRelu", { alpha: { float: operator.attributes.alpha } }),
  elu: (operator, writer) => unary(writer, operator, "Elu", { alpha: { float: operator.attributes.alpha } }),
  selu: (operator, writer) =>
    unary(writer, operator, "Selu", {
      alpha: { float: operator.attributes.alpha },
      gamma: { float: operator.attributes.gamma },
    }),
  gelu: (operator, writer) =>
    unary(writer, operator, "Gelu", { approximate: operator.attributes.approximate ? "tanh" : "none" }),
  hardSigmoid: (operator, writer) =>
    unary(writer, operator, "HardSigmoid", {
      alpha: { float: operator.attributes.alpha },
      beta: { float: operator.attributes.beta },
    }),
  hardSwish: same("HardSwish"),
  sigmoid: same("Sigmoid"),
  tanh: same("Tanh"),
  softplus: same("Softplus"),
  softsign: same("Softsign"),
  exp: same("Exp"),
  log: same("Log"),
  sqrt: same("Sqrt"),
  rsqrt: (operator, writer) => {
    const root = `${operator.outputs[0]}/sqrt`;
    writer.node("Sqrt", [writer.read(operator.inputs[0]!)], [root]);
    emit(writer, operator, "Reciprocal", [root], {});
  },
  abs: same("Abs"),
  neg: same("Neg"),
  floor: same("Floor"),
  ceil: same("Ceil"),
  erf: same("Erf"),
  sin: same("Sin"),
  cos: same("Cos"),
  clip: (operator, writer) => {
    const { min, max } = operator.attributes;
    const inputs = [writer.read(operator.inputs[0]!), ...bounds(writer, operator, min, max)];
    emit(writer, operator, "Clip", inputs, {});
  },
};

function binary(opType: string): (operator: Operator, writer: OnnxWriter) => void {
  return (operator, writer) =>
    emit(
      writer,
      operator,
      opType,
      operator.inputs.map((name) => operand(writer, operator, name)),
      {},
    );
}

/** What broadcasts to an image counts its axes from the right: it is given four, then put channels-first. */
function operand(writer: OnnxWriter, operator: Operator, name: string): string {
  const tensor = writer.tensor(name);
  const rank = writer.rank(operator.outputs[0]!);
  if (rank !== RANK || tensor.shape.length === RANK || tensor.shape.length === 0) return writer.read(name);
  const shape = [...new Array<number>(RANK - tensor.shape.length).fill(1), ...tensor.shape];
  if (tensor.data !== undefined) {
    const { quantization, ...bare } = tensor;
    const flat = quantization === undefined ? {} : { quantization: { ...quantization, axis: null } };
    return writer.constant({ ...bare, ...flat, shape }, [0, 3, 1, 2]);
  }
  const [wide, first] = [writer.fresh(`${name}/wide`), writer.fresh(`${name}/wide-first`)];
  writer.node("Reshape", [writer.readPlain(name), writer.integers(`${name}/wide-shape`, shape)], [wide]);
  writer.node("Transpose", [wide], [first], { perm: [0, 3, 1, 2] });
  return first;
}
