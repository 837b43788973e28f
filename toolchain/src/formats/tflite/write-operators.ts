import type { Operator, OperatorKind } from "../../graph/graph.js";
import { ELEMENTWISE } from "./writer/elementwise.js";
import { type Form, type FormContext, type FormTable, type TfliteForm, unsupported } from "./writer/form.js";
import { MATRICES } from "./writer/matrices.js";
import { MOVES } from "./writer/moves.js";
import { RECURRENT } from "./writer/recurrent.js";
import { REDUCTIONS } from "./writer/reductions.js";
import { WINDOWS } from "./writer/windows.js";

/** How each operator is said in TensorFlow Lite. */
const FORMS: FormTable = {
  ...WINDOWS,
  ...MATRICES,
  ...ELEMENTWISE,
  ...REDUCTIONS,
  ...MOVES,
  ...RECURRENT,
};

export const WRITABLE_KINDS: readonly string[] = Object.keys(FORMS);

/** Throws UnsupportedError naming an operator that TensorFlow Lite has no word for. */
export function formOf(operator: Operator, context: FormContext): TfliteForm {
  const form = FORMS[operator.kind] as Form<OperatorKind> | undefined;
  if (form === undefined) {
    throw unsupported(operator, operator.kind, "Write .onnx instead, or leave the operator out.");
  }
  return form(operator, context);
}
