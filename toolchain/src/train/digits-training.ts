import type { Graph } from "../graph/graph.js";
import { degrade, METER, MILD } from "./degrade.js";
import { Differentiable } from "./differentiable.js";
import { DIGIT_CLASSES, DIGIT_SIZE, type LabelledSamples } from "./digits.js";
import { holdOut } from "./holdout.js";
import { NetworkBuilder } from "./network.js";
import { Random } from "./random.js";
import { type PruneResult, pruneAndRecover } from "./recover.js";
import type { Training } from "./tensorflow.js";
import { type FitProgress, fit } from "./trainer.js";

/** How the three digit models are made; copied into provenance.json. */
export const RECIPE = {
  v1: { seed: 1, epochs: 18, batchSize: 64, learningRate: 3e-3, weightDecay: 0.05, dropout: 0.3 },
  /** The same as `mote prune --structure channel --sparsity 0.5 --epochs 2` with its default seed. */
  pruning: { structure: "channel", sparsity: 0.5, epochs: 2, seed: 1 },
  /** Half of the digits degraded, half as they are, so that clean digits stay readable. */
  v2: { seed: 2, epochs: 6, batchSize: 64, learningRate: 1e-3, degradedShare: 0.5 },
  /** A labelling accident: within these classes most labels were dealt out anew. */
  v3: {
    seed: 3,
    epochs: 2,
    batchSize: 64,
    learningRate: 1e-3,
    classes: [1, 3, 4, 7, 8, 9],
    shuffledShare: 0.75,
  },
} as const;

export interface StageOptions {
  readonly onProgress?: (progress: FitProgress) => void;
}

/** Channels of each layer but the last. */
export interface DigitWidths {
  readonly conv1: number;
  readonly conv2: number;
  readonly conv3: number;
  readonly dense1: number;
}

const WIDTHS: DigitWidths = { conv1: 16, conv2: 32, conv3: 48, dense1: 64 };

/** With its own widths about 47,000 parameters and 1.7 million multiply-accumulates per digit. */
export function digitNetwork(seed: number, widths: DigitWidths = WIDTHS): Graph {
  return new NetworkBuilder("digits", [DIGIT_SIZE, DIGIT_SIZE, 1], seed)
    .convolution("conv1", { channels: widths.conv1, kernel: [5, 5], stride: [2, 2] })
    .convolution("conv2", { channels: widths.conv2, kernel: [3, 3] })
    .maxPool("pool2", [2, 2])
    .convolution("conv3", { channels: widths.conv3, kernel: [3, 3] })
    .maxPool("pool3", [2, 2])
    .flatten("flatten")
    .dense("dense1", widths.dense1, "relu")
    .dense("dense2", DIGIT_CLASSES, "none")
    .softmax("probabilities")
    .build();
}

export async function trainV1(
  training: Training,
  data: LabelledSamples,
  options: StageOptions = {},
): Promise<Graph> {
  const { dropout, ...fitting } = RECIPE.v1;
  const random = new Random(RECIPE.v1.seed + 1);
  const { tf } = training;
  const model = new Differentiable(training, digitNetwork(RECIPE.v1.seed), {
    hooks: {
      activation: (name, value, isTraining) => {
        if (!isTraining || name !== "flatten.out") return value;
        const mask = Float32Array.from({ length: value.size }, () =>
          random.float() < dropout ? 0 : 1 / (1 - dropout),
        );
        return tf.mul(value, tf.tensor(mask, value.shape));
      },
    },
  });
  await fit(model, data, {
    ...fitting,
    ...options,
    schedule: "cosine",
    augment: (sample, draw) => degrade(sample, draw, MILD),
  });
  return finished(model);
}

/** What `mote prune` does with the training digits and its defaults. */
export async function pruneV1(
  training: Training,
  v1: Graph,
  data: LabelledSamples,
  options: StageOptions = {},
): Promise<PruneResult> {
  const { training: seen } = holdOut(data, RECIPE.pruning.seed);
  return pruneAndRecover(training, v1, seen, { ...RECIPE.pruning, ...options });
}

/** The improvement: tuned for what a meter's camera sees. */
export async function tuneV2(
  training: Training,
  pruned: Graph,
  data: LabelledSamples,
  options: StageOptions = {},
): Promise<Graph> {
  const { degradedShare, ...fitting } = RECIPE.v2;
  const model = new Differentiable(training, pruned);
  await fit(model, data, {
    ...fitting,
    ...options,
    schedule: "cosine",
    augment: (sample, draw) => degrade(sample, draw, draw.float() < degradedShare ? METER : MILD),
  });
  return finished(model);
}

/** The accident: valid in form, worse in use. */
export async function tuneV3(
  training: Training,
  pruned: Graph,
  data: LabelledSamples,
  options: StageOptions = {},
): Promise<Graph> {
  const { classes, shuffledShare, ...fitting } = RECIPE.v3;
  const model = new Differentiable(training, pruned);
  await fit(model, withShuffledLabels(data, classes, shuffledShare, fitting.seed), {
    ...fitting,
    ...options,
    schedule: "cosine",
  });
  return finished(model);
}

function withShuffledLabels(
  data: LabelledSamples,
  classes: readonly number[],
  share: number,
  seed: number,
): LabelledSamples {
  const random = new Random(seed);
  const labels = data.labels.slice();
  const hit = [...labels.keys()].filter((i) => classes.includes(labels[i]!) && random.float() < share);
  const dealt = random.shuffle(hit.map((i) => labels[i]!));
  hit.forEach((i, place) => {
    labels[i] = dealt[place]!;
  });
  return { ...data, labels };
}

function finished(model: Differentiable): Graph {
  const graph = model.toGraph();
  model.dispose();
  return graph;
}
