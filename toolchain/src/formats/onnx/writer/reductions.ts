import type { OperatorOf } from "../../../graph/graph.js";
import { dataTypeOf } from "../proto.js";
import type { OnnxWriter } from "../writer.js";
import { type EmitTable, emit, fileAxis } from "./emit.js";

export const REDUCTIONS: EmitTable = {
  mean: (operator, writer) => reduction(writer, operator, "ReduceMean"),
  sum: (operator, writer) => reduction(writer, operator, "ReduceSum"),
  reduceMax: (operator, writer) => reduction(writer, operator, "ReduceMax"),
  reduceMin: (operator, writer) => reduction(writer, operator, "ReduceMin"),
  argMax: (operator, writer) => argument(writer, operator, "ArgMax"),
  argMin: (operator, writer) => argument(writer, operator, "ArgMin"),
};

type Reduction = OperatorOf<"mean"> | OperatorOf<"sum"> | OperatorOf<"reduceMax"> | OperatorOf<"reduceMin">;

/** Without keepDims the remaining axes must stand in the graph's order. */
function reduction(writer: OnnxWriter, operator: Reduction, opType: string): void {
  const [x] = operator.inputs as [string];
  const { axes, keepDims } = operator.attributes;
  const rank = writer.rank(x);
  const isRow = axes.length === 2 && axes.includes(1) && axes.includes(2);
  const isPlain = !keepDims && !isRow;
  const source = isPlain ? writer.readPlain(x) : writer.read(x);
  const fileAxes = axes.map((axis) => (isPlain ? (axis + rank) % rank : fileAxis(writer, x, axis)));
  const keepdims = keepDims ? 1 : 0;
  const form = isPlain ? "plain" : "channels-first";
  // ReduceSum takes its axes as an input since opset 13, the others since 18.
  if (opType === "ReduceSum") {
    const input = writer.integers(`${operator.outputs[0]}/axes`, fileAxes);
    emit(writer, operator, opType, [source, input], { keepdims }, form);
  } else {
    emit(writer, operator, opType, [source], { axes: fileAxes, keepdims }, form);
  }
}

/** ONNX gives int64; devices count in int32. */
function argument(
  writer: OnnxWriter,
  operator: OperatorOf<"argMax"> | OperatorOf<"argMin">,
  opType: string,
): void {
  const [x] = operator.inputs as [string];
  const [out] = operator.outputs as [string];
  const { axis, keepDims } = operator.attributes;
  const index = writer.fresh(`${out}/int64`);
  const attributes = { axis, keepdims: keepDims ? 1 : 0 };
  writer.node(opType, [writer.readPlain(x)], [index], attributes);
  emit(writer, operator, "Cast", [index], { to: dataTypeOf(writer.tensor(out).dtype) }, "plain");
}
