import type { OperatorOf } from "../../../graph/graph.js";
import type { OnnxWriter } from "../writer.js";
import { type EmitTable, emit, fileAxis, RANK, unary } from "./emit.js";

/** Operators that weigh values against each other along an axis. */
export const NORMS: EmitTable = {
  batchNorm: writeBatchNorm,
  layerNorm: (operator, writer) => {
    const inputs = operator.inputs.map((name) => writer.readPlain(name));
    const { axis, epsilon } = operator.attributes;
    emit(writer, operator, "LayerNormalization", inputs, { axis, epsilon: { float: epsilon } }, "plain");
  },
  softmax: writeSoftmax,
  logSoftmax: (operator, writer) =>
    unary(writer, operator, "LogSoftmax", {
      axis: fileAxis(writer, operator.inputs[0]!, operator.attributes.axis),
    }),
};

/** ONNX normalises axis 1, the graph the last. */
function writeBatchNorm(operator: OperatorOf<"batchNorm">, writer: OnnxWriter): void {
  const [x, ...parameters] = operator.inputs as [string, string, string, string, string];
  const [out] = operator.outputs as [string];
  const rank = writer.rank(x);
  const attributes = { epsilon: { float: operator.attributes.epsilon } };
  const constants = parameters.map((name) => writer.read(name));
  if (rank === RANK || rank === 2) {
    emit(writer, operator, "BatchNormalization", [writer.read(x), ...constants], attributes);
    return;
  }
  const middle = Array.from({ length: rank - 2 }, (_, i) => i + 1);
  const [first, normal] = [writer.fresh(`${out}/first`), writer.fresh(`${out}/normal`)];
  writer.node("Transpose", [writer.read(x)], [first], { perm: [0, rank - 1, ...middle] });
  writer.node("BatchNormalization", [first, ...constants], [normal], attributes);
  emit(writer, operator, "Transpose", [normal], { perm: [0, ...middle.map((axis) => axis + 1), 1] });
}

function writeSoftmax(operator: OperatorOf<"softmax">, writer: OnnxWriter): void {
  const [x] = operator.inputs as [string];
  const [out] = operator.outputs as [string];
  const axis = fileAxis(writer, x, operator.attributes.axis);
  let logits = writer.read(x);
  if (operator.attributes.beta !== 1) {
    const scaled = writer.fresh(`${out}/scaled`);
    const beta = writer.literal(`${out}/beta`, [], new Float32Array([operator.attributes.beta]));
    writer.node("Mul", [logits, beta], [scaled]);
    logits = scaled;
  }
  emit(writer, operator, "Softmax", [logits], { axis });
}
