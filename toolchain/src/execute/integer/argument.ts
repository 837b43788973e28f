import type { OperatorOf } from "../../graph/graph.js";
import { elementCount, input, type KernelContext, output } from "./kernel.js";

/** reference_ops::ArgMinMax: the first index of the greatest (or least) code along the axis. */
export function prepareArgument(
  operator: OperatorOf<"argMax" | "argMin">,
  context: KernelContext,
): () => void {
  const source = context.tensor(input(operator, 0));
  const axis =
    operator.attributes.axis < 0 ? operator.attributes.axis + source.shape.length : operator.attributes.axis;
  const extent = source.shape[axis]!;
  const outer = elementCount(source.shape.slice(0, axis));
  const inner = elementCount(source.shape.slice(axis + 1));
  const sign = operator.kind === "argMax" ? 1 : -1;
  const codes = context.buffer(source.name);
  const result = context.buffer(output(operator));
  return () => {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        const start = o * extent * inner + i;
        let best = 0;
        for (let k = 1; k < extent; k++) {
          if (sign * codes[start + k * inner]! > sign * codes[start + best * inner]!) best = k;
        }
        result[o * inner + i] = best;
      }
    }
  };
}
