import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeCsv } from "../data/decode-csv.js";
import { DataError } from "../errors.js";
import { type LabelledSamples, samplesOf } from "./digits.js";
import { Random } from "./random.js";

/** Two seconds of a 3-axis accelerometer at 26 Hz, in mg as the sensor gives them. */
export const ACTIVITY_WINDOW = { rows: 52, axes: 3, hzRate: 26, rangeMg: 4000 } as const;

/** Frozen: whole recordings go to one part, because neighbouring windows of one recording are nearly the same. */
export const ACTIVITY_SPLIT = { seed: 20261121, validationShare: 0.15, testShare: 0.3 } as const;

export interface Activity {
  readonly classNames: readonly string[];
  /** Windows overlap by three quarters here and nowhere else. */
  readonly train: LabelledSamples;
  readonly validation: LabelledSamples;
  readonly test: LabelledSamples;
  /** File names of the test's recordings. */
  readonly testRecordings: readonly string[];
}

/**
 * STMicroelectronics' human-activity recordings (BSD-3-Clause; one folder per class, .csv of x, y, z in mg), cut into
 * windows [52, 1, 3].
 */
export async function loadActivity(root: string): Promise<Activity> {
  const classNames = (await readdir(root, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  const random = new Random(ACTIVITY_SPLIT.seed);
  const parts = { train: new Windows(), validation: new Windows(), test: new Windows() };
  const testRecordings: string[] = [];
  for (const [label, name] of classNames.entries()) {
    const files = (await readdir(join(root, name))).filter((file) => file.endsWith(".csv")).sort();
    const order = [...random.permutation(files.length)].map((index) => files[index]!);
    const testCount = Math.round(files.length * ACTIVITY_SPLIT.testShare);
    const validationCount = Math.round(files.length * ACTIVITY_SPLIT.validationShare);
    for (const [place, file] of order.entries()) {
      const part = place < testCount ? "test" : place < testCount + validationCount ? "validation" : "train";
      if (part === "test") testRecordings.push(`${name}/${file}`);
      const path = join(root, name, file);
      const { values } = decodeCsv(await readFile(path), path);
      const hop = part === "train" ? ACTIVITY_WINDOW.rows / 4 : ACTIVITY_WINDOW.rows;
      parts[part].cut(values, label, hop);
    }
  }
  if (classNames.length < 2) {
    throw new DataError({
      expected: `one folder of .csv recordings per activity in ${root}`,
      got: classNames.join(", ") || "no folder",
      todo: "Give the folder that holds running, stationary and walking.",
    });
  }
  return {
    classNames,
    train: parts.train.samples(),
    validation: parts.validation.samples(),
    test: parts.test.samples(),
    testRecordings,
  };
}

class Windows {
  private readonly values: number[] = [];
  private readonly labels: number[] = [];

  cut(recording: Float32Array, label: number, hopRows: number): void {
    const size = ACTIVITY_WINDOW.rows * ACTIVITY_WINDOW.axes;
    for (let from = 0; from + size <= recording.length; from += hopRows * ACTIVITY_WINDOW.axes) {
      for (let i = 0; i < size; i++) this.values.push(recording[from + i]!);
      this.labels.push(label);
    }
  }

  samples(): LabelledSamples {
    return samplesOf(
      Float32Array.from(this.values),
      [ACTIVITY_WINDOW.rows, 1, ACTIVITY_WINDOW.axes],
      Int32Array.from(this.labels),
    );
  }
}
