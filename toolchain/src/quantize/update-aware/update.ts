import { type Dataset, subset } from "../../data/dataset.js";
import { type Evaluation, evaluateModel } from "../../evaluate/evaluate.js";
import { openRunnable } from "../../execute/runnable.js";
import type { Graph } from "../../graph/graph.js";
import { buildQuantized } from "../assign.js";
import type { ActivationSource } from "../calibrate.js";
import { logitSensitivity } from "./importance.js";
import { layerProblems, type RoundedUpdate, roundUpdate } from "./layers.js";
import { matchPrevious } from "./previous.js";

/** Prices of a bit from dear to cheap: the dearest that is accurate enough is taken. */
const LAMBDAS = [1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 0];
/** What the bisection takes of them at most. */
const LAMBDA_ATTEMPTS = 4;
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

/**
 * Where the new model answers otherwise than the old one, the update must follow the new one at least this often:
 * on validation samples that do not show what the new model is for, leaving the old one as it is would cost nothing.
 */
const LEAST_CARRIED_OVER = 0.5;

/** One point of the curve of size against accuracy. */
export interface UpdatePoint {
  readonly lambda: number;
  /** Estimate from the residuals' distribution; framing, biases and hashes come on top. */
  readonly residualBytes: number;
  readonly changedShare: number;
  readonly accuracy: number;
  /** Among the samples on which old and new model differ, the share on which the update says what the new one says. */
  readonly carriedOver: number;
}

/** For the people who sign: what ships is a different model from the one that was validated. */
export interface UpdateReport {
  readonly chosen: UpdatePoint;
  /** Every price that was tried, in the order of trying. */
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
  const oldPredictions = (await measured(old)).evaluation.predicted;
  const carried = (evaluation: Evaluation): number =>
    carriedOver(oldPredictions, plainResult.evaluation.predicted, evaluation.predicted);
  const isGoodEnough = (point: UpdatePoint): boolean =>
    point.accuracy >= floor && point.carriedOver >= LEAST_CARRIED_OVER;
  const curve: UpdatePoint[] = [];
  const attempt = async (lambda: number): Promise<Attempt> => {
    const update = roundUpdate(problems, lambda);
    const candidate = buildQuantized(graph, previous.activations, update.layers, "int8");
    const { score, evaluation } = await measured(candidate);
    const point = pointOf(lambda, update, score, carried(evaluation));
    curve.push(point);
    options.progress?.(curve.length, LAMBDA_ATTEMPTS);
    return { graph: candidate, point, evaluation };
  };
  const last = await dearest(attempt, isGoodEnough);
  const withinLoss = isGoodEnough(last.point);
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

function carriedOver(old: Int32Array, plain: Int32Array, update: Int32Array): number {
  let [differ, followed] = [0, 0];
  for (let i = 0; i < old.length; i++) {
    if (old[i] === plain[i]) continue;
    differ++;
    if (update[i] === plain[i]) followed++;
  }
  return differ === 0 ? 1 : followed / differ;
}

function spread(count: number): number[] {
  return Array.from({ length: STATISTICS_SAMPLES }, (_, i) => Math.floor((i * count) / STATISTICS_SAMPLES));
}

function pointOf(lambda: number, update: RoundedUpdate, accuracy: number, carried: number): UpdatePoint {
  return {
    lambda,
    residualBytes: Math.ceil(update.residualBits / 8),
    changedShare: update.changedWeights / update.weights,
    accuracy,
    carriedOver: carried,
  };
}

interface Attempt {
  readonly graph: Graph;
  readonly point: UpdatePoint;
  readonly evaluation: Evaluation;
}

/** Bisects LAMBDAS for the dearest price that is good enough; the cheapest where none is. */
async function dearest(
  attempt: (lambda: number) => Promise<Attempt>,
  isGoodEnough: (point: UpdatePoint) => boolean,
): Promise<Attempt> {
  let [low, high] = [0, LAMBDAS.length - 1];
  let best: Attempt | null = null;
  let cheapest: Attempt | null = null;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const result = await attempt(LAMBDAS[middle]!);
    if (isGoodEnough(result.point)) {
      best = result;
      high = middle - 1;
    } else {
      cheapest = result;
      low = middle + 1;
    }
  }
  return best ?? cheapest!;
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
