import type { Graph, Operator, Tensor } from "../graph/graph.js";

/** Who produces and who consumes each tensor, and whether the outside reads it. */
export interface Edges {
  readonly producer: ReadonlyMap<string, Operator>;
  readonly consumers: ReadonlyMap<string, readonly Operator[]>;
  /** The one operator that reads `name`; null where there are several, none, or the graph gives `name` out. */
  soleConsumer(name: string): Operator | null;
}

export function edgesOf(graph: Graph): Edges {
  const producer = new Map<string, Operator>();
  const consumers = new Map<string, Operator[]>();
  for (const operator of graph.operators) {
    for (const name of operator.outputs) producer.set(name, operator);
    for (const name of operator.inputs) {
      if (name !== "") consumers.set(name, [...(consumers.get(name) ?? []), operator]);
    }
  }
  return {
    producer,
    consumers,
    soleConsumer(name) {
      const readers = consumers.get(name) ?? [];
      return readers.length === 1 && !graph.outputs.includes(name) ? readers[0]! : null;
    },
  };
}

/** The data of a float constant; null where the tensor is computed or of another dtype. */
export function floatConstant(graph: Graph, name: string | undefined): Float32Array | null {
  const data = name === undefined || name === "" ? undefined : graph.tensors.get(name)?.data;
  return data instanceof Float32Array ? data : null;
}

/** A name that no tensor of the graph has yet. */
export function freshName(tensors: ReadonlyMap<string, Tensor>, wanted: string): string {
  let name = wanted;
  for (let n = 2; tensors.has(name); n++) name = `${wanted}_${n}`;
  return name;
}
