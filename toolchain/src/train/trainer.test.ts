import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Graph } from "../graph/graph.js";
import { Differentiable } from "./differentiable.js";
import { samplesOf } from "./digits.js";
import { NetworkBuilder } from "./network.js";
import { Random } from "./random.js";
import { pruneAndRecover } from "./recover.js";
import { openTensorFlow } from "./tensorflow.js";
import { accuracy, fit, predict } from "./trainer.js";

function network(): Graph {
  return new NetworkBuilder("stripes", [6, 6, 1], 1)
    .convolution("conv", { channels: 8, kernel: [3, 3] })
    .maxPool("pool", [2, 2])
    .flatten("flatten")
    .dense("hidden", 8, "relu")
    .dense("logits", 2, "none")
    .softmax("probabilities")
    .build();
}

/** Class 0: vertical stripes; class 1: horizontal ones; both with noise. */
function stripes(count: number, seed: number) {
  const random = new Random(seed);
  const values = new Float32Array(count * 36);
  const labels = Int32Array.from({ length: count }, () => random.below(2));
  for (let i = 0; i < count; i++) {
    const phase = random.below(2);
    for (let p = 0; p < 36; p++) {
      const line = labels[i] === 0 ? p % 6 : Math.floor(p / 6);
      values[i * 36 + p] = ((line + phase) % 2) + 0.5 * random.normal();
    }
  }
  return samplesOf(values, [6, 6, 1], labels);
}

function digest(graph: Graph): string {
  const hash = createHash("sha256");
  for (const { data } of graph.tensors.values())
    if (data !== undefined) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest("hex");
}

const TRAINING_SET = stripes(640, 1);

async function trained(seed: number): Promise<Graph> {
  const model = new Differentiable(await openTensorFlow("wasm"), network());
  await fit(model, TRAINING_SET, { epochs: 5, batchSize: 32, learningRate: 5e-3, seed });
  const graph = model.toGraph();
  model.dispose();
  return graph;
}

async function accuracyOf(graph: Graph): Promise<number> {
  const model = new Differentiable(await openTensorFlow("wasm"), graph);
  const data = stripes(200, 2);
  const logits = predict(model, data);
  model.dispose();
  return accuracy(logits, data.labels);
}

describe("training", () => {
  it("learns, and writes weights and running statistics back into the graph", async () => {
    const graph = await trained(7);
    expect(await accuracyOf(network())).toBeLessThan(0.8);
    expect(await accuracyOf(graph)).toBeGreaterThan(0.97);
    expect(graph.tensors.get("conv.mean")!.data).not.toEqual(new Float32Array(8));
  });

  it("gives the same bytes for the same seed, others for another", async () => {
    const [first, second, other] = [await trained(7), await trained(7), await trained(8)];
    expect(digest(second)).toBe(digest(first));
    expect(digest(other)).not.toBe(digest(first));
  });

  it("leaves masked weights exactly as they are", async () => {
    const model = new Differentiable(await openTensorFlow("wasm"), network());
    const before = Float32Array.from(model.parameters.get("hidden.weight")!.dataSync());
    const mask = before.map((_, i) => i % 2);
    await fit(model, stripes(64, 1), {
      epochs: 1,
      batchSize: 32,
      seed: 1,
      weightDecay: 0.1,
      masks: new Map([["hidden.weight", mask]]),
    });
    const after = model.parameters.get("hidden.weight")!.dataSync();
    model.dispose();
    const moved = [...before.keys()].filter((i) => before[i] !== after[i]);
    expect(moved.length).toBeGreaterThan(100);
    expect(moved.every((i) => mask[i] === 1)).toBe(true);
  });

  it("stops when the signal says so, keeping what it has", async () => {
    const model = new Differentiable(await openTensorFlow("wasm"), network());
    const controller = new AbortController();
    const result = await fit(model, stripes(256, 1), {
      epochs: 5,
      batchSize: 32,
      seed: 1,
      signal: controller.signal,
      onProgress: ({ step }) => {
        if (step === 10) controller.abort();
      },
    });
    model.dispose();
    expect(result).toMatchObject({ completed: false });
    expect(result.losses).toHaveLength(1);
  });

  it("refuses labels that the model has no output for", async () => {
    const model = new Differentiable(await openTensorFlow("wasm"), network());
    const data = stripes(64, 1);
    const wrong = { ...data, labels: data.labels.map((label) => label + 1) };
    await expect(fit(model, wrong, { epochs: 1, seed: 1 })).rejects.toThrow("labels of 0 to 1");
    model.dispose();
  });
});

describe("pruning with recovery", () => {
  it.each([
    "channel",
    "weight",
    "2:4",
  ] as const)("%s: half goes, the accuracy comes back, twice the same bytes", async (structure) => {
    const training = await openTensorFlow("wasm");
    const graph = await trained(7);
    const options = { structure, sparsity: 0.5, epochs: 3, seed: 1 };
    const first = await pruneAndRecover(training, graph, TRAINING_SET, options);
    const second = await pruneAndRecover(training, graph, TRAINING_SET, options);
    expect(digest(second.graph)).toBe(digest(first.graph));
    expect(await accuracyOf(first.graph)).toBeGreaterThan(0.9);
    const weights = first.graph.tensors.get("hidden.weight")!.data as Float32Array;
    if (structure === "channel") expect(weights.length).toBeLessThan(72 * 8);
    else expect(weights.filter((value) => value === 0).length).toBeGreaterThan(weights.length * 0.4);
  });

  it("recovers without labels too, from the unpruned model alone", async () => {
    const training = await openTensorFlow("wasm");
    const graph = await trained(7);
    const { labels: _, ...unlabelled } = TRAINING_SET;
    const { graph: pruned } = await pruneAndRecover(training, graph, unlabelled, {
      structure: "channel",
      sparsity: 0.5,
      epochs: 4,
      seed: 1,
    });
    expect(await accuracyOf(pruned)).toBeGreaterThan(0.95);
  });
});
