import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type Dataset, spread } from "@mote/toolchain/data/index";
import { evaluateModel } from "@mote/toolchain/evaluate/index";
import { openRunnable } from "@mote/toolchain/execute/runnable";
import { readModel } from "@mote/toolchain/formats/index";
import type { Graph } from "@mote/toolchain/graph/graph";
import { quantizeGraph } from "@mote/toolchain/quantize/index";
import { loadActivity } from "@mote/toolchain/train/activity";
import { degrade, METER, MILD } from "@mote/toolchain/train/degrade";
import { Differentiable } from "@mote/toolchain/train/differentiable";
import { changed, type LabelledSamples, loadDigits } from "@mote/toolchain/train/digits";
import { degraded } from "@mote/toolchain/train/digits-data";
import { type DigitWidths, digitNetwork } from "@mote/toolchain/train/digits-training";
import { Random } from "@mote/toolchain/train/random";
import { refit, smallestWithin } from "@mote/toolchain/train/refit";
import type { Training } from "@mote/toolchain/train/tensorflow";
import { type FitOptions, fit } from "@mote/toolchain/train/trainer";
import { type Drawing, drawn, images, realSamples, words } from "./accuracy/inputs.js";
import { type Opened, roundingOf, type UpdateStudy } from "./delta-updates.js";

const MODELS = resolve(import.meta.dirname, "../../toolchain/models");
const VALIDATION_SEED = 301;
const TEST_SEED = 302;
const CALIBRATION = { seed: 303, samples: 512 } as const;
const REFIT = { seed: 304, rounds: 6 } as const;
/** A network of the same shape that has nothing of the old one's weights. */
const SCRATCH = {
  seed: 400,
  fitting: { epochs: 12, batchSize: 64, learningRate: 3e-3, schedule: "cosine" },
} as const;

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

/**
 * The digit reader tuned for a meter's camera: its last layer, all of it for three epochs and for twelve; and the
 * network before it was pruned, which is less tight; and one that was trained from scratch, from another seed. All of it
 * also with what changes trained anew around what stays.
 */
export async function digitStudies(training: Training): Promise<UpdateStudy[]> {
  const digits = await loadDigits();
  const [start, whole] = await Promise.all([
    readModel(`${MODELS}/digits/digits-v1-pruned.onnx`),
    readModel(`${MODELS}/digits/digits-v1.onnx`),
  ]);
  const old = (await quantizeGraph(start, digits.validation, { equalize: false })).graph;
  const oldWhole = (await quantizeGraph(whole, digits.validation, { equalize: false })).graph;
  const meter: FitOptions["augment"] = (sample, draw) =>
    degrade(sample, draw, draw.float() < 0.5 ? METER : MILD);
  const common = {
    // As the new model saw them in training: half of them through a meter's camera.
    calibration: unlabelled(changed(first(digits.train, CALIBRATION.samples), CALIBRATION.seed, meter)),
    validation: joined(digits.validation, degraded(digits.validation, VALIDATION_SEED)),
    test: joined(digits.test, degraded(digits.test, TEST_SEED)),
  };
  const study = (name: string, from: Graph, held: Graph, epochs: number, layer = ""): UpdateStudy => ({
    ...common,
    name,
    old: held,
    next: (seed) =>
      tuned(
        training,
        from,
        digits.train,
        {
          seed,
          epochs,
          batchSize: 64,
          learningRate: 1e-3,
          schedule: "cosine",
          augment: meter,
          // What stays is used as it will run; else the statistics of its batch norms would move, and every layer with them.
          freezeStatistics: layer !== "",
        },
        (tensor) => tensor.startsWith(layer),
      ),
  });
  const allLayers = study("digits, all layers", start, old, 3);
  const long = study("digits tuned long, all layers", start, old, 12);
  const scratch: UpdateStudy = {
    ...study("digits, from scratch", start, old, 0),
    next: (seed) =>
      tuned(
        training,
        digitNetwork(SCRATCH.seed + seed, widthsOf(start)),
        digits.train,
        { ...SCRATCH.fitting, seed, augment: meter },
        () => true,
      ),
  };
  const refitted = (base: UpdateStudy, name: string): UpdateStudy => ({
    ...base,
    name,
    modelsOf: base.name,
    open: refitOf(training, base, changed(digits.train, REFIT.seed, meter)),
  });
  return [
    study("digits, last layer alone", start, old, 2, "dense2"),
    allLayers,
    refitted(allLayers, "digits, masked refit of all layers"),
    study("digits unpruned, last layer alone", whole, oldWhole, 2, "dense2"),
    study("digits unpruned, all layers", whole, oldWhole, 3),
    long,
    refitted(long, "digits tuned long, masked refit"),
    scratch,
    refitted(scratch, "digits, masked refit from scratch"),
  ];
}

