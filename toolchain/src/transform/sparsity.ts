import type { Graph } from "../graph/graph.js";

/** By tensor name: 1 where a weight stays, 0 where it is cut. */
export type Masks = ReadonlyMap<string, Uint8Array>;

/** Matrices of convolutions and fully-connected layers: [out, …]. Depthwise weights are too few to be worth cutting. */
function matrices(graph: Graph): { name: string; shape: readonly number[]; data: Float32Array }[] {
  const found = new Map<string, { name: string; shape: readonly number[]; data: Float32Array }>();
  for (const operator of graph.operators) {
    if (operator.kind !== "conv2d" && operator.kind !== "fullyConnected") continue;
    const tensor = graph.tensors.get(operator.inputs[1]!);
    if (tensor?.data instanceof Float32Array)
      found.set(tensor.name, { name: tensor.name, shape: tensor.shape, data: tensor.data });
  }
  return [...found.values()];
}

/**
 * Cuts the share `sparsity` of single weights, over all layers at once, by LAMP scores (Lee et al. 2021): a weight's
 * square over the sum of the squares of the weights in its layer that are no smaller. No layer is emptied.
 */
export function unstructuredMasks(graph: Graph, sparsity: number): Masks {
  const layers = matrices(graph);
  const masks = new Map(layers.map(({ name, data }) => [name, new Uint8Array(data.length).fill(1)]));
  const scores: { layer: number; index: number; score: number }[] = [];
  layers.forEach(({ data }, layer) => {
    const descending = [...data.keys()].sort((a, b) => Math.abs(data[b]!) - Math.abs(data[a]!) || a - b);
    let sum = 0;
    for (const index of descending) {
      const square = data[index]! ** 2;
      sum += square;
      scores.push({ layer, index, score: sum > 0 ? square / sum : 0 });
    }
  });
  scores.sort((a, b) => a.score - b.score || a.layer - b.layer || a.index - b.index);
  for (const { layer, index } of scores.slice(0, Math.round(scores.length * sparsity)))
    masks.get(layers[layer]!.name)![index] = 0;
  return masks;
}

/**
 * Keeps the two greatest of every four neighbouring weights along the input axis: the pattern that sparse matrix units
 * take. A rest of fewer than four stays whole.
 */
export function twoOfFourMasks(graph: Graph): Masks {
  const masks = new Map<string, Uint8Array>();
  for (const { name, shape, data } of matrices(graph)) {
    const mask = new Uint8Array(data.length).fill(1);
    const width = shape.at(-1)!;
    for (let row = 0; row < data.length; row += width) {
      for (let from = row; from + 4 <= row + width; from += 4) {
        const four = [from, from + 1, from + 2, from + 3];
        four.sort((a, b) => Math.abs(data[a]!) - Math.abs(data[b]!) || a - b);
        mask[four[0]!] = 0;
        mask[four[1]!] = 0;
      }
    }
    masks.set(name, mask);
  }
  return masks;
}

/** The graph with zeros where the masks cut. */
export function applyMasks(graph: Graph, masks: Masks): Graph {
  const tensors = new Map(graph.tensors);
  for (const [name, mask] of masks) {
    const tensor = tensors.get(name)!;
    if (tensor.data instanceof Float32Array)
      tensors.set(name, { ...tensor, data: tensor.data.map((value, i) => (mask[i] === 0 ? 0 : value)) });
  }
  return { ...graph, tensors };
}
