import { type Dataset, subset } from "../../data/dataset.js";
import { type Evaluation, evaluateModel } from "../../evaluate/evaluate.js";
import { openRunnable } from "../../execute/runnable.js";
import type { Graph } from "../../graph/graph.js";
import { buildQuantized } from "../assign.js";
import type { ActivationSource } from "../calibrate.js";
import { logitSensitivity } from "./importance.js";
import { layerProblems, type RoundedUpdate, roundUpdate } from "./layers.js";
import { matchPrevious } from "./previous.js";

/** Prices of a bit that are tried, from dear to cheap: the dearest that is accurate enough is taken. */
const LAMBDAS = [1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 0];
/** Unlabelled samples from which the statistics come. */
const STATISTICS_SAMPLES = 128;

export interface UpdateOptions {
  /** Points of accuracy that the update may lose against plain quantization of the new model. */
  readonly maxLossPoints: number;
  /** Labelled samples on which the loss is measured; without labels, agreement with the float model counts. */
  readonly validation: Dataset;
  readonly activations: ActivationSource;
  readonly progress?: (done: number, total: number) => void;
}

/** One point of the curve of size against accuracy. */
export interface UpdatePoint {
  readonly lambda: number;
  /** Estimate from the residuals' distribution; framing, biases and hashes come on top. */
  readonly residualBytes: number;
  readonly changedShare: number;
  readonly accuracy: number;
}

/** For the people who sign: what ships is a different model from the one that was validated. */
export interface UpdateReport {
  readonly chosen: UpdatePoint;
  readonly curve: readonly UpdatePoint[];
  /** Of the new model, plainly quantized, on the same samples. */
  readonly plainAccuracy: number;
  readonly maxLossPoints: number;
  /** "accuracy" on labelled samples, "agreement" with the float model without labels. */
  readonly measure: "accuracy" | "agreement";
  readonly perClass: Readonly<
    Record<string, { readonly plain: number | null; readonly update: number | null }>
  >;
  /** False when not even the cheapest price kept the loss within bounds; the plain model is given then. */
  readonly withinLoss: boolean;
}

/**
 * Quantizes a new float model so that it differs little from the quantized one that devices hold: activation scales are
 * the old ones, weight codes move only where the logits gain by it. See docs on update-aware rounding.
 */
export async function quantizeUpdate(
  graph: Graph,
  old: Graph,
  plain: Graph,
  dataset: Dataset,
  options: UpdateOptions,
): Promise<{ graph: Graph; report: UpdateReport }> {
  const previous = matchPrevious(graph, old);
  const few = dataset.count <= STATISTICS_SAMPLES ? dataset : subset(dataset, spread(dataset.count));
  const sensitivity = await logitSensitivity(graph, few);
  const problems = await layerProblems(graph, previous, few, options.activations, sensitivity);
  const measured = await measurer(graph, options);
  const plainResult = await measured(plain);
  const floor = plainResult.score - options.maxLossPoints / 100;
  const curve: UpdatePoint[] = [];
  let chosen: { graph: Graph; point: UpdatePoint; evaluation: Evaluation } | null = null;
  for (const [i, lambda] of LAMBDAS.entries()) {
    const update = roundUpdate(problems, lambda);
    const candidate = buildQuantized(graph, previous.activations, update.layers, "int8");
    const { score, evaluation } = await measured(candidate);
    const point = pointOf(lambda, update, score);
    curve.push(point);
    options.progress?.(i + 1, LAMBDAS.length);
    chosen = { graph: candidate, point, evaluation };
    if (score >= floor) break;
  }
  const last = chosen!;
  const withinLoss = last.point.accuracy >= floor;
  return {
    graph: withinLoss ? last.graph : plain,
    report: {
      chosen: last.point,
      curve,
      plainAccuracy: plainResult.score,
      maxLossPoints: options.maxLossPoints,
      measure: options.validation.labels === undefined ? "agreement" : "accuracy",
      perClass: perClass(plainResult.evaluation, last.evaluation),
      withinLoss,
    },
  };
}

function spread(count: number): number[] {
  return Array.from({ length: STATISTICS_SAMPLES }, (_, i) => Math.floor((i * count) / STATISTICS_SAMPLES));
}

function pointOf(lambda: number, update: RoundedUpdate, accuracy: number): UpdatePoint {
  return {
    lambda,
    residualBytes: Math.ceil(update.residualBits / 8),
    changedShare: update.changedWeights / update.weights,
    accuracy,
  };
}

type Measured = (candidate: Graph) => Promise<{ score: number; evaluation: Evaluation }>;

async function measurer(graph: Graph, { validation }: UpdateOptions): Promise<Measured> {
  if (validation.labels !== undefined) {
    return async (candidate) => {
      const evaluation = await evaluateModel(openRunnable(candidate), validation);
      return { score: evaluation.accuracy!, evaluation };
    };
  }
  const { predicted } = await evaluateModel(openRunnable(graph), validation);
  const labelled = { ...validation, labels: predicted };
  return async (candidate) => {
    const evaluation = await evaluateModel(openRunnable(candidate), labelled);
    return { score: evaluation.accuracy!, evaluation };
  };
}

function perClass(plain: Evaluation, update: Evaluation): UpdateReport["perClass"] {
  return Object.fromEntries(
    Object.entries(plain.perClass ?? {}).map(([name, score]) => [
      name,
      { plain: score.recall, update: update.perClass?.[name]?.recall ?? null },
    ]),
  );
}
