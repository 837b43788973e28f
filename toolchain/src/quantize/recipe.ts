import { type Dataset, spread } from "../data/dataset.js";
import type { Graph } from "../graph/graph.js";
import { type EqualizationPair, equalizationPairs, equalize } from "../transform/equalize.js";
import { type Bordered, type Wider, withBorders } from "./borders.js";
import { type ActivationSource, type Calibration, calibrate } from "./calibrate.js";
import { activationSource } from "./float-source.js";
import type { CalibrationMethod } from "./methods.js";
import type { QuantizeOptions, RecipeStep } from "./options.js";
import { type ActivationDType, INT16_HEADROOM } from "./range.js";
import { roundGraph } from "./round.js";
import { Reference } from "./simulate.js";

/** A float graph that is ready to be rounded, and what was seen of it. */
export interface Prepared {
  readonly graph: Graph;
  readonly source: ActivationSource;
  readonly reference: Reference;
}

/** Equalization must pay by this much: it makes the weights another model's in every report. */
const LEAST_GAIN_DB = 0.5;
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
    return plain.reference.noiseOf(roundGraph(bordered, seen, { method: "minmax", biasCorrect }));
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

export interface Chosen {
  readonly graph: Graph;
  readonly method: CalibrationMethod;
  readonly steps: readonly RecipeStep[];
}

/** Rounds by the method that was asked for, or by the one whose output is closest to the float model's. */
export async function roundBest(
  bordered: Bordered,
  calibration: Calibration,
  reference: Reference,
  dtype: ActivationDType,
  options: QuantizeOptions,
): Promise<Chosen> {
  const biasCorrect = options.biasCorrect ?? true;
  const asked = options.calibrate ?? "auto";
  if (dtype === "int16") {
    const graph = roundGraph(bordered, calibration, { method: "minmax", biasCorrect });
    const text = `ranges ${INT16_HEADROOM} times what was seen: 16 bits have room for samples that are larger`;
    return { graph, method: "minmax", steps: [ranges(text)] };
  }
  if (asked !== "auto") {
    const graph = roundGraph(bordered, calibration, { method: asked, biasCorrect });
    return { graph, method: asked, steps: [ranges(`ranges by ${asked}, as asked`)] };
  }
  let best: { graph: Graph; method: CalibrationMethod; noise: number } | null = null;
  const outputSqnrDb: Record<string, number> = {};
  for (const method of AUTO_METHODS) {
    const graph = roundGraph(bordered, calibration, { method, biasCorrect });
    const noise = await reference.noiseOf(graph);
    outputSqnrDb[method] = noise;
    if (best === null || noise > best.noise + LEAST_GAIN_DB) best = { graph, method, noise };
  }
  const compared = AUTO_METHODS.map((method) => `${method} ${outputSqnrDb[method]!.toFixed(1)} dB`);
  const text = `ranges by ${best!.method}, with the least output noise: ${compared.join(", ")}`;
  return { graph: best!.graph, method: best!.method, steps: [{ step: "ranges", text, outputSqnrDb }] };
}

function ranges(text: string): RecipeStep {
  return { step: "ranges", text };
}
