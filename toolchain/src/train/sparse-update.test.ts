import { describe, expect, it } from "vitest";
import type { Dataset } from "../data/index.js";
import { evaluateModel } from "../evaluate/index.js";
import { openRunnable } from "../execute/runnable.js";
import type { Graph } from "../graph/graph.js";
import { quantizeGraph } from "../quantize/index.js";
import { matchPrevious } from "../quantize/update-aware/previous.js";
import { simplify } from "../transform/index.js";
import { samplesOf } from "./digits.js";
import { NetworkBuilder } from "./network.js";
import { Random } from "./random.js";
import { answers } from "./recover.js";
import { SparseUpdate, type SparseUpdateOptions } from "./sparse-update.js";
import { openTensorFlow } from "./tensorflow.js";

function noise(count: number, seed: number): Dataset {
  const random = new Random(seed);
  const values = Float32Array.from({ length: count * 36 }, () => random.normal());
  return samplesOf(values, [6, 6, 1], new Int32Array(count));
}

function network(seed: number): Graph {
  return simplify(
    new NetworkBuilder("small", [6, 6, 1], seed)
      .convolution("conv", { channels: 6, kernel: [3, 3] })
      .depthwise("depthwise", { kernel: [3, 3], stride: [2, 2] })
      .flatten("flatten")
      .dense("dense", 3, "none")
      .softmax("probabilities")
      .build(),
  );
}

/** Every weight of the first network moved a little. */
function moved(graph: Graph): Graph {
  const random = new Random(9);
  const tensors = [...graph.tensors].map(([name, tensor]) => {
    const { data } = tensor;
    if (!(data instanceof Float32Array)) return [name, tensor] as const;
    return [name, { ...tensor, data: data.map((value) => value + 0.05 * random.normal()) }] as const;
  });
  return { ...graph, tensors: new Map(tensors) };
}

async function opened(next: Graph, old: Graph, options: Partial<SparseUpdateOptions> = {}) {
  const training = await openTensorFlow("wasm");
  const data = noise(128, 3);
  const distillation = { logits: answers(training, next, data), temperature: 2, weight: 1 };
  const unlabelled = { ...data, labels: undefined };
  return new SparseUpdate(training, next, old, unlabelled, distillation, {
    ...{ seed: 1, learningRate: 1e-3, batchSize: 32, fromOld: false, closeness: 0 },
    ...options,
  });
}

const held = async (graph: Graph): Promise<Graph> =>
  (await quantizeGraph(graph, noise(64, 2), { equalize: false })).graph;

describe("an update of few weights", () => {
  it("differs in no more weights than it may, each by a power of two or one and a half of it", async () => {
    const first = network(1);
    const old = await held(first);
    const next = moved(first);
    const update = await opened(next, old);
    for (const [from, to] of [
      [1, 0.3],
      [0.3, 0.1],
    ] as const) {
      expect(await update.train({ epochs: 3, from, to })).toBe(true);
      const { graph, update: made } = update.quantized();
      expect(made.changedWeights / made.weights).toBeLessThanOrEqual(to + 1 / made.weights);
      const [was, is] = [matchPrevious(next, old), matchPrevious(next, graph)];
      let changed = 0;
      for (const [layer, { codes, scale }] of was.layers) {
        const now = is.layers.get(layer)!;
        expect(now.scale).toEqual(scale);
        now.codes.forEach((code, i) => {
          const residual = Math.abs(code - codes[i]!);
          if (residual === 0) return;
          changed++;
          expect([1, 1.5]).toContain(residual / 2 ** Math.floor(Math.log2(residual)));
        });
      }
      expect(changed).toBe(made.changedWeights);
      expect(changed).toBeGreaterThan(0);
    }
    update.dispose();
  });

  it("keeps a bias that only the old model has", async () => {
    const first = network(1);
    const old = await held(first);
    const operators = first.operators.map((operator) =>
      operator.kind === "fullyConnected" ? { ...operator, inputs: operator.inputs.slice(0, 2) } : operator,
    );
    const update = await opened(moved({ ...first, operators }), old);
    await update.train({ epochs: 1, from: 1, to: 0.5 });
    const { graph } = update.quantized();
    expect(graph.operators.find(({ kind }) => kind === "fullyConnected")!.inputs).toHaveLength(3);
    await expect(evaluateModel(openRunnable(graph), noise(4, 4))).resolves.toBeDefined();
    update.dispose();
  });

  it("is what devices hold until training moves it, where it starts from there", async () => {
    const old = await held(network(1));
    const codes = [...old.tensors.values()].find(({ data }) => data instanceof Int8Array)!;
    (codes.data as Int8Array)[0] = -128;
    const update = await opened(network(2), old, { fromOld: true, learningRate: 1e-2 });
    expect(update.quantized().update.changedWeights).toBe(0);
    expect(await update.train({ epochs: 1, from: 1, to: 1, signal: AbortSignal.abort() })).toBe(false);
    await update.train({ epochs: 2, from: 1, to: 1 });
    expect(update.quantized().update.changedWeights).toBeGreaterThan(0);
    update.dispose();
  });
});
