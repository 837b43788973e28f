import { type Dataset, spread } from "../data/dataset.js";
import type { Graph } from "../graph/graph.js";
import { type EqualizationPair, equalizationPairs, equalize } from "../transform/equalize.js";
import { type Bordered, type Wider, withBorders } from "./borders.js";
import { type ActivationSource, type Calibration, calibrate } from "./calibrate.js";
import { activationSource } from "./float-source.js";
import type { CalibrationMethod } from "./methods.js";
import type { QuantizeOptions, RecipeStep } from "./options.js";
import { type ActivationDType, INT16_HEADROOM } from "./range.js";
import { type RoundOptions, roundGraph } from "./round.js";
import { Reference } from "./simulate.js";

/** A float graph that is ready to be rounded, and what was seen of it. */
export interface Prepared {
  readonly graph: Graph;
  readonly source: ActivationSource;
  readonly reference: Reference;
}

/** Equalization must pay by this much: it makes the weights another model's in every report. */
const LEAST_GAIN_DB = 0.5;
/**
 * Ranges that clip must pay by more: they leave no headroom for inputs that calibration has not seen, and the next model
 * has to live with them. (The digit reader's update was a third larger over ranges that had gained 0.8 dB.)
 */
const LEAST_CLIPPING_GAIN_DB = 1.5;
/** Samples that settle whether to equalize; the ranges of the result come from all. */
const PROBE_SAMPLES = 48;
/** What "auto" tries, the plainest first. */
const AUTO_METHODS = ["minmax", "percentile", "mse"] as const;

/**
 * The graph as it is, or equalized where the graph allows it: what follows the float model's output more closely on some
 * of the samples. An update keeps the previous model's scales and is never equalized.
 */
export async function prepare(
  graph: Graph,
  dataset: Dataset,
  dtype: ActivationDType,
  options: QuantizeOptions,
): Promise<Prepared & { readonly steps: readonly RecipeStep[] }> {
  const source = options.activations ?? activationSource(graph);
  const plain = { graph, source, reference: await Reference.of(graph, dataset, source) };
  const pairs = equalizationPairs(graph);
  if (options.equalize === false || options.previous !== undefined || pairs.length === 0) {
    return { ...plain, steps: [] };
  }
  const probe = spread(dataset, PROBE_SAMPLES);
  const ranges = new ChannelRanges(pairs);
  const noiseOf = async (candidate: Omit<Prepared, "reference">, ranges?: ChannelRanges): Promise<number> => {
    const biasCorrect = options.biasCorrect ?? true;
    const seen = await calibrate(candidate.graph, probe, candidate.source, {
      ranges: "minmax",
      withMeans: biasCorrect,
      withCovariances: false,
      ...(ranges && { alsoObserve: (values) => ranges.observe(values) }),
    });
    const bordered = withBorders(candidate.graph, dtype, NOTHING_WIDER);
    const means = biasCorrect ? seen.inputMeans : null;
    return plain.reference.noiseOf(roundGraph(bordered, seen, { method: "minmax", means }));
  };
  const before = await noiseOf(plain, ranges);
  const moved = equalize(graph, ranges.greatest);
  const equalized = { graph: moved, source: activationSource(moved) };
  const after = await noiseOf(equalized);
  const isBetter = after > before + LEAST_GAIN_DB;
  return {
    ...(isBetter ? { ...equalized, reference: plain.reference } : plain),
    steps: [
      {
        step: "equalize",
        text: `${pairs.length} pairs of layers ${isBetter ? "equalized" : "left as they were"}: output noise ${before.toFixed(1)} dB as it was, ${after.toFixed(1)} dB equalized`,
        outputSqnrDb: { plain: before, equalized: after },
      },
    ],
  };
}

const NOTHING_WIDER: Wider = { tensors: new Set(), operators: new Set() };

/** Greatest magnitude per channel of each tensor between a pair of layers. */
class ChannelRanges {
  readonly greatest: ReadonlyMap<string, Float64Array>;

