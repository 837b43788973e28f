import { LimitError, UsageError } from "../errors.js";
import type { Graph } from "../graph/graph.js";
import { activationNames } from "./assign.js";
import { type Bordered, type Wider, withBorders } from "./borders.js";
import type { Kept, QuantizeOptions, RecipeStep } from "./options.js";
import type { ActivationDType } from "./range.js";
import type { LayerNoise } from "./sensitivity.js";

/**
 * Finds what the user named: operators by name, or tensors, which stand for the operator that makes them. Names of the
 * model as it came count too: what was folded into another layer stands for that layer.
 */
export function resolveKept(
  original: Graph,
  graph: Graph,
  kept: Kept | undefined,
  dtype: ActivationDType,
): Wider {
  const [int16, float] = [kept?.int16 ?? [], kept?.float ?? []];
  if (int16.length > 0 && dtype === "int16") {
    throw new UsageError({
      expected: "layers kept at int16 in an int8 model",
      got: "the scheme int16x8, in which all are",
      todo: "Leave one of the two out.",
    });
  }
  const activations = new Set(activationNames(graph));
  const maker = new Map(
    graph.operators.flatMap((operator) => operator.outputs.map((name) => [name, operator] as const)),
  );
  const find = (name: string): { tensors: readonly string[]; operator: string | null } => {
    const named = [graph, original].flatMap(({ operators }) =>
      operators.filter((operator) => operator.name === name).flatMap(({ outputs }) => outputs),
    );
    const tensors = (named.length > 0 ? named : [name])
      .map((tensor) => foldedInto(tensor, original, activations))
      .filter((tensor) => tensor !== null);
    const [first] = tensors;
    if (first !== undefined) return { tensors, operator: maker.get(first)?.name ?? null };
    throw new UsageError({
      expected: "names of layers, or of tensors that they make",
      got: `"${name}"`,
      todo: `Use those that mote inspect shows, for instance ${nearest(name, [...activations]).join(", ")}.`,
    });
  };
  return {
    tensors: new Set(int16.flatMap((name) => find(name).tensors)),
    operators: new Set(
      float.map((name) => {
        const { operator } = find(name);
        if (operator !== null) return operator;
        throw new UsageError({
          expected: "a layer to keep in floating point",
          got: `"${name}", an input of the model`,
          todo: "Name the layer that reads it.",
        });
      }),
    ),
  };
}

/** The tensor itself, or the one that took its place when what reads it was folded into what makes it. */
function foldedInto(tensor: string, original: Graph, left: ReadonlySet<string>): string | null {
  let name: string | undefined = tensor;
  // Never round in circles: each step goes to a later operator.
  while (name !== undefined && !left.has(name)) {
    const at: string = name;
    name = original.operators.find(({ inputs }) => inputs.includes(at))?.outputs[0];
  }
  return name ?? null;
}

/** A few names that share the most with what was typed. */
function nearest(name: string, names: readonly string[]): string[] {
  const parts = name.toLowerCase().split(/[^a-z0-9]+/);
  const score = (other: string): number =>
    parts.filter((part) => part !== "" && other.toLowerCase().includes(part)).length;
  return [...names]
    .sort((a, b) => score(b) - score(a))
    .slice(0, 5)
    .map((found) => `"${found}"`);
}

/** What a rule for keeping activations wider came to. */
export interface Widened {
  readonly bordered: Bordered;
  readonly steps: readonly RecipeStep[];
}

/**
 * Keeps the noisiest activations at int16: as many as were asked for, or as few as reach a signal over output noise, which
 * `measure` tells of a candidate. Weights stay int8, so that their noise stays too: throws LimitError where it alone is
 * more than is allowed.
 */
export async function widenByRule(
  graph: Graph,
  dtype: ActivationDType,
  wider: Wider,
  ranking: readonly LayerNoise[],
  options: QuantizeOptions,
  measure: (bordered: Bordered) => Promise<number>,
): Promise<Widened> {
  const noisiest = ranking
    .filter(({ activationSqnrDb }) => activationSqnrDb !== null)
    .sort((a, b) => a.activationSqnrDb! - b.activationSqnrDb!);
  const withWorst = (count: number): Bordered => {
    const worst = noisiest.slice(0, count).map(({ tensor }) => tensor);
    return withBorders(graph, dtype, { ...wider, tensors: new Set([...wider.tensors, ...worst]) });
  };
  const names = (count: number): string =>
    noisiest
      .slice(0, count)
      .map(({ tensor }) => `"${tensor}"`)
      .join(", ");
  const goal = options.leastSqnrDb;
  if (goal === undefined) {
    const count = Math.min(options.keepWorst ?? 0, noisiest.length);
    const text = `the ${count} noisiest activations kept at int16: ${names(count)}`;
    return { bordered: withWorst(count), steps: [{ step: "keep", text }] };
  }
  // More of them at int16 never makes more noise, so that halving finds the fewest.
  let [low, high] = [0, noisiest.length];
  let reached = await measure(withWorst(low));
  if (reached < goal) reached = await measure(withWorst(high));
  else high = 0;
  if (reached < goal) {
    throw new LimitError({
      expected: `a signal over output noise of ${goal} dB`,
      got: `${reached.toFixed(1)} dB with all activations at int16: the 8-bit weights make the rest`,
      todo: "Ask for less, round the weights with --adaround, or keep the layers with the noisiest weights in floating point (--sensitivity ranks them).",
    });
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const noise = await measure(withWorst(middle));
    if (noise < goal) low = middle;
    else [high, reached] = [middle, noise];
  }
  const count = high;
  const text =
    count === 0
      ? `no activation kept wider: ${reached.toFixed(1)} dB of output noise are enough for the ${goal} dB asked for`
      : `${count} noisiest activations kept at int16 for ${goal} dB, ${reached.toFixed(1)} dB reached: ${names(count)}`;
  return { bordered: withWorst(count), steps: [{ step: "keep", text, outputSqnrDb: { reached } }] };
}

/** Tensors that are wider than the scheme and operators that stay float, for the report. */
export function describeWider(
  { graph, widthOf, sourceOf }: Bordered,
  dtype: ActivationDType,
): { int16: string[]; float: string[] } {
  const isSource = (name: string): boolean => sourceOf(name) === name;
  return {
    int16:
      dtype === "int16"
        ? []
        : activationNames(graph).filter((name) => isSource(name) && widthOf(name) === "int16"),
    float: graph.operators
      .filter(
        ({ kind, outputs }) => kind !== "dequantize" && outputs.every((name) => widthOf(name) === "float"),
      )
      .map(({ name }) => name),
  };
}
