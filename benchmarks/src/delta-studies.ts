import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { readModel } from "@mote/toolchain/formats/index";
import type { Graph } from "@mote/toolchain/graph/graph";
import { quantizeGraph } from "@mote/toolchain/quantize/index";
import { loadActivity } from "@mote/toolchain/train/activity";
import { degrade, METER, MILD } from "@mote/toolchain/train/degrade";
import { Differentiable } from "@mote/toolchain/train/differentiable";
import { type LabelledSamples, loadDigits } from "@mote/toolchain/train/digits";
import { degraded } from "@mote/toolchain/train/digits-data";
import type { Training } from "@mote/toolchain/train/tensorflow";
import { type FitOptions, fit } from "@mote/toolchain/train/trainer";
import type { UpdateStudy } from "./delta-updates.js";

const MODELS = resolve(import.meta.dirname, "../../toolchain/models");
const VALIDATION_SEED = 301;
const TEST_SEED = 302;

/** Training begins at `start`; tensors that `moves` says no to stay as they are. */
async function tuned(
  training: Training,
  start: Graph,
  data: LabelledSamples,
  options: FitOptions,
  moves: (tensor: string) => boolean,
): Promise<Graph> {
  const masks = new Map<string, Uint8Array>();
  for (const { name, data: values } of start.tensors.values()) {
    if (!moves(name) && values instanceof Float32Array) {
      masks.set(name, new Uint8Array(values.length));
    }
  }
  const model = new Differentiable(training, start);
  try {
    await fit(model, data, { ...options, masks });
    return model.toGraph();
  } finally {
    model.dispose();
  }
}

/** The digit reader tuned for a meter's camera: its last layer, and all of it for three epochs. */
export async function digitStudies(training: Training): Promise<UpdateStudy[]> {
  const digits = await loadDigits();
  const start = await readModel(`${MODELS}/digits/digits-v1-pruned.onnx`);
  const old = (await quantizeGraph(start, digits.validation, { equalize: false })).graph;
  const common = {
    old,
    calibration: digits.validation,
    validation: joined(digits.validation, degraded(digits.validation, VALIDATION_SEED)),
    test: joined(digits.test, degraded(digits.test, TEST_SEED)),
  };
  const options = (seed: number, epochs: number): FitOptions => ({
    seed,
    epochs,
    batchSize: 64,
    learningRate: 1e-3,
    schedule: "cosine",
    augment: (sample, draw) => degrade(sample, draw, draw.float() < 0.5 ? METER : MILD),
  });
  return [
    {
      ...common,
      name: "digits, last layer",
      next: (seed) =>
        tuned(training, start, digits.train, options(seed, 2), (name) => name.startsWith("dense2")),
    },
    {
      ...common,
      name: "digits, all layers",
      next: (seed) => tuned(training, start, digits.train, options(seed, 3), () => true),
    },
  ];
}

/**
 * The activity model, trained on with its own recordings. Its first layer stays: it holds the factor from mg to g, for
 * which no learning rate of the others fits. Null without data.
 */
export async function activityStudy(training: Training, data: string): Promise<UpdateStudy | null> {
  if (!existsSync(`${data}/har-st`)) return null;
  const activity = await loadActivity(`${data}/har-st`);
  const start = await readModel(`${MODELS}/activity/activity.onnx`);
  const options = { epochs: 3, batchSize: 64, learningRate: 1e-3, schedule: "cosine" } as const;
  return {
    name: "activity, but for the first layer",
    old: (await quantizeGraph(start, activity.validation, { equalize: false })).graph,
    next: (seed) =>
      tuned(training, start, activity.train, { ...options, seed }, (name) => !name.startsWith("conv1")),
    calibration: activity.validation,
    validation: activity.validation,
    test: activity.test,
  };
}

/** Both sets, one after the other. */
function joined(a: LabelledSamples, b: LabelledSamples): LabelledSamples {
  return {
    count: a.count + b.count,
    sampleShape: a.sampleShape,
    labels: Int32Array.from([...a.labels, ...b.labels]),
    sample: (index) => (index < a.count ? a.sample(index) : b.sample(index - a.count)),
  };
}