  constructor(pairs: readonly EqualizationPair[]) {
    this.greatest = new Map(pairs.map(({ tensor, channels }) => [tensor, new Float64Array(channels)]));
  }

  observe(values: ReadonlyMap<string, Float32Array>): void {
    for (const [tensor, range] of this.greatest) {
      const array = values.get(tensor)!;
      for (let k = 0, channel = 0; k < array.length; k++) {
        const magnitude = Math.abs(array[k]!);
        if (magnitude > range[channel]!) range[channel] = magnitude;
        if (++channel === range.length) channel = 0;
      }
    }
  }
}

/** How a graph is to be rounded, and by which comparisons that was found. */
export interface Chosen {
  readonly rounding: RoundOptions;
  readonly steps: readonly RecipeStep[];
}

/**
 * The method for ranges that was asked for, or the one whose output is closest to the float model's; and bias correction
 * where it makes that output closer still, judged on samples that its means have not seen: few samples give means that
 * are worse than none.
 */
export async function chooseRounding(
  bordered: Bordered,
  calibration: Calibration,
  reference: Reference,
  dtype: ActivationDType,
  options: QuantizeOptions,
): Promise<Chosen> {
  const isCorrecting = options.biasCorrect ?? true;
  const noiseOf = (method: CalibrationMethod, isCorrected: boolean): Promise<number> => {
    const means = isCorrected ? calibration.inputMeansApart : null;
    return reference.noiseOf(roundGraph(bordered, calibration, { method, means }));
  };
  const { method, step, noise } = await chooseMethod(dtype, options, (tried) => noiseOf(tried, isCorrecting));
  if (!isCorrecting) return { rounding: { method, means: null }, steps: [step] };
  const corrected = noise ?? (await noiseOf(method, true));
  const plain = await noiseOf(method, false);
  const isBetter = corrected >= plain;
  const figures = `output noise ${corrected.toFixed(1)} dB with correction, ${plain.toFixed(1)} dB without`;
  const text = isBetter
    ? `biases corrected for the mean error of the rounded weights: ${figures}`
    : `biases left as they are, the samples are too few or too varied to correct them by: ${figures}`;
  return {
    rounding: { method, means: isBetter ? calibration.inputMeans : null },
    steps: [step, { step: "bias-correction", text, outputSqnrDb: { corrected, plain } }],
  };
}

interface ChosenMethod {
  readonly method: CalibrationMethod;
  readonly step: RecipeStep;
  /** Where it was measured. */
  readonly noise?: number;
}

async function chooseMethod(
  dtype: ActivationDType,
  options: QuantizeOptions,
  noiseOf: (method: CalibrationMethod) => Promise<number>,
): Promise<ChosenMethod> {
  if (dtype === "int16") {
    const text = `ranges ${INT16_HEADROOM} times what was seen: 16 bits have room for samples that are larger`;
    return { method: "minmax", step: { step: "ranges", text } };
  }
  const asked = options.calibrate ?? "auto";
  if (asked !== "auto")
    return { method: asked, step: { step: "ranges", text: `ranges by ${asked}, as asked` } };
  const outputSqnrDb: Record<string, number> = {};
  let [best, most]: [CalibrationMethod, number] = ["minmax", Number.NEGATIVE_INFINITY];
  for (const method of AUTO_METHODS) {
    const noise = await noiseOf(method);
    outputSqnrDb[method] = noise;
    if (noise > most + LEAST_CLIPPING_GAIN_DB) [best, most] = [method, noise];
  }
  const compared = AUTO_METHODS.map((method) => `${method} ${outputSqnrDb[method]!.toFixed(1)} dB`);
  const text = `ranges by ${best}; output noise by ${compared.join(", ")}; ranges that clip must gain ${LEAST_CLIPPING_GAIN_DB} dB`;
  return { method: best, step: { step: "ranges", text, outputSqnrDb }, noise: most };
}
