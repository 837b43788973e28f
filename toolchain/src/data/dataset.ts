import { DataError } from "../errors.js";

/** Samples are read when they are asked for, so that a set may be larger than memory. */
export interface Dataset {
  readonly count: number;
  /** Shape of one sample, without the batch axis. */
  readonly sampleShape: readonly number[];
  /** Class index per sample, where the set has labels. */
  readonly labels?: Int32Array;
  /** Names of the classes, where they come from folders. */
  readonly classNames?: readonly string[];
  /** One sample, row-major; all values finite. */
  sample(index: number): Float32Array;
}

export interface DatasetOptions {
  /**
   * What the model takes, without the batch axis. It decides how many colour channels an image keeps, and recordings
   * longer than one sample are cut into successive windows of this shape.
   */
  readonly sampleShape?: readonly number[];
}

/** Throws where a sample holds NaN or infinity: either would silently spoil every scale. */
export function requireFinite(values: Float32Array, place: string): Float32Array {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]!)) {
      throw new DataError({
        expected: "finite values only",
        got: `${values[i]} at element ${i} of ${place}`,
        todo: "Remove or repair this sample.",
      });
    }
  }
  return values;
}

/** The samples `indices`, in that order, as a set of its own. */
export function subset(dataset: Dataset, indices: readonly number[]): Dataset {
  return {
    count: indices.length,
    sampleShape: dataset.sampleShape,
    ...(dataset.labels && { labels: Int32Array.from(indices, (index) => dataset.labels![index]!) }),
    ...(dataset.classNames && { classNames: dataset.classNames }),
    sample: (i) => dataset.sample(indices[i]!),
  };
}

/** At most `most` samples, evenly spread, so that a set sorted by class gives all classes. */
export function spread(dataset: Dataset, most: number): Dataset {
  if (dataset.count <= most) return dataset;
  return subset(
    dataset,
    Array.from({ length: most }, (_, i) => Math.floor((i * dataset.count) / most)),
  );
}

/** Every other sample, and the rest; a set of one is both. */
export function halves(dataset: Dataset): [Dataset, Dataset] {
  if (dataset.count < 2) return [dataset, dataset];
  const every = (from: number): Dataset =>
    subset(
      dataset,
      Array.from({ length: Math.ceil((dataset.count - from) / 2) }, (_, i) => from + 2 * i),
    );
  return [every(0), every(1)];
}
