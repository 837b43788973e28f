import { CONFIDENCE_BINS, type TelemetryFrame } from "./frame.js";

/**
 * What many windows add up to. Every field merges by addition (or maximum), so that sums of devices, releases and hours
 * can be formed in any order and from sums that were rolled up before.
 */
export interface TelemetrySums {
  readonly windows: number;
  readonly inferences: number;
  readonly errors: number;
  readonly abstained: number;
  /** Sum over inferences, microseconds. */
  readonly latencySumUs: number;
  readonly latencyMaxUs: number;
  /** Sum over inferences, microjoule. */
  readonly energySumUj: number;
  readonly probesSeen: number;
  readonly probesCorrect: number;
  /** In the shadow of another release: inferences that both made, and those in which they agreed. */
  readonly compared: number;
  readonly agreed: number;
  /** Inferences by top-1 confidence; CONFIDENCE_BINS entries. */
  readonly confidence: readonly number[];
  /** Inferences by top-1 class. */
  readonly outputs: readonly number[];
}

export const EMPTY_SUMS: TelemetrySums = {
  windows: 0,
  inferences: 0,
  errors: 0,
  abstained: 0,
  latencySumUs: 0,
  latencyMaxUs: 0,
  energySumUj: 0,
  probesSeen: 0,
  probesCorrect: 0,
  compared: 0,
  agreed: 0,
  confidence: new Array<number>(CONFIDENCE_BINS).fill(0),
  outputs: [],
};

export function sumsOfFrame(frame: TelemetryFrame): TelemetrySums {
  return {
    windows: 1,
    inferences: frame.inferences,
    errors: frame.errors,
    abstained: frame.abstained,
    latencySumUs: frame.latencyUs.mean * frame.inferences,
    latencyMaxUs: frame.latencyUs.max,
    energySumUj: frame.energyUj * frame.inferences,
    probesSeen: frame.probes.seen,
    probesCorrect: frame.probes.correct,
    compared: frame.shadow?.compared ?? 0,
    agreed: frame.shadow?.agreed ?? 0,
    confidence: frame.confidence,
    outputs: frame.outputs,
  };
}

/** Associative and commutative; EMPTY_SUMS is its neutral element. */
export function mergeSums(a: TelemetrySums, b: TelemetrySums): TelemetrySums {
  const sum = growingSums(a);
  growSums(sum, b);
  return sum;
}

/** Sums that grow in place: for whoever adds thousands of frames a second, and would leave as many objects behind. */
export type GrowingSums = {
  -readonly [Field in keyof TelemetrySums]: TelemetrySums[Field] extends number ? number : number[];
};

/** A copy, with which the caller may do what it likes. */
export function growingSums(sums: TelemetrySums): GrowingSums {
  return { ...sums, confidence: [...sums.confidence], outputs: [...sums.outputs] };
}

/** Makes `sum` a copy of `sums` without a new object: for whoever has one left over. */
export function refillSums(sum: GrowingSums, sums: TelemetrySums): void {
  const { confidence, outputs } = sum;
  Object.assign(sum, sums, { confidence, outputs });
  refillBins(confidence, sums.confidence);
  refillBins(outputs, sums.outputs);
}

function refillBins(bins: number[], from: readonly number[]): void {
  for (let bin = 0; bin < from.length; bin++) bins[bin] = from[bin]!;
  bins.length = from.length;
}

export function growSums(sum: GrowingSums, more: TelemetrySums): void {
  sum.windows += more.windows;
  sum.inferences += more.inferences;
  sum.errors += more.errors;
  sum.abstained += more.abstained;
  sum.latencySumUs += more.latencySumUs;
  sum.latencyMaxUs = Math.max(sum.latencyMaxUs, more.latencyMaxUs);
  sum.energySumUj += more.energySumUj;
  sum.probesSeen += more.probesSeen;
  sum.probesCorrect += more.probesCorrect;
  sum.compared += more.compared;
  sum.agreed += more.agreed;
  addBins(sum.confidence, more.confidence);
  addBins(sum.outputs, more.outputs);
}

function addBins(sum: number[], more: readonly number[]): void {
  for (let bin = 0; bin < more.length; bin++) sum[bin] = (sum[bin] ?? 0) + more[bin]!;
}

/** Mean of the histogram's bin centres, 0..1; null without inferences. Its error is at most half a bin (2.5 points). */
export function meanConfidence(sums: TelemetrySums): number | null {
  let count = 0;
  let weighted = 0;
  sums.confidence.forEach((n, bin) => {
    count += n;
    weighted += n * ((bin + 0.5) / CONFIDENCE_BINS);
  });
  return count === 0 ? null : weighted / count;
}

/** Share of the labelled probes that were right; null without any. */
export function probeAccuracy(sums: Pick<TelemetrySums, "probesSeen" | "probesCorrect">): number | null {
  return sums.probesSeen === 0 ? null : sums.probesCorrect / sums.probesSeen;
}

/** Share of the shadow's inferences that named the serving release's class; null without any. */
export function agreement(sums: Pick<TelemetrySums, "compared" | "agreed">): number | null {
  return sums.compared === 0 ? null : sums.agreed / sums.compared;
}

/** Errors per attempt: an attempt is either an inference or an error. */
export function errorRate(sums: Pick<TelemetrySums, "inferences" | "errors">): number | null {
  const attempts = sums.inferences + sums.errors;
  return attempts === 0 ? null : sums.errors / attempts;
}

export function meanLatencyUs(sums: Pick<TelemetrySums, "inferences" | "latencySumUs">): number | null {
  return sums.inferences === 0 ? null : sums.latencySumUs / sums.inferences;
}
