import { describe, expect, it } from "vitest";
import { evaluateModel } from "../evaluate/index.js";
import { openRunnable } from "../execute/runnable.js";
import { writeOnnx } from "../formats/onnx/write.js";
import type { Graph } from "../graph/graph.js";
import { quantizeGraph } from "../quantize/index.js";
import { Differentiable } from "./differentiable.js";
import { samplesOf } from "./digits.js";
import { NetworkBuilder } from "./network.js";
import { Random } from "./random.js";
import { quantizeWithRefit } from "./refit.js";
import { openTensorFlow, type Training } from "./tensorflow.js";
import { fit } from "./trainer.js";

/** Which quarter of the image is bright; `contrast` below 1 is what the new model must learn. */
function quarters(count: number, seed: number, contrast: number) {
  const random = new Random(seed);
  const values = new Float32Array(count * 64);
  const labels = Int32Array.from({ length: count }, () => random.below(4));
  for (let i = 0; i < count; i++)
    for (let p = 0; p < 64; p++) {
      const quarter = (p % 8 >= 4 ? 1 : 0) + (p >= 32 ? 2 : 0);
      values[i * 64 + p] = (quarter === labels[i] ? contrast : 0) + 0.4 * random.normal();
    }
  return samplesOf(values, [8, 8, 1], labels);
}

async function tuned(training: Training, graph: Graph, contrast: number): Promise<Graph> {
  const model = new Differentiable(training, graph);
  await fit(model, quarters(320, 3, contrast), { epochs: 3, batchSize: 32, learningRate: 3e-3, seed: 1 });
  const result = model.toGraph();
  model.dispose();
  return result;
}

describe("refitting an update", () => {
  it("makes it smaller than rounding alone does, within the loss that is allowed", async () => {
    const training = await openTensorFlow("wasm");
    const network = new NetworkBuilder("quarters", [8, 8, 1], 1)
      .convolution("conv", { channels: 8, kernel: [3, 3] })
      .maxPool("pool", [2, 2])
      .flatten("flatten")
      .dense("hidden", 16, "relu")
      .dense("logits", 4, "none")
      .softmax("probabilities")
      .build();
    const first = await tuned(training, network, 1);
    const second = await tuned(training, first, 0.5);
    const calibration = quarters(64, 5, 0.7);
    const { graph: previous } = await quantizeGraph(first, calibration, { equalize: false });
    const bounds = {
      previous,
      validation: quarters(200, 7, 0.6),
      maxLossPoints: 1,
      leastFidelity: 0.85,
      wholeCurve: true,
    };
    const { report: rounded } = await quantizeGraph(second, calibration, bounds);
    const seen: number[] = [];
    const refitting = (signal?: AbortSignal) =>
      quantizeWithRefit(training, second, calibration, quarters(320, 6, 0.7), bounds, {
        rounds: 3,
        seed: 1,
        onProgress: ({ step, steps }) => seen.push(step / steps),
        ...(signal && { signal }),
      });
    const { graph, report, completed } = await refitting();
    expect(completed).toBe(true);
    const { chosen, curve, plainAccuracy, perClass } = report.update!;
    expect(chosen.lambda).toBeNull();
    expect(chosen.residualBytes).toBeLessThan(rounded.update!.chosen.residualBytes);
    expect(chosen.accuracy).toBeGreaterThanOrEqual(plainAccuracy - 0.01);
    expect(chosen.fidelity).toBeGreaterThanOrEqual(0.85);
    expect(curve).toContain(chosen);
    expect(seen.at(-1)).toBe(1);
    // The report signs off what ships, not the rounding that it replaces.
    const held = await evaluateModel(openRunnable(graph), bounds.validation);
    expect(held.accuracy).toBe(chosen.accuracy);
    for (const [name, { recall }] of Object.entries(held.perClass!))
      expect(perClass[name]!.update).toBe(recall);
    // The same seed gives the same bytes.
    expect(Buffer.compare(writeOnnx((await refitting()).graph), writeOnnx(graph))).toBe(0);
    expect((await refitting(AbortSignal.abort())).completed).toBe(false);
  }, 300_000);
});
