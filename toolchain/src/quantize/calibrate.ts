import type { Dataset } from "../data/dataset.js";
import { DataError } from "../errors.js";
import type { Graph } from "../graph/graph.js";
import { InputCovariance } from "./covariance.js";
import { HistogramObserver } from "./histogram.js";
import { InputMeans } from "./input-statistics.js";
import { linearLayers } from "./linear.js";
import type { CalibrationMethod } from "./methods.js";
import { MinMaxObserver, type Observer } from "./observer.js";
import type { Range } from "./range.js";

/** Runs the float graph on one sample and gives every activation, inputs included. */
export type ActivationSource = (sample: Float32Array) => Promise<ReadonlyMap<string, Float32Array>>;

export type InputMeansByLayer = ReadonlyMap<string, Float64Array>;

/** What was seen, by the names of the float graph's tensors and layers. */
export interface Calibration {
  /** The range that a method chooses for a tensor; undefined for a tensor that was not seen. */
  range(tensor: string, method: CalibrationMethod): Range | undefined;
  readonly inputMeans: InputMeansByLayer;
  /** The same without the samples set apart, so that those can judge what the means are good for. */
  readonly inputMeansApart: InputMeansByLayer;
  /** Covariance of each layer's inputs, where rounding asked for it. */
  readonly covariances: ReadonlyMap<string, InputCovariance>;
  readonly samples: number;
}

export interface CalibrationOptions {
  /** "minmax" keeps two numbers per tensor; "all" a histogram, from which every method can choose. */
  readonly ranges: "minmax" | "all";
  /** Whether to gather what bias correction needs. */
  readonly withMeans: boolean;
  /** Samples that are kept out of `inputMeansApart`. */
  readonly setApart?: ReadonlySet<number>;
  /** Whether to gather what rounding by covariance needs. */
  readonly withCovariances: boolean;
  /** Sees each sample's activations too, as they pass. */
  readonly alsoObserve?: (values: ReadonlyMap<string, Float32Array>) => void;
  readonly progress?: (done: number, total: number) => void;
}

/** About a hundred samples settle a mean or a covariance; more only cost time. Ranges need all. */
const STATISTICS_SAMPLES = 128;

/** Streams all samples through the float graph; memory does not grow with their number. */
export async function calibrate(
  graph: Graph,
  dataset: Dataset,
  activations: ActivationSource,
  options: CalibrationOptions,
): Promise<Calibration> {
  const observers = new Map<string, Observer>();
  const layers = linearLayers(graph);
  const means = options.withMeans ? layers.map((layer) => new InputMeans(graph, layer)) : [];
  const apart = options.withMeans ? layers.map((layer) => new InputMeans(graph, layer)) : [];
  const covariances = new Map(
    options.withCovariances ? layers.map((layer) => [layer.name, new InputCovariance(graph, layer)]) : [],
  );
  let isAllZero = true;
  const every = Math.max(1, Math.floor(dataset.count / STATISTICS_SAMPLES));
  for (let i = 0; i < dataset.count; i++) {
    const sample = dataset.sample(i);
    isAllZero &&= sample.every((value) => value === 0);
    const values = await activations(sample);
    for (const [name, array] of values) {
      let observer = observers.get(name);
      if (observer === undefined) {
        observer = options.ranges === "minmax" ? new MinMaxObserver() : new HistogramObserver();
        observers.set(name, observer);
      }
      if (!observer.observe(array)) throw notFinite(graph, name, array, i);
    }
    if (i % every === 0) {
      const isApart = options.setApart?.has(i) === true;
      for (const mean of isApart ? means : [...means, ...apart]) {
        mean.observe(values.get(mean.layer.inputs[0]!)!);
      }
      for (const layer of layers) covariances.get(layer.name)?.observe(values.get(layer.inputs[0]!)!);
    }
    options.alsoObserve?.(values);
    options.progress?.(i + 1, dataset.count);
  }
  if (isAllZero) {
    throw new DataError({
      expected: "calibration samples with something in them",
      got: `${dataset.count} samples of zeros`,
      todo: "Calibrate on inputs like those that the model will see.",
    });
  }
  return {
    range: (tensor, method) => observers.get(tensor)?.range(method),
    inputMeans: new Map(means.map((mean) => [mean.layer.name, mean.means()])),
    inputMeansApart: new Map(apart.map((mean) => [mean.layer.name, mean.means()])),
    covariances,
    samples: dataset.count,
  };
}

function notFinite(graph: Graph, name: string, values: Float32Array, sample: number): DataError {
  const at = values.findIndex((value) => !Number.isFinite(value));
  const maker = graph.operators.find(({ outputs }) => outputs.includes(name));
  return new DataError({
    expected: `finite values of tensor "${name}"${maker === undefined ? "" : ` of ${maker.kind} "${maker.name}"`}`,
    got: `${values[at]} at element ${at}, on calibration sample ${sample}`,
    todo: "The float model itself overflows on this data: check its weights and the scaling of its inputs.",
  });
}
