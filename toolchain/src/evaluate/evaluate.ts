import type { Dataset } from "../data/dataset.js";
import { DataError } from "../errors.js";
import type { RunnableModel } from "../execute/runnable.js";
import {
  agreement,
  argMax,
  ChannelSignalToNoise,
  type Classification,
  classify,
  SignalToNoise,
} from "./metrics.js";

export interface LayerError {
  readonly tensor: string;
  readonly operator: string;
  /** Signal over error power in dB; null where the two are equal. */
  readonly sqnrDb: number | null;
  /** null where channels were rescaled on purpose (equalization): then no single figure tells. */
  readonly greatestError: number | null;
}

/** Outputs for one data set; classification figures only where the set has labels. */
export interface Evaluation extends Partial<Classification> {
  readonly samples: number;
  readonly predicted: Int32Array;
  /** Share of samples on which `against` says the same class. */
  readonly agreement?: number;
  readonly againstAccuracy?: number;
  /** Noise of the outputs against the other model's, in dB. */
  readonly outputSqnrDb?: number | null;
  /** In the order of execution; only where the tensors of the two models have the same names. */
  readonly layers?: readonly LayerError[];
}

export interface EvaluateOptions {
  readonly against?: RunnableModel;
  /** Compare every tensor; both models must have been opened with `keep`. */
  readonly layers?: boolean;
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
  const noise = new Map<string, ChannelSignalToNoise>();
  let classes = 0;
  for (let i = 0; i < dataset.count; i++) {
    const sample = dataset.sample(i);
    const values = await model.run(sample);
    const result = values.get(output)!;
    classes = result.length;
    predicted[i] = argMax(result);
    if (against !== undefined) {
      const reference = await against.run(sample);
      const expected = reference.get(against.graph.outputs[0]!)!;
      requireSameLength(expected.length, result.length);
      other[i] = argMax(expected);
      outputNoise.add(expected, result);
      if (options.layers === true) addLayers(model, noise, reference, values);
    }
    options.progress?.(i + 1, dataset.count);
  }
  const scores =
    dataset.labels === undefined
      ? undefined
      : classify(dataset.labels, predicted, classCount(dataset, classes), dataset.classNames);
  return {
    samples: dataset.count,
    predicted,
    ...scores,
    ...(against !== undefined && {
      agreement: agreement(predicted, other),
      outputSqnrDb: finite(outputNoise.decibels),
      ...(dataset.labels !== undefined && { againstAccuracy: agreement(dataset.labels, other) }),
    }),
    ...(options.layers === true && { layers: layerErrors(model, noise) }),
  };
}

function addLayers(
  model: RunnableModel,
  noise: Map<string, ChannelSignalToNoise>,
  reference: ReadonlyMap<string, Float32Array>,
  values: ReadonlyMap<string, Float32Array>,
): void {
  for (const [name, expected] of reference) {
    const actual = values.get(name);
    if (actual === undefined || actual.length !== expected.length) continue;
    let sum = noise.get(name);
    if (sum === undefined) {
      sum = new ChannelSignalToNoise(model.graph.tensors.get(name)?.shape.at(-1) ?? 1);
      noise.set(name, sum);
    }
    sum.add(expected, actual);
  }
}

function layerErrors(model: RunnableModel, noise: ReadonlyMap<string, ChannelSignalToNoise>): LayerError[] {
  return model.graph.operators.flatMap((operator) =>
    operator.outputs.flatMap((tensor) => {
      const sum = noise.get(tensor);
      if (sum === undefined) return [];
      return [
        {
          tensor,
          operator: operator.kind,
          sqnrDb: finite(sum.decibels),
          greatestError: sum.isRescaled ? null : sum.greatestError,
        },
      ];
    }),
  );
}

/** JSON has no infinity: no error at all is null. */
function finite(decibels: number): number | null {
  return Number.isFinite(decibels) ? decibels : null;
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
