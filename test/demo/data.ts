import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeNpz } from "@mote/toolchain/data/index";
import { type LabelledSamples, loadDigits } from "@mote/toolchain/train/digits";
import { DEGRADED_SEEDS, degraded, exportDigits } from "@mote/toolchain/train/digits-data";
import type { Data } from "./model.js";

/** Digits that the cameras look at: a seed of their own, so that they are none of the sets that models were judged on. */
const SENSOR_SEED = 404;
/** Of every three pictures two are seen through a dirty window, at an angle. */
const SENSOR_COUNT = 900;

export async function makeData(work: string): Promise<Data> {
  const paths = await exportDigits(join(work, "data"));
  const { test, validation } = await loadDigits();
  const sensor = join(work, "data", "sensor.npz");
  const smudged = degraded(test, SENSOR_SEED);
  writeMix(sensor, SENSOR_COUNT, (i) => (i % 3 === 0 ? test : smudged), test);
  const field = join(work, "data", "field.npz");
  const seen = degraded(validation, DEGRADED_SEEDS.validation);
  writeMix(field, validation.count, (i) => (i % 2 === 0 ? validation : seen), validation);
  const codes = join(work, "data", "sample.bin");
  writeFileSync(
    codes,
    Int8Array.from(test.sample(0), (value) => Math.round(value * 255) - 128),
  );
  return {
    train: paths["train"]!,
    calibration: paths["calibration"]!,
    test: paths["test"]!,
    testDegraded: paths["test-degraded"]!,
    sensor,
    field,
    codes,
  };
}

/** The first `count` samples of `labelled`, each as the set that `from` names for it shows it. */
function writeMix(
  path: string,
  count: number,
  from: (i: number) => LabelledSamples,
  labelled: LabelledSamples,
): void {
  const size = labelled.sampleShape.reduce((a, b) => a * b, 1);
  const x = new Float32Array(count * size);
  for (let i = 0; i < count; i++) x.set(from(i).sample(i), i * size);
  writeNpz(path, {
    x: { shape: [count, ...labelled.sampleShape], data: x },
    y: { shape: [count], data: labelled.labels.slice(0, count) },
  });
}
