import { GraphError } from "../../../errors.js";
import { type LayerContext, type LayerTable, operands, type ReadLayer, type Value } from "../importer.js";

/** Layers of several inputs. */
export const MERGE: LayerTable = {
  Add: arithmetic("add"),
  Subtract: arithmetic("sub"),
  Multiply: arithmetic("mul"),
  Maximum: extreme("maximum"),
  Minimum: extreme("minimum"),
  Average: (context, inputs) => {
    const sum = arithmetic("add")(context, inputs) as Value;
    const { importer, path } = context;
    const share = importer.scalar(path, "share", 1 / inputs.length);
    return { ...sum, tensor: importer.step(path, "mul", [sum.tensor, share], { activation: "none" }) };
  },
  Concatenate: (context, inputs) => {
    const { importer, path, config } = context;
    const rank = sameRank(context, inputs);
    const given = config.number("axis", -1);
    const axis = given < 0 ? given + rank : given;
    const [first] = inputs as [Value];
    const fits = inputs.every(({ shape }) =>
      shape.every((length, i) => i === axis || length === first.shape[i]),
    );
    if (!fits || axis < 1 || axis >= rank) throw misfit(context, inputs);
    const tensors = inputs.map((value) => importer.plain(path, value));
    return importer.made(importer.step(path, "concat", tensors, { axis, activation: "none" }));
  },
};

function arithmetic(kind: "add" | "sub" | "mul"): ReadLayer {
  return (context, inputs) => folded(context, inputs, kind, { activation: "none" });
}

function extreme(kind: "maximum" | "minimum"): ReadLayer {
  return (context, inputs) => folded(context, inputs, kind, {});
}

function folded(
  context: LayerContext,
  inputs: readonly Value[],
  kind: "add" | "sub" | "mul" | "maximum" | "minimum",
  attributes: { activation: "none" } | Record<string, never>,
): Value {
  const { importer, path } = context;
  sameRank(context, inputs);
  // Keras 3 writes `2 - x` as a Subtract of a number and a tensor.
  const tensors = operands(context, inputs);
  const tensor = tensors.reduce((sum, next) => importer.step(path, kind, [sum, next], attributes));
  return importer.made(tensor);
}

/** Keras puts missing axes behind the batch, unlike anyone else: what has them all needs no rule. */
function sameRank(context: LayerContext, inputs: readonly Value[]): number {
  const ranks = new Set(inputs.map(({ shape }) => shape.length));
  if (inputs.length < 1 || ranks.size !== 1) throw misfit(context, inputs);
  return [...ranks][0]!;
}

function misfit({ config }: LayerContext, inputs: readonly Value[]): GraphError {
  return new GraphError({
    expected: `inputs of ${config.place} whose shapes go together`,
    got: inputs.map(({ shape }) => `[${shape.join(", ")}]`).join(" and ") || "none",
    todo: "Reshape them before they meet.",
  });
}
