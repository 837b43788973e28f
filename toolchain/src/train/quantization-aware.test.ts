import { describe, expect, it } from "vitest";
import { openRunnable } from "../execute/runnable.js";
import { quantizeGraph } from "../quantize/index.js";
import { simplify } from "../transform/index.js";
import { Differentiable } from "./differentiable.js";
import { samplesOf } from "./digits.js";
import { NetworkBuilder } from "./network.js";
import { quantizationAwareHooks } from "./quantization-aware.js";
import { Random } from "./random.js";
import { openTensorFlow } from "./tensorflow.js";
import { fit, predict } from "./trainer.js";

const random = new Random(5);
const data = samplesOf(
  Float32Array.from({ length: 64 * 72 }, () => random.normal()),
  [6, 6, 2],
  Int32Array.from({ length: 64 }, () => random.below(3)),
);

function network() {
  const graph = new NetworkBuilder("aware", [6, 6, 2], 1)
    .convolution("conv", { channels: 6, kernel: [3, 3] })
    .depthwise("spatial", { kernel: [3, 3] })
    .maxPool("pool", [2, 2])
    .flatten("flatten")
    .dense("logits", 3, "none")
    .build();
  return simplify(graph);
}

describe("quantization-aware training", () => {
  it("shows training what the integer executor will give", async () => {
    const training = await openTensorFlow("wasm");
    const graph = network();
    const hooks = await quantizationAwareHooks(training, graph, data);
    const model = new Differentiable(training, graph, { hooks });
    const seen = predict(model, data);
    model.dispose();
    const { graph: quantized } = await quantizeGraph(graph, data, { equalize: false, biasCorrect: false });
    const step = quantized.tensors.get(quantized.outputs[0]!)!.quantization!.scale[0]!;
    const runnable = openRunnable(quantized);
    let worst = 0;
    for (let i = 0; i < data.count; i++) {
      const logits = (await runnable.run(data.sample(i))).get(quantized.outputs[0]!)!;
      logits.forEach((value, c) => {
        worst = Math.max(worst, Math.abs(value - seen[i * 3 + c]!));
      });
    }
    expect(worst / step).toBeLessThanOrEqual(2.01);
  });

  it("lets gradients through the rounding: the loss falls", async () => {
    const training = await openTensorFlow("wasm");
    const graph = network();
    const hooks = await quantizationAwareHooks(training, graph, data);
    const model = new Differentiable(training, graph, { hooks });
    const logits = new Float32Array(64 * 3).map((_, i) => Math.sin(i));
    const { losses } = await fit(model, data, {
      epochs: 8,
      batchSize: 16,
      learningRate: 5e-3,
      seed: 1,
      distillation: { logits, temperature: 1, weight: 1 },
    });
    model.dispose();
    expect(losses.at(-1)!).toBeLessThan(losses[0]! * 0.7);
  });
});
