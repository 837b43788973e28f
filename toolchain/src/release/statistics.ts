import { CONFIDENCE_BINS, type Manifest } from "@mote/protocol";
import type { Dataset } from "../data/index.js";
import { DataError } from "../errors.js";
import type { Runner } from "./runner.js";

export type ReferenceStatistics = NonNullable<Manifest["reference"]>;

/** Softmax outputs that went through int8 add up to 1 within a few steps of 1/256 per class. */
const SUM_SLACK = 0.1;

/**
 * What a classifier says on data that it should know: the frozen side of drift, binned as telemetry bins it.
 *
 * @throws DataError where the outputs are no probabilities
 */
export async function referenceStatistics(
  runner: Runner,
  data: Dataset,
  limit: number,
): Promise<ReferenceStatistics> {
  const confidence = new Array<number>(CONFIDENCE_BINS).fill(0);
  const outputs = new Array<number>(runner.output.shape.reduce((a, b) => a * b, 1)).fill(0);
  const indices = spread(data.count, limit);
  for (const index of indices) {
    const { real } = await runner.run(data.sample(index));
    checkProbabilities(real);
    const top = argMax(real);
    const bin = Math.min(Math.floor(real[top]! * CONFIDENCE_BINS), CONFIDENCE_BINS - 1);
    confidence[bin]! += 1;
    outputs[top]! += 1;
  }
  return { samples: indices.length, confidence, outputs };
}

/** Share of samples whose highest output is their label. @throws DataError without labels */
export async function measureAccuracy(
  runner: Runner,
  data: Dataset,
  limit: number,
): Promise<{ accuracy: number; samples: number }> {
  const { labels } = data;
  if (labels === undefined) {
    throw new DataError({
      expected: "labels in the test data",
      got: "none",
      todo: "Use an .npz with x and y, or a folder per class.",
    });
  }
  const indices = spread(data.count, limit);
  let correct = 0;
  for (const index of indices) {
    const { real } = await runner.run(data.sample(index));
    if (argMax(real) === labels[index]) correct++;
  }
  return { accuracy: correct / indices.length, samples: indices.length };
}

/** At most `limit` indices, spread evenly, so that sorted data are not judged by their first class. */
export function spread(count: number, limit: number): number[] {
  const length = Math.min(count, limit);
  return Array.from({ length }, (_, i) => Math.floor((i * count) / length));
}

function argMax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

function checkProbabilities(values: Float32Array): void {
  const sum = values.reduce((a, b) => a + b, 0);
  if (values.every((value) => value >= 0 && value <= 1.01) && Math.abs(sum - 1) <= SUM_SLACK) return;
  throw new DataError({
    expected: "class probabilities (a softmax) as the model's output, to keep statistics of its confidence",
    got: `outputs that add up to ${sum.toFixed(3)}`,
    todo: "End the model with a softmax, or leave --reference-data out.",
  });
}
