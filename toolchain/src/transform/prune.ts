import { GraphError } from "../errors.js";
import { macsOf } from "../graph/cost.js";
import type { Graph, Operator, Tensor, TensorData } from "../graph/graph.js";
import type { ChannelAnalysis } from "./channels.js";

export interface ChannelChoice {
  /** Share of the removable channels that should go, 0 … 1. */
  readonly sparsity: number;
  /** A layer keeps a multiple of this many channels, so that kernels with vectors of int8 waste none. */
  readonly align?: number;
  /** The least share of its channels that a layer keeps. */
  readonly keepAtLeast?: number;
}

const DEFAULTS = { align: 4, keepAtLeast: 0.2 } as const;

/**
 * The channel groups to remove: least important first over the whole network, until `sparsity` of them are chosen;
 * then each layer is rounded to `align`. Ties fall to the lower id, so that the choice depends on nothing else.
 *
 * `importance`: by group id; greater is kept.
 */
export function chooseChannels(
  { groups }: ChannelAnalysis,
  importance: ArrayLike<number>,
  options: ChannelChoice,
): Set<number> {
  const { sparsity, align, keepAtLeast } = { ...DEFAULTS, ...options };
  const spaces = new Map<number, number[]>();
  for (const { id, space } of groups) spaces.set(space, [...(spaces.get(space) ?? []), id]);
  const byImportance = (a: number, b: number): number => importance[a]! - importance[b]! || a - b;
  const floor = (size: number): number => Math.min(size, Math.max(align, Math.ceil(size * keepAtLeast)));

  const remaining = new Map([...spaces].map(([space, ids]) => [space, ids.length]));
  const spaceOf = new Map(groups.map(({ id, space }) => [id, space]));
  let budget = Math.round(groups.length * sparsity);
  for (const id of groups.map((group) => group.id).sort(byImportance)) {
    if (budget === 0) break;
    const space = spaceOf.get(id)!;
    const left = remaining.get(space)!;
    if (left <= floor(spaces.get(space)!.length)) continue;
    remaining.set(space, left - 1);
    budget--;
  }

  const removed = new Set<number>();
  for (const [space, ids] of spaces) {
    const rounded = Math.round(remaining.get(space)! / align) * align;
    const kept =
      remaining.get(space) === ids.length
        ? ids.length
        : Math.min(ids.length, Math.max(floor(ids.length), rounded));
    for (const id of [...ids].sort(byImportance).slice(0, ids.length - kept)) removed.add(id);
  }
  return removed;
}

/** Multiply-accumulates that go when a group goes, if it were the only one; by group id. */
export function channelMacs(graph: Graph, { groups }: ChannelAnalysis): Float64Array {
  const readers = new Map<string, Operator[]>();
  for (const operator of graph.operators)
    for (const name of operator.inputs) readers.set(name, [...(readers.get(name) ?? []), operator]);
  const macs = new Float64Array(groups.length);
  for (const { id, slices } of groups) {
    for (const { tensor, axis } of slices) {
      const length = graph.tensors.get(tensor)!.shape[axis]!;
      for (const operator of readers.get(tensor) ?? [])
        if (operator.inputs[1] === tensor) macs[id]! += macsOf(graph, operator) / length;
    }
  }
  return macs;
}

/** The smaller dense graph without the removed channel groups. */
export function removeChannels(graph: Graph, analysis: ChannelAnalysis, removed: ReadonlySet<number>): Graph {
  const kept = (labels: Int32Array): number[] =>
    [...labels.keys()].filter((index) => !removed.has(labels[index]!));
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of graph.tensors) {
    const axes = analysis.constants.get(name);
    const labels = analysis.activations.get(name);
    if (tensor.data !== undefined && axes !== undefined) {
      let { shape, data }: { shape: readonly number[]; data: TensorData } = { ...tensor, data: tensor.data };
      for (const [axis, groups] of axes) ({ shape, data } = take(name, shape, data, axis, kept(groups)));
      tensors.set(name, { ...tensor, shape, data });
    } else if (tensor.data === undefined && labels !== undefined) {
      tensors.set(name, { ...tensor, shape: [...tensor.shape.slice(0, -1), kept(labels).length] });
    } else {
      tensors.set(name, tensor);
    }
  }
  const operators = graph.operators.map((operator): Operator => {
    if (operator.kind !== "reshape") return operator;
    const labels = analysis.activations.get(operator.outputs[0]!);
    const { shape } = operator.attributes;
    if (labels === undefined || shape.at(-1) === -1) return operator;
    return { ...operator, attributes: { shape: [...shape.slice(0, -1), kept(labels).length] } };
  });
  return { ...graph, tensors, operators };
}

/** The entries `indices` along `axis`. */
function take(
  name: string,
  shape: readonly number[],
  data: TensorData,
  axis: number,
  indices: readonly number[],
): { shape: readonly number[]; data: TensorData } {
  if (!(data instanceof Float32Array)) {
    throw new GraphError({
      expected: "a float model",
      got: `the constant "${name}" in integers`,
      todo: "Prune the float model, then quantize it again.",
    });
  }
  const length = shape[axis]!;
  const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1);
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const result = new Float32Array(outer * indices.length * inner);
  for (let o = 0; o < outer; o++) {
    indices.forEach((index, i) => {
      const from = (o * length + index) * inner;
      result.set(data.subarray(from, from + inner), (o * indices.length + i) * inner);
    });
  }
  return { shape: shape.map((size, i) => (i === axis ? indices.length : size)), data: result };
}
