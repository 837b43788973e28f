import type { OperatorOf } from "../../../graph/graph.js";
import { type BuiltinName, TENSOR_TYPE } from "../schema.js";
import { type FormContext, type FormTable, type TfliteForm, unsupported } from "./form.js";

export const REDUCTIONS: FormTable = {
  mean: (operator, context) => reduction("MEAN", operator, context),
  sum: (operator, context) => reduction("SUM", operator, context),
  reduceMax: (operator, context) => reduction("REDUCE_MAX", operator, context),
  reduceMin: (operator, context) => reduction("REDUCE_MIN", operator, context),
  argMax: (operator, context) => argument("ARG_MAX", 40, operator, context),
  argMin: (operator, context) => argument("ARG_MIN", 57, operator, context),
};

type Reduction = OperatorOf<"mean"> | OperatorOf<"sum"> | OperatorOf<"reduceMax"> | OperatorOf<"reduceMin">;

function reduction(type: BuiltinName, operator: Reduction, context: FormContext): TfliteForm {
  const { axes, keepDims } = operator.attributes;
  const input = context.integers(`${operator.outputs[0]}/axes`, axes);
  return { type, inputs: [operator.inputs[0]!, input], options: [27, [[0, "int8", keepDims ? 1 : 0]]] };
}

function argument(
  type: BuiltinName,
  options: number,
  operator: OperatorOf<"argMax"> | OperatorOf<"argMin">,
  context: FormContext,
): TfliteForm {
  if (operator.attributes.keepDims) {
    throw unsupported(operator, "an index that keeps its axis", "Export with keepdims=0.");
  }
  const axis = context.integers(`${operator.outputs[0]}/axis`, [operator.attributes.axis]);
  const outputType = TENSOR_TYPE[context.tensor(operator.outputs[0]!).dtype] ?? 0;
  return { type, inputs: [operator.inputs[0]!, axis], options: [options, [[0, "int8", outputType]]] };
}
