import { type LayerContext, type LayerTable, only, type Value } from "../importer.js";
import { wrapped } from "./recurrent.js";

/** A layer applied to every step: the steps are a batch. */
export function readTimeDistributed(
  context: LayerContext,
  inputs: readonly Value[],
  layers: LayerTable,
): Value {
  const { importer, path, config } = context;
  const value = only(context, inputs);
  const inner = wrapped(context, "layer", context.weights);
  const read = layers[inner.className];
  config.refuse(
    read === undefined || inner.className === "TimeDistributed" || inner.className === "Bidirectional",
    `a ${inner.className} at every step`,
    "Use Dense, convolution, pool, norm or activation layers inside it.",
  );
  const [batch, steps, ...rest] = value.shape as [number, number, ...number[]];
  const each = importer.made(importer.reshaped(path, value.tensor, [batch * steps, ...rest]));
  const made = read!(inner, [each]) as Value;
  const shape = [batch, steps, ...made.shape.slice(1)];
  return { tensor: importer.reshaped(path, made.tensor, shape), shape };
}
