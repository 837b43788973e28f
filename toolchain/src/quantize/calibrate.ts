import type { Dataset } from "../data/dataset.js";
import { DataError } from "../errors.js";
import type { Graph } from "../graph/graph.js";
import { InputCovariance } from "./covariance.js";
import { InputMeans } from "./input-statistics.js";
import { type Linear, linearLayers } from "./linear.js";
import type { Observer } from "./observer.js";
import type { Range } from "./range.js";

/** Runs the float graph on one sample and gives every activation, inputs included. */
export type ActivationSource = (sample: Float32Array) => Promise<ReadonlyMap<string, Float32Array>>;

export interface Calibration {
  readonly ranges: ReadonlyMap<string, Range>;
  readonly inputMeans: ReadonlyMap<Linear, Float64Array>;
  /** Covariance of each layer's inputs, where rounding asked for it. */
  readonly covariances: ReadonlyMap<Linear, InputCovariance>;
  readonly samples: number;
}

export interface CalibrationOptions {
  readonly observer: () => Observer;
  /** Whether to gather what bias correction needs. */
  readonly withMeans: boolean;
  /** Whether to gather what rounding by covariance needs, from the first samples. */
  readonly withCovariances: boolean;
  readonly progress?: (done: number, total: number) => void;
}

/** About a hundred samples settle a covariance; more only cost time. */
const COVARIANCE_SAMPLES = 128;

/** Streams all samples through the float graph; memory does not grow with their number. */
export async function calibrate(
  graph: Graph,
  dataset: Dataset,
  activations: ActivationSource,
  options: CalibrationOptions,
): Promise<Calibration> {
  const observers = new Map<string, Observer>();
  const means = new Map(
    options.withMeans ? linearLayers(graph).map((layer) => [layer, new InputMeans(graph, layer)]) : [],
  );
  const covariances = new Map(
    options.withCovariances
      ? linearLayers(graph).map((layer) => [layer, new InputCovariance(graph, layer)])
      : [],
  );
  let isAllZero = true;
  for (let i = 0; i < dataset.count; i++) {
    const sample = dataset.sample(i);
    isAllZero &&= sample.every((value) => value === 0);
    const values = await activations(sample);
    for (const [name, array] of values) {
      let observer = observers.get(name);
      if (observer === undefined) {
        observer = options.observer();
        observers.set(name, observer);
      }
      observer.observe(array);
    }
    for (const [layer, mean] of means) mean.observe(values.get(layer.inputs[0]!)!);
    if (i < COVARIANCE_SAMPLES) {
      for (const [layer, covariance] of covariances) covariance.observe(values.get(layer.inputs[0]!)!);
    }
    options.progress?.(i + 1, dataset.count);
  }
  if (isAllZero) {
    throw new DataError({
      expected: "calibration samples with something in them",
      got: `${dataset.count} samples of zeros`,
      todo: "Calibrate on inputs like those that the model will see.",
    });
  }
  const ranges = new Map(
    [...observers].map(([name, observer]) => [name, requireFiniteRange(name, observer.range())]),
  );
  return {
    ranges,
    inputMeans: new Map([...means].map(([layer, mean]) => [layer, mean.means()])),
    covariances,
    samples: dataset.count,
  };
}

function requireFiniteRange(name: string, range: Range): Range {
  if (Number.isFinite(range.min) && Number.isFinite(range.max)) return range;
  throw new DataError({
    expected: `finite values of tensor "${name}"`,
    got: `a range of ${range.min} to ${range.max}`,
    todo: "The float model itself overflows on this data: check its weights and the scaling of its inputs.",
  });
}
