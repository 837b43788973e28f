import type { Dataset } from "../data/dataset.js";
import { DataError } from "../errors.js";
import type { RunnableModel } from "../execute/runnable.js";
import { finite, LayerComparison, type LayerError, suspects } from "./layers.js";
import { agreement, type Classification, classify, decide, SignalToNoise } from "./metrics.js";
import { type SliceScore, type Slicing, scoreSlices } from "./slices.js";

/** Outputs for one data set; classification figures only where the set has labels. */
export interface Evaluation extends Partial<Classification> {
  readonly samples: number;
  readonly predicted: Int32Array;
  /** Share of samples on which `against` says the same class. */
  readonly agreement?: number;
  readonly againstAccuracy?: number;
  /** Noise of the outputs against the other model's, in dB. */
  readonly outputSqnrDb?: number | null;
  /** In the order of execution; only where the two models have the same layers. */
  readonly layers?: readonly LayerError[];
  /** The layers that lose most of the signal by themselves, worst first. */
  readonly suspects?: readonly LayerError[];
  /** By the name of the slicing, then by part, the least accurate part first. */
  readonly slices?: Readonly<Record<string, Readonly<Record<string, SliceScore>>>>;
}

export interface EvaluateOptions {
  readonly against?: RunnableModel;
  /** Compare every tensor; both models must have been opened with `keep`. */
  readonly layers?: boolean;
  readonly slices?: readonly Slicing[];
  readonly progress?: (done: number, total: number) => void;
}

/** Runs a model over a data set, sample by sample. */
export async function evaluateModel(
  model: RunnableModel,
  dataset: Dataset,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const { against } = options;
  const output = model.graph.outputs[0]!;
  const predicted = new Int32Array(dataset.count);
  const other = new Int32Array(against === undefined ? 0 : dataset.count);
  const outputNoise = new SignalToNoise();
  const comparison =
    options.layers === true && against !== undefined ? new LayerComparison(model, against) : null;
  let classes = 0;
  for (let i = 0; i < dataset.count; i++) {
    const sample = dataset.sample(i);
    const values = await model.run(sample);
    const result = values.get(output)!;
    classes = Math.max(2, result.length);
    predicted[i] = decide(result);
    if (against !== undefined) {
      const reference = await against.run(sample);
      const expected = reference.get(against.graph.outputs[0]!)!;
      requireSameLength(expected.length, result.length);
      other[i] = decide(expected);
      outputNoise.add(expected, result);
      comparison?.add(reference, values);
    }
    options.progress?.(i + 1, dataset.count);
  }
  const scores =
    dataset.labels === undefined
      ? undefined
      : classify(dataset.labels, predicted, classCount(dataset, classes), dataset.classNames);
  const layers = comparison?.errors();
  const answers = {
    predicted,
    ...(dataset.labels && { labels: dataset.labels }),
    ...(against !== undefined && { other }),
  };
  const slices = options.slices?.map((slicing) => [slicing.name, scoreSlices(slicing, answers)] as const);
  return {
    samples: dataset.count,
    predicted,
    ...scores,
    ...(against !== undefined && {
      agreement: agreement(predicted, other),
      outputSqnrDb: finite(outputNoise.decibels),
      ...(dataset.labels !== undefined && { againstAccuracy: agreement(dataset.labels, other) }),
    }),
    ...(layers && { layers, suspects: suspects(layers) }),
    ...(slices && { slices: Object.fromEntries(slices) }),
  };
}

/** As many classes as the model has outputs; labels beyond them belong to another model. */
function classCount(dataset: Dataset, outputs: number): number {
  const greatest = dataset.labels!.reduce((most, label) => Math.max(most, label), 0);
  if (greatest < outputs) return outputs;
  throw new DataError({
    expected: `labels below ${outputs}, the number of the model's outputs`,
    got: `label ${greatest}`,
    todo: "Use the data set that belongs to this model.",
  });
}

function requireSameLength(expected: number, got: number): void {
  if (expected === got) return;
  throw new DataError({
    expected: `a model with ${got} outputs to compare with`,
    got: `${expected}`,
    todo: "Compare models of the same task.",
  });
}
