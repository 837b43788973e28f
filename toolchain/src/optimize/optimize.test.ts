import { describe, expect, it } from "vitest";
import { loadTarget } from "../targets/index.js";
import { Differentiable } from "../train/differentiable.js";
import { samplesOf } from "../train/digits.js";
import { NetworkBuilder } from "../train/network.js";
import { Random } from "../train/random.js";
import { openTensorFlow } from "../train/tensorflow.js";
import { fit } from "../train/trainer.js";
import { renderFront } from "./front-page.js";
import { type Objectives, paretoFront } from "./pareto.js";
import { searchModels, worthTrying } from "./search.js";

function objectives(accuracy: number, latencyUs: number, ramBytes = 1): Objectives {
  return { accuracy, latencyUs, ramBytes, flashBytes: 1, energyUj: null };
}

describe("the Pareto front", () => {
  it("keeps what nothing else beats, and the first of equals", () => {
    const best = objectives(0.9, 10);
    const cheap = objectives(0.8, 5);
    const small = objectives(0.7, 20, 0.5);
    const twin = objectives(0.8, 5);
    const beaten = objectives(0.85, 11);
    expect(paretoFront([best, beaten, cheap, twin, small])).toEqual([best, cheap, small]);
  });
});

describe("which candidates are trained", () => {
  const cuts = [0, 1, 2, 3, 4, 5, 6].map((step) => ({ step, fits: step >= 3 }));

  it("the whole model, the largest that fits, and an even choice below", () => {
    expect(worthTrying(cuts, 3).map(({ step }) => step)).toEqual([0, 3, 6]);
    expect(worthTrying(cuts, 9).map(({ step }) => step)).toEqual([0, 3, 4, 5, 6]);
  });

  it("the smallest, where none fits", () => {
    const none = cuts.map((cut) => ({ ...cut, fits: false }));
    expect(worthTrying(none, 4).map(({ step }) => step)).toEqual([0, 6]);
  });
});

/** Which quarter of the image is bright. */
function quarters(count: number, seed: number) {
  const random = new Random(seed);
  const values = new Float32Array(count * 64);
  const labels = Int32Array.from({ length: count }, () => random.below(4));
  for (let i = 0; i < count; i++)
    for (let p = 0; p < 64; p++) {
      const quarter = (p % 8 >= 4 ? 1 : 0) + (p >= 32 ? 2 : 0);
      values[i * 64 + p] = (quarter === labels[i] ? 1 : 0) + 0.3 * random.normal();
    }
  return samplesOf(values, [8, 8, 1], labels);
}

describe("the search", () => {
  it("finds a smaller model that fits and is as good, and refuses an accuracy that none has", async () => {
    const training = await openTensorFlow("wasm");
    const network = new NetworkBuilder("quarters", [8, 8, 1], 1)
      .convolution("conv", { channels: 24, kernel: [3, 3] })
      .maxPool("pool", [2, 2])
      .flatten("flatten")
      .dense("hidden", 32, "relu")
      .dense("logits", 4, "none")
      .softmax("probabilities")
      .build();
    const model = new Differentiable(training, network);
    const data = { training: quarters(320, 1), held: quarters(100, 2) };
    await fit(model, data.training, { epochs: 4, batchSize: 32, learningRate: 5e-3, seed: 1 });
    const graph = model.toGraph();
    model.dispose();

    const target = loadTarget("nrf52840");
    const effort = { target, trials: 3, epochs: 2, seed: 1 };
    const { candidates, best } = await searchModels(training, graph, data, {
      ...effort,
      budget: { ramBytes: 64 * 1024, accuracy: 0.9 },
    });
    expect(candidates[0]).toMatchObject({ sparsity: 0 });
    expect(best!.accuracy).toBeGreaterThan(0.9);
    const smallest = candidates.at(-1)!;
    expect(smallest.macs).toBeLessThan(candidates[0]!.macs / 2);
    expect(smallest.flashBytes).toBeLessThan(candidates[0]!.flashBytes);
    expect(candidates.some(({ onFront }) => onFront)).toBe(true);
    const page = renderFront({
      model: "<quarters>",
      target: target.id,
      samples: 100,
      candidates,
      best: best!.sparsity,
    });
    expect(page).not.toContain("<quarters>");
    expect(page.match(/<circle/g)).toHaveLength(candidates.length);

    const refused = await searchModels(training, graph, data, {
      ...effort,
      trials: 1,
      budget: { accuracy: 1.1 },
    });
    expect(refused.best).toBeNull();
  });
});
