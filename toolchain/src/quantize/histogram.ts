import type { CalibrationMethod } from "./methods.js";
import type { Observer } from "./observer.js";
import type { Range } from "./range.js";

/** Bins over [-limit, limit); the limit doubles when a value falls outside, and pairs of bins are merged. */
const BINS = 4096;

/**
 * Values that one call counts at most. The ends are exact all the same; what lies between is a distribution, which a few
 * thousand values of every sample show as well as all of them.
 */
const COUNTED_PER_CALL = 1024;

/** A histogram of one tensor in bounded memory, whatever the number of samples and wherever its values lie. */
export class Histogram {
  #limit = 0;
  #calls = 0;
  readonly counts = new Float64Array(BINS);
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  total = 0;

  /** Returns false, and counts nothing, where a value is not finite. */
  add(values: Float32Array): boolean {
    let [min, max, sum] = [this.min, this.max, 0];
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value < min) min = value;
      if (value > max) max = value;
      sum += value;
    }
    if (!Number.isFinite(sum)) return false;
    this.min = min;
    this.max = max;
    const reach = Math.max(Math.abs(min), Math.abs(max));
    if (this.#limit === 0) this.#limit = reach === 0 ? 1 : 2 ** Math.ceil(Math.log2(reach * 1.0001));
    while (reach >= this.#limit) this.#widen();
    const factor = BINS / 2 / this.#limit;
    const { counts } = this;
    const step = Math.ceil(values.length / COUNTED_PER_CALL);
    let zeros = 0;
    let counted = 0;
    // Another offset for every sample, so that no pixel or channel is passed over for good.
    for (let i = this.#calls++ % step; i < values.length; i += step) {
      const value = values[i]!;
      counted++;
      // After a ReLU half of all values are zero: counted apart, they don't all wait for one cell of memory.
      if (value === 0) zeros++;
      else counts[(value * factor + BINS / 2) | 0]! += 1;
    }
    counts[BINS / 2]! += zeros;
    this.total += counted;
    return true;
  }

  get binWidth(): number {
    return (2 * this.#limit) / BINS;
  }

  /** Real value at the centre of a bin. */
  centre(bin: number): number {
    return (bin + 0.5 - BINS / 2) * this.binWidth;
  }

  #widen(): void {
    const wide = new Float64Array(BINS);
    // Bins keep their distance from the middle, which is zero.
    for (let bin = 0; bin < BINS; bin++) wide[(bin >> 1) + BINS / 4]! += this.counts[bin]!;
    this.counts.set(wide);
    this.#limit *= 2;
  }
}

/** Every method's range of one tensor from one pass over the samples. */
export class HistogramObserver implements Observer {
  readonly #histogram = new Histogram();

  observe(values: Float32Array): boolean {
    return this.#histogram.add(values);
  }

  range(method: CalibrationMethod): Range {
    switch (method) {
      case "minmax":
        return { min: this.#histogram.min, max: this.#histogram.max };
      case "percentile":
        return percentileRange(this.#histogram);
      case "mse":
        return leastSquaresRange(this.#histogram);
      case "entropy":
        return leastDivergenceRange(this.#histogram);
    }
  }
}

/** Share of the values that may lie beyond each end of a percentile range. */
const PERCENTILE_TAIL = 1e-4;

/** Cuts off the outermost values at each end: a single outlier no longer decides the scale. */
function percentileRange(histogram: Histogram): Range {
  const { counts, total, min, max, binWidth } = histogram;
  const beyond = PERCENTILE_TAIL * total;
  let low = 0;
  for (let sum = counts[0]!; sum <= beyond && low < BINS - 1; sum += counts[++low]!);
  let high = BINS - 1;
  for (let sum = counts[high]!; sum <= beyond && high > 0; sum += counts[--high]!);
  return {
    min: Math.max(min, histogram.centre(low) - binWidth / 2),
    max: Math.min(max, histogram.centre(high) + binWidth / 2),
  };
}

/** Shares of the full range that are tried by the methods that search. */
const SHARES = Array.from({ length: 80 }, (_, i) => 1 - i / 100);

/** Searches the magnitude beyond which values are cut off, so that `cost` of what remains is least. */
function search(histogram: Histogram, cost: (range: Range) => number): Range {
  const full = { min: Math.min(0, histogram.min), max: Math.max(0, histogram.max) };
  let [best, least] = [full, cost(full)];
  for (const share of SHARES) {
    const reach = share * Math.max(-full.min, full.max);
    const range = { min: Math.max(full.min, -reach), max: Math.min(full.max, reach) };
    const found = cost(range);
    if (found < least) [best, least] = [range, found];
  }
  return best;
}

/** The range with the least mean squared error: rounding noise inside, clipping outside. */
function leastSquaresRange(histogram: Histogram): Range {
  const used = Int32Array.from(histogram.counts.keys()).filter((bin) => histogram.counts[bin]! > 0);
  return search(histogram, ({ min, max }) => {
    const step = (max - min) / 255;
    let error = 0;
    for (const bin of used) {
      const x = histogram.centre(bin);
      const beyond = x < min ? min - x : x > max ? x - max : 0;
      // Zeros are exact in every range, and after a ReLU they are most of the values.
      const rounding = Math.abs(x) < histogram.binWidth ? 0 : (step * step) / 12;
      error += histogram.counts[bin]! * (beyond > 0 ? beyond * beyond : rounding);
    }
    return error;
  });
}

const LEVELS = 256;

/**
 * The range whose 256 levels keep the most information: least Kullback-Leibler divergence between the clipped
 * distribution and its quantized form (Migacz, 8-bit Inference with TensorRT, 2017).
 */
function leastDivergenceRange(histogram: Histogram): Range {
  return search(histogram, (range) => divergence(histogram, range));
}

function divergence({ counts, binWidth, total }: Histogram, { min, max }: Range): number {
  const first = Math.max(0, Math.floor(min / binWidth) + BINS / 2);
  const end = Math.min(BINS, Math.ceil(max / binWidth) + BINS / 2);
  const size = end - first;
  if (size <= LEVELS) return size === BINS ? 0 : Number.POSITIVE_INFINITY;
  const clipped = counts.slice(first, end);
  for (let bin = 0; bin < first; bin++) clipped[0]! += counts[bin]!;
  for (let bin = end; bin < BINS; bin++) clipped[size - 1]! += counts[bin]!;
  const level = (i: number): number => Math.floor((i * LEVELS) / size);
  const mass = new Float64Array(LEVELS);
  const occupied = new Float64Array(LEVELS);
  for (let i = 0; i < size; i++) {
    mass[level(i)]! += counts[first + i]!;
    if (clipped[i]! > 0) occupied[level(i)]! += 1;
  }
  let sum = 0;
  for (let i = 0; i < size; i++) {
    const p = clipped[i]! / total;
    if (p === 0) continue;
    // Where clipping piled values on an empty level, q is half a sample: log(p / 0) would forbid any clipping.
    const q = Math.max(mass[level(i)]! / occupied[level(i)]!, 0.5) / total;
    sum += p * Math.log(p / q);
  }
  return sum;
}