/** The masked refit in rounds that are the same whatever the bound: run once, chosen from for each; else by rounding. */
function refitOf(training: Training, study: UpdateStudy, inputs: LabelledSamples): Opened {
  return async (float, plain, seed) => {
    const { old, validation } = study;
    const plainAccuracy = (await evaluateModel(openRunnable(plain), validation)).accuracy!;
    const bounds = { previous: old, validation, plainAccuracy, leastFidelity: 0 };
    const { rounds } = await refit(training, float, inputs, bounds, { rounds: REFIT.rounds, seed });
    return async (maxLossPoints) => {
      const best = smallestWithin(rounds, { ...bounds, maxLossPoints });
      if (best === null) return (await roundingOf(study, float, old, plain))(maxLossPoints);
      return { graph: best.graph, withinLoss: true, plainAccuracy, accuracy: best.point.accuracy };
    };
  };
}

/**
 * The activity model, trained on with its own recordings. Its first layer stays: it holds the factor from mg to g, for
 * which no learning rate of the others fits. One of its 266 validation windows is 0.38 points, so that they can't settle a
 * loss of 0.2: most of the change of the logits must arrive too. Null without data.
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
    leastFidelity: 0.8,
    calibration: unlabelled(spread(activity.train, CALIBRATION.samples)),
    validation: activity.validation,
    test: activity.test,
  };
}

/** Each weight moves by a normal step of this share of its tensor's deviation: one to two codes. */
const PERTURBATION = 0.05;
const DRAWN = { calibration: 256, validation: 200, test: 400 } as const;

/**
 * The keyword spotter and the visual wake word model. Their training data may not be passed on, so nothing can be fine-tuned:
 * the new model is the float one with every weight moved at random, the samples are drawn around the one real sample of
 * each, and agreement with the new float model stands for accuracy. Empty without the models.
 */
export async function perturbedStudies(data: string): Promise<UpdateStudy[]> {
  const folder = `${data}/mlperf-tiny`;
  if (!existsSync(folder)) return [];
  const { photograph, word } = realSamples(`${folder}/inputs`);
  return [
    await perturbedStudy("KWS perturbed", `${folder}/kws_float32.tflite`, words(word)),
    await perturbedStudy("VWW perturbed", `${folder}/vww_float32.tflite`, images(96, 1, photograph)),
  ];
}

async function perturbedStudy(name: string, file: string, inputs: Drawing): Promise<UpdateStudy> {
  const start = await readModel(file);
  const calibration = drawn(inputs, DRAWN.calibration, 1);
  return {
    name,
    old: (await quantizeGraph(start, calibration, { equalize: false })).graph,
    next: (seed) => Promise.resolve(perturbed(start, seed)),
    calibration,
    validation: drawn(inputs, DRAWN.validation, 2),
    test: drawn(inputs, DRAWN.test, 3),
  };
}

function perturbed(graph: Graph, seed: number): Graph {
  const random = new Random(seed);
  const tensors = new Map(graph.tensors);
  for (const tensor of graph.tensors.values()) {
    if (!(tensor.data instanceof Float32Array) || tensor.shape.length < 2) continue;
    const power = tensor.data.reduce((sum, w) => sum + w * w, 0) / tensor.data.length;
    const step = PERTURBATION * Math.sqrt(power);
    tensors.set(tensor.name, { ...tensor, data: tensor.data.map((w) => w + step * random.normal()) });
  }
  return { ...graph, tensors };
}

/** Channels of each layer as the reader has them, pruned or not. */
function widthsOf(graph: Graph): DigitWidths {
  const width = (name: string): number => graph.tensors.get(`${name}.weight`)!.shape[0]!;
  return { conv1: width("conv1"), conv2: width("conv2"), conv3: width("conv3"), dense1: width("dense1") };
}

function first({ labels, sampleShape, sample }: LabelledSamples, count: number): LabelledSamples {
  return { count, sampleShape, labels: labels.slice(0, count), sample };
}

function unlabelled({ count, sampleShape, sample }: Dataset): Dataset {
  return { count, sampleShape, sample };
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
