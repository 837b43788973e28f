import { clamp } from "../../../execute/integer/fixed-point.js";
import { affine, codeOf, codeRange } from "../../../execute/integer/kernel.js";
import type { Operator, Tensor, TensorData } from "../../../graph/graph.js";
import type { FormContext } from "./form.js";

/** [rank, 2]: elements before and after each axis. */
export function padAmounts(
  context: FormContext,
  out: string,
  before: readonly number[],
  after: readonly number[],
): string {
  const pairs = before.flatMap((amount, i) => [amount, after[i]!]);
  const name = context.integers(`${out}/pads`, pairs);
  const tensor = context.tensor(name);
  return context.constant({ ...tensor, name: `${out}/pad-pairs`, shape: [before.length, 2] });
}

const LOWEST_CODE: Partial<Record<Tensor["dtype"], number>> = { int8: -128, uint8: 0, int16: -32768 };

/** A padding value that no maximum takes. */
export function lowest(context: FormContext, operator: Operator, source: Tensor): string {
  const value = LOWEST_CODE[source.dtype] ?? -3.4028234663852886e38;
  return scalar(context, operator, source, value);
}

/** A padding value in the codes of what is padded. */
export function fill(context: FormContext, operator: Operator, x: string, value: number): string {
  const source = context.tensor(x);
  const { quantization } = source;
  if (quantization === undefined) return scalar(context, operator, source, value);
  const { min, max } = codeRange(source);
  return scalar(context, operator, source, clamp(codeOf(value, affine(source)), min, max));
}

function scalar(context: FormContext, operator: Operator, like: Tensor, value: number): string {
  const data: TensorData =
    like.dtype === "int8"
      ? new Int8Array([value])
      : like.dtype === "int16"
        ? new Int16Array([value])
        : new Float32Array([value]);
  return context.constant({ ...like, name: `${operator.outputs[0]}/fill`, shape: [1], data });
}
