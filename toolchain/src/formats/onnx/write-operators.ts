import type { Operator, OperatorKind } from "../../graph/graph.js";
import { unsupported } from "./proto.js";
import { ELEMENTWISE } from "./writer/elementwise.js";
import type { Emit, EmitTable } from "./writer/emit.js";
import { MATRICES } from "./writer/matrices.js";
import { MOVES } from "./writer/moves.js";
import { NORMS } from "./writer/norms.js";
import { RECURRENT } from "./writer/recurrent.js";
import { REDUCTIONS } from "./writer/reductions.js";
import { WINDOWS } from "./writer/windows.js";
import type { OnnxWriter } from "./writer.js";

/** How each operator is said in ONNX. */
const EMIT: EmitTable = {
  ...WINDOWS,
  ...MATRICES,
  ...NORMS,
  ...ELEMENTWISE,
  ...REDUCTIONS,
  ...MOVES,
  ...RECURRENT,
};

export const WRITABLE_KINDS: readonly string[] = Object.keys(EMIT);

export function emitOperator(operator: Operator, writer: OnnxWriter): void {
  const write = EMIT[operator.kind] as Emit<OperatorKind> | undefined;
  if (write === undefined) {
    throw unsupported(
      `${operator.kind} "${operator.name}", which ONNX has no word for`,
      "Write .tflite instead, or leave the operator out.",
    );
  }
  write(operator, writer);
}
