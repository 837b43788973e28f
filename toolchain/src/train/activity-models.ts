#!/usr/bin/env node
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { createIo } from "../cli/io.js";
import { ACTIVITY_SPLIT, ACTIVITY_WINDOW, loadActivity } from "./activity.js";
import { ACTIVITY_RECIPE, trainActivity } from "./activity-training.js";
import { ModelShelf } from "./model-shelf.js";
import { openTensorFlow } from "./tensorflow.js";

/**
 * Makes models/activity from STMicroelectronics' recordings, which are not part of this repository:
 * `npm run train:activity -w @mote/toolchain -- FOLDER`.
 */

const MODELS = fileURLToPath(new URL("../../models/activity/", import.meta.url));

const program = new Command("train:activity")
  .argument("<folder>", "the recordings: running/, stationary/ and walking/ with .csv files")
  .option("-o, --out <dir>", "where the model goes", MODELS)
  .parse();

const io = createIo(false);
const activity = await loadActivity(program.args[0]!);
const training = await openTensorFlow("wasm");
io.say(training.note);
const shelf = new ModelShelf(program.opts<{ out: string }>().out, training, {
  validation: activity.validation,
  test: activity.test,
});
const bar = io.progress("activity");
const graph = await trainActivity(training, activity.train, activity.classNames.length, {
  onProgress: ({ step, steps }) => bar.update(step, steps),
});
bar.stop();
const { facts } = shelf.put("activity", "activity.onnx", graph);
shelf.writeProvenance({
  data: {
    source:
      "STMicroelectronics human activities dataset 1.0.1 (BSD-3-Clause), accelerometer in mg at 26 Hz, 4 g range",
    classes: activity.classNames,
    window: ACTIVITY_WINDOW,
    split: ACTIVITY_SPLIT,
    samples: {
      train: activity.train.count,
      validation: activity.validation.count,
      test: activity.test.count,
    },
    testRecordings: activity.testRecordings,
  },
  script: "toolchain/src/train/activity-models.ts (npm run train:activity -w @mote/toolchain)",
  recipe: ACTIVITY_RECIPE,
});
io.say(`${facts.file}: ${facts.bytes} bytes, accuracy ${JSON.stringify(facts.accuracy)}`);
