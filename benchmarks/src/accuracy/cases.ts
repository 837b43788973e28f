import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Dataset, subset } from "@mote/toolchain/data/index";
import { readModel } from "@mote/toolchain/formats/index";
import type { Graph } from "@mote/toolchain/graph/graph";
import { loadActivity } from "@mote/toolchain/train/activity";
import { loadDigits } from "@mote/toolchain/train/digits";
import { badlyScaled } from "./badly-scaled.js";
import { type Drawing, drawn, images, machines, realSamples, words } from "./inputs.js";

/** One model with the samples that it is calibrated and judged on, which never meet. */
export interface Case {
  readonly name: string;
  /** The float model; another for each seed only where the case is about drawing it. */
  readonly graphFor: (seed: number) => Graph;
  /** Calibration samples are drawn from here. */
  readonly pool: Dataset;
  readonly calibrationSamples: number;
  readonly test: Dataset;
  readonly isClassifier: boolean;
  /** What the model's makers quantized themselves. */
  readonly published?: Graph;
  /** Also quantize by plain min-max, as the case's point is what that loses. */
  readonly isAgainstPlain?: boolean;
}

const DATA = process.env["MOTE_DATA"] ?? resolve(import.meta.dirname, "../../../../shared/data");
const MODELS = resolve(import.meta.dirname, "../../../toolchain/models");

const CALIBRATION = 100;
const DRAWN = { pool: 400, test: 100, poolSeed: 1001, testSeed: 2002 } as const;

type MakeCase = () => Promise<Case | null>;

/** Every case by name; null where its data are not on this machine. */
export const CASES: Readonly<Record<string, MakeCase>> = {
  "digits v1": () => digits("digits-v1.onnx"),
  "digits v1, pruned": () => digits("digits-v1-pruned.onnx"),
  "digits v2": () => digits("digits-v2.onnx"),
  activity,
  "digits v1, badly scaled": () => scaledDigits(),
  "keywords (KWS)": () => mlperf("kws", ({ word }) => words(word), true),
  "visual wake words (VWW)": () => mlperf("vww", ({ photograph }) => images(96, 1, photograph), true),
  "images (IC)": () => mlperf("ic", ({ photograph }) => images(32, 255, photograph), true),
  "anomalies (AD)": () => mlperf("ad", () => machines(), false),
};

async function digits(file: string): Promise<Case> {
  const graph = await readModel(join(MODELS, "digits", file));
  const { validation, test } = await loadDigits();
  return {
    name: file,
    graphFor: () => graph,
    pool: validation,
    calibrationSamples: CALIBRATION,
    test,
    isClassifier: true,
  };
}

async function scaledDigits(): Promise<Case> {
  const whole = await digits("digits-v1.onnx");
  const graph = whole.graphFor(0);
  const part = Array.from({ length: whole.test.count / 4 }, (_, i) => i);
  return {
    ...whole,
    graphFor: (seed) => badlyScaled(graph, ["conv2.sum", "conv3.sum"], seed),
    test: subset(whole.test, part),
    isAgainstPlain: true,
  };
}

/** Windows of recordings that training never saw; calibration draws from the validation recordings. */
async function activity(): Promise<Case | null> {
  const folder = join(DATA, "har-st");
  if (!existsSync(folder)) return null;
  const graph = await readModel(join(MODELS, "activity/activity.onnx"));
  const { validation, test } = await loadActivity(folder);
  return {
    name: "activity",
    graphFor: () => graph,
    pool: validation,
    calibrationSamples: CALIBRATION,
    test,
    isClassifier: true,
  };
}

async function mlperf(
  model: string,
  drawing: (real: ReturnType<typeof realSamples>) => Drawing,
  isClassifier: boolean,
): Promise<Case | null> {
  const folder = join(DATA, "mlperf-tiny");
  if (!existsSync(folder)) return null;
  const graph = await readModel(join(folder, `${model}_float32.tflite`));
  const inputs = drawing(realSamples(join(folder, "inputs")));
  return {
    name: model,
    graphFor: () => graph,
    pool: drawn(inputs, DRAWN.pool, DRAWN.poolSeed),
    calibrationSamples: CALIBRATION,
    test: drawn(inputs, DRAWN.test, DRAWN.testSeed),
    isClassifier,
    published: await readModel(join(folder, `${model}_int8.tflite`)),
  };
}
