import { describe, expect, it } from "vitest";
import type { Dataset } from "../../data/dataset.js";
import type { Graph } from "../../graph/graph.js";
import { NetworkBuilder } from "../../train/network.js";
import { Random } from "../../train/random.js";
import { simplify } from "../../transform/index.js";
import { activationSource } from "../float-source.js";
import { linearLayers } from "../linear.js";
import { linearize } from "./linearize.js";
import { logitsOf } from "./logits.js";

const CLASSES = 3;
const built = simplify(
  new NetworkBuilder("small", [6, 6, 2], 3)
    .convolution("conv1", { channels: 4, kernel: [3, 3], stride: [2, 2] })
    .depthwise("depthwise", { kernel: [3, 3] })
    .flatten("flatten")
    .dense("dense", CLASSES, "none")
    .softmax("probabilities")
    .build(),
);
// Without a bias, where nothing comes in, sums would lie on the very bend of the ReLU.
const graph: Graph = {
  ...built,
  tensors: new Map(
    [...built.tensors].map(([name, tensor]) =>
      tensor.shape.length === 1 && tensor.data instanceof Float32Array
        ? [name, { ...tensor, data: tensor.data.map((value) => value + 0.1) }]
        : [name, tensor],
    ),
  ),
};
const random = new Random(4);
const samples = Array.from({ length: 5 }, () => Float32Array.from({ length: 72 }, () => random.normal()));
const dataset: Dataset = { count: samples.length, sampleShape: [6, 6, 2], sample: (i) => samples[i]! };

async function logits(of: Graph): Promise<Float32Array> {
  const source = activationSource(of);
  const all: number[] = [];
  for (const sample of samples) all.push(...(await source(sample)).get(logitsOf(of))!);
  return Float32Array.from(all);
}

function nudged(name: string, index: number, step: number): Graph {
  const tensor = graph.tensors.get(name)!;
  const data = (tensor.data as Float32Array).slice();
  data[index]! += step;
  return { ...graph, tensors: new Map(graph.tensors).set(name, { ...tensor, data }) };
}

describe("the logits as a linear function of the weights", () => {
  it("change as they do when a weight or a bias really moves", async () => {
    const wanted = await logits(graph);
    const options = { probes: 2, seed: 1, activations: new Map() };
    const here = await linearize(graph, dataset, wanted, options);
    expect(Math.max(...here.residual.map(Math.abs))).toBeLessThan(1e-4);
    const step = 1e-3;
    for (const layer of linearLayers(graph)) {
      const { weights, bias } = here.layers.get(layer.name)!;
      // The last tap of the last channel lies at the end of the weights whatever their layout.
      const last = graph.tensors.get(layer.inputs[1]!)!.data!.length - 1;
      const channels = bias.length / here.rows;
      const cases = [
        [nudged(layer.inputs[1]!, last, step), weights, weights.length - here.rows],
        [nudged(layer.inputs[2]!, channels - 1, step), bias, bias.length - here.rows],
      ] as const;
      for (const [moved, columns, at] of cases) {
        const there = await linearize(moved, dataset, wanted, options);
        for (let row = 0; row < here.rows; row++) {
          const predicted = step * columns[at + row]!;
          expect(Math.abs(there.residual[row]! - predicted)).toBeLessThan(2e-5 + 0.02 * Math.abs(predicted));
        }
      }
    }
  }, 60_000);

  it("do not follow what a range cuts off", async () => {
    const narrow = { scale: Float32Array.of(1e-6), zeroPoint: Int32Array.of(0), axis: 0 };
    const [conv] = linearLayers(graph);
    const activations = new Map([[conv!.outputs[0]!, narrow]]);
    const cut = await linearize(graph, dataset, await logits(graph), { probes: 1, seed: 1, activations });
    expect(Math.max(...cut.layers.get(conv!.name)!.weights.map(Math.abs))).toBe(0);
    expect(Math.max(...cut.layers.get(linearLayers(graph).at(-1)!.name)!.bias.map(Math.abs))).toBeGreaterThan(
      0,
    );
  }, 60_000);
});
