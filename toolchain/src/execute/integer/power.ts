import { UnsupportedError } from "../../errors.js";
import type { OperatorOf } from "../../graph/graph.js";
import { input, type KernelContext, realConstant } from "./kernel.js";
import { prepareFunction } from "./table.js";

/**
 * x to a constant power, one for all elements: a table like those of the other functions. TensorFlow Lite has no integer
 * POW, so this is our definition; what has no real value gets the code of zero.
 */
export function preparePow(operator: OperatorOf<"pow">, context: KernelContext): () => void {
  const exponent = context.tensor(input(operator, 1));
  const values =
    exponent.data === undefined ? null : realConstant(operator, 1, exponent.data.length, context);
  if (values === null || values.some((value) => value !== values[0])) {
    throw new UnsupportedError({
      expected: `one constant exponent for pow "${operator.name}"`,
      got: values === null ? "one that is computed" : "several",
      todo: "Use one power for all elements, or keep this operator in floating point.",
    });
  }
  return prepareFunction(operator, (x) => x ** values[0]!, context);
}
