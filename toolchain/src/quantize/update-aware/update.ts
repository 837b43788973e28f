import { type Dataset, subset } from "../../data/dataset.js";
import { type Evaluation, evaluateModel } from "../../evaluate/evaluate.js";
import { SignalToNoise } from "../../evaluate/metrics.js";
import { openRunnable } from "../../execute/runnable.js";
import type { Graph } from "../../graph/graph.js";
import { buildQuantized } from "../assign.js";
import type { ActivationSource } from "../calibrate.js";
import { logitSensitivity } from "./importance.js";
import { layerProblems, type RoundedUpdate, roundUpdate } from "./layers.js";
import { matchPrevious } from "./previous.js";

/** Prices of a bit from dear to cheap: the dearest that is accurate enough is taken. */
const LAMBDAS = [...Array.from({ length: 21 }, (_, i) => 10 ** (-2 - i / 4)), 0];
/** What the bisection takes of them at most. */
const LAMBDA_ATTEMPTS = 5;
/** Samples on which logits are compared. */
const FIDELITY_SAMPLES = 200;
/** Unlabelled samples from which the statistics come. */
const STATISTICS_SAMPLES = 128;

export interface UpdateOptions {
  /** Points of accuracy that the update may lose against plain quantization of the new model. */
  readonly maxLossPoints: number;
  /**
   * How much of the change from the old model's logits to the new one's must arrive, 0 to 1. Accuracy alone is no
   * measure where the validation samples do not show what the new model is for: on them, leaving the old model as it
   * is would cost nothing.
   */
  readonly leastFidelity: number;
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
  /** 1 - |update - new|^2 / |old - new|^2 over the logits: below 0 it is further from the new model than the old one. */
  readonly fidelity: number;
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
  const fidelity = await fidelityMeasurer(graph, old, options);
  const isGoodEnough = (point: UpdatePoint): boolean =>
    point.accuracy >= floor && point.fidelity >= options.leastFidelity;
  const curve: UpdatePoint[] = [];
  const attempt = async (lambda: number): Promise<Attempt> => {
    const update = roundUpdate(problems, lambda);
    const candidate = buildQuantized(graph, previous.activations, update.layers, "int8");
    const { score, evaluation } = await measured(candidate);
    const point = pointOf(lambda, update, score, await fidelity(candidate));
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

/** How much of the logits' change from old to new a candidate carries. */
export async function fidelityMeasurer(
  graph: Graph,
  old: Graph,
  { validation, activations }: Pick<UpdateOptions, "validation" | "activations">,
): Promise<(candidate: Graph) => Promise<number>> {
  const count = Math.min(validation.count, FIDELITY_SAMPLES);
  const samples = Array.from({ length: count }, (_, i) =>
    validation.sample(Math.floor((i * validation.count) / count)),
  );
  const wanted: Float32Array[] = [];
  for (const sample of samples) wanted.push((await activations(sample)).get(logitsOf(graph))!);
  const distance = async (candidate: Graph): Promise<number> => {
    const model = openRunnable(candidate, { keep: true });
    const noise = new SignalToNoise();
    for (const [i, sample] of samples.entries()) {
      noise.add(wanted[i]!, (await model.run(sample)).get(logitsOf(candidate))!);
    }
    return noise.noisePower;
  };
  const before = await distance(old);
  return async (candidate) => (before === 0 ? 1 : 1 - (await distance(candidate)) / before);
}

/** The outputs, or what goes into a final softmax. */
function logitsOf(graph: Graph): string {
  const output = graph.outputs[0]!;
  const last = graph.operators.find(({ outputs }) => outputs.includes(output));
  return last?.kind === "softmax" ? last.inputs[0]! : output;
}

function spread(count: number): number[] {
  return Array.from({ length: STATISTICS_SAMPLES }, (_, i) => Math.floor((i * count) / STATISTICS_SAMPLES));
}

function pointOf(lambda: number, update: RoundedUpdate, accuracy: number, fidelity: number): UpdatePoint {
  return {
    lambda,
    residualBytes: Math.ceil(update.residualBits / 8),
    changedShare: update.changedWeights / update.weights,
    accuracy,
    fidelity,
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
