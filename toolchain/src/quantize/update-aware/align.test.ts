import { describe, expect, it } from "vitest";
import type { Dataset } from "../../data/dataset.js";
import { NetworkBuilder } from "../../train/network.js";
import { Random } from "../../train/random.js";
import { equalizationPairs, scalePairs } from "../../transform/equalize.js";
import { simplify } from "../../transform/index.js";
import { activationSource } from "../float-source.js";
import { quantizeGraph } from "../index.js";
import { alignToPrevious } from "./align.js";
import { logitsOf } from "./logits.js";
import { matchPrevious, realWeights } from "./previous.js";

const random = new Random(2);
const samples = Array.from({ length: 16 }, () => Float32Array.from({ length: 72 }, () => random.normal()));
const data: Dataset = { count: 16, sampleShape: [6, 6, 2], sample: (i) => samples[i]! };
const graph = simplify(
  new NetworkBuilder("small", [6, 6, 2], 3)
    .convolution("conv1", { channels: 4, kernel: [3, 3] })
    .depthwise("depthwise", { kernel: [3, 3] })
    .convolution("conv2", { channels: 6, kernel: [1, 1] })
    .flatten("flatten")
    .dense("dense", 3, "none")
    .softmax("probabilities")
    .build(),
);

describe("a new model beside an old one that had been equalized", () => {
  it("gets the old one's scales between layers and stays the same function", async () => {
    const equalized = scalePairs(graph, (_, { channels }) =>
      Float64Array.from({ length: channels }, (_value, channel) => 2 ** ((channel % 3) + 1)),
    );
    const old = (await quantizeGraph(equalized, data, { equalize: false })).graph;
    const aligned = alignToPrevious(graph, old);
    expect(aligned.pairs).toBe(equalizationPairs(graph).length);
    for (const [layer, held] of matchPrevious(aligned.graph, old).layers) {
      const now = aligned.graph.tensors.get(layer.inputs[1]!)!.data as Float32Array;
      const most = now.reduce((greatest, w) => Math.max(greatest, Math.abs(w)), 0);
      realWeights(layer, held).forEach((w, i) => {
        expect(Math.abs(w - now[i]!)).toBeLessThan(0.02 * most);
      });
    }
    const [before, after] = [activationSource(graph), activationSource(aligned.graph)];
    for (const sample of samples.slice(0, 4)) {
      const [a, b] = [await before(sample), await after(sample)];
      a.get(logitsOf(graph))!.forEach((value, i) => {
        expect(b.get(logitsOf(aligned.graph))![i]!).toBeCloseTo(value, 3);
      });
    }
  }, 60_000);

  it("is left alone where nobody equalized", async () => {
    const old = (await quantizeGraph(graph, data, { equalize: false })).graph;
    expect(alignToPrevious(graph, old)).toEqual({ graph, pairs: 0 });
  }, 60_000);
});
