import type { Graph } from "../graph/graph.js";
import { ACTIVITY_WINDOW } from "./activity.js";
import { Differentiable } from "./differentiable.js";
import type { LabelledSamples } from "./digits.js";
import type { StageOptions } from "./digits-training.js";
import { NetworkBuilder } from "./network.js";
import type { Random } from "./random.js";
import type { Training } from "./tensorflow.js";
import { fit } from "./trainer.js";

export const ACTIVITY_RECIPE = {
  seed: 1,
  epochs: 12,
  batchSize: 64,
  learningRate: 3e-3,
  weightDecay: 0.05,
  /** Boards are worn differently and people differ in vigour. */
  tiltDegrees: 20,
  gain: 0.15,
  noiseMg: 20,
} as const;

/** A depthwise-separable network of about 2,600 parameters; 1-D convolutions are 2-D ones over [52, 1, axes]. */
export function activityNetwork(seed: number, classes: number): Graph {
  return new NetworkBuilder("activity", [ACTIVITY_WINDOW.rows, 1, ACTIVITY_WINDOW.axes], seed)
    .convolution("conv1", { channels: 16, kernel: [5, 1], stride: [2, 1] })
    .depthwise("depthwise2", { kernel: [5, 1] })
    .convolution("pointwise2", { channels: 24, kernel: [1, 1] })
    .depthwise("depthwise3", { kernel: [5, 1], stride: [2, 1] })
    .convolution("pointwise3", { channels: 32, kernel: [1, 1] })
    .globalMean("pool")
    .dense("dense", classes, "none")
    .softmax("probabilities")
    .build();
}

/** The model takes mg: it trains in g, and the factor goes into the first weights afterwards. */
export async function trainActivity(
  training: Training,
  data: LabelledSamples,
  classes: number,
  options: StageOptions = {},
): Promise<Graph> {
  const { seed, epochs, batchSize, learningRate, weightDecay } = ACTIVITY_RECIPE;
  const model = new Differentiable(training, activityNetwork(seed, classes));
  await fit(
    model,
    { ...data, sample: (index) => data.sample(index).map((mg) => mg / 1000) },
    {
      ...{ seed, epochs, batchSize, learningRate, weightDecay },
      ...options,
      schedule: "cosine",
      augment: wear,
    },
  );
  const graph = model.toGraph();
  model.dispose();
  return scaledWeights(graph, "conv1.weight", 1 / 1000);
}

/** Turns the board about a random axis, scales and adds noise; the sample is [rows, 1, 3] in g. */
function wear(sample: Float32Array, random: Random): void {
  const angle = (random.between(-1, 1) * ACTIVITY_RECIPE.tiltDegrees * Math.PI) / 180;
  const axis = random.below(3);
  const [a, b] = [(axis + 1) % 3, (axis + 2) % 3];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const gain = 1 + random.between(-1, 1) * ACTIVITY_RECIPE.gain;
  for (let row = 0; row < sample.length; row += 3) {
    const [u, v] = [sample[row + a]!, sample[row + b]!];
    sample[row + a] = cos * u - sin * v;
    sample[row + b] = sin * u + cos * v;
    for (let i = 0; i < 3; i++)
      sample[row + i] = sample[row + i]! * gain + (ACTIVITY_RECIPE.noiseMg / 1000) * random.normal();
  }
}

function scaledWeights(graph: Graph, name: string, factor: number): Graph {
  const tensors = new Map(graph.tensors);
  const tensor = tensors.get(name)!;
  if (tensor.data instanceof Float32Array)
    tensors.set(name, { ...tensor, data: tensor.data.map((value) => value * factor) });
  return { ...graph, tensors };
}
