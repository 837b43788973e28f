import type { Dataset } from "../data/index.js";
import type { Evaluation } from "../evaluate/index.js";
import type { Graph } from "../graph/graph.js";
import { activationSource } from "../quantize/float-source.js";
import { type QuantizeOptions, type QuantizeReport, quantizeGraph } from "../quantize/index.js";
import { alignToPrevious } from "../quantize/update-aware/align.js";
import { fidelityMeasurer } from "../quantize/update-aware/fidelity.js";
import type { UpdatePoint, UpdateReport } from "../quantize/update-aware/options.js";
import { matchPrevious, realWeights } from "../quantize/update-aware/previous.js";
import { evaluator } from "../quantize/update-aware/update.js";
import { simplify } from "../transform/index.js";
import { answers } from "./recover.js";
import { SparseUpdate } from "./sparse-update.js";
import type { Training } from "./tensorflow.js";
import type { FitProgress, Samples } from "./trainer.js";

export interface RefitOptions {
  /** Times that fewer weights may differ and the network learns to do with them. */
  readonly rounds: number;
  /** At most this share of the weights may differ after the first round. */
  readonly firstShare?: number;
  readonly epochs?: number;
  readonly learningRate?: number;
  readonly seed: number;
  readonly onProgress?: (progress: FitProgress) => void;
  readonly signal?: AbortSignal;
}

/** What an update needs of the quantizer's options. */
export type UpdateQuantizing = QuantizeOptions &
  Required<Pick<QuantizeOptions, "previous" | "validation" | "leastFidelity" | "maxLossPoints">>;

/** The update as one round left it. */
export interface RefitRound {
  readonly graph: Graph;
  readonly evaluation: Evaluation;
  readonly point: UpdatePoint;
}

export interface Refit {
  /** In the order in which they were made: each smaller than the one before, mostly. */
  readonly rounds: readonly RefitRound[];
  readonly completed: boolean;
}

const DEFAULTS = { learningRate: 1e-3, batchSize: 64, temperature: 2 } as const;
/** Share of the loss that is the new model's answers where labels are the rest. */
const OF_TEACHER = 0.5;
/** A round takes so many epochs, more where they are short. */
const LEAST = { epochs: 3, steps: 300 } as const;
/** Share of the weights that may differ after the first round from old ones that the new ones came from, and from others. */
const FIRST_SHARE = { kin: 0.16, stranger: 0.4 } as const;
/** Of the weights that a round let differ, as many may differ after the next. */
const NEXT_SHARE = 0.77;
/** Of the weights that rounding alone changes, as many may differ after the first round. */
const OF_ROUNDING = 0.6;
/** Squared distance from the old weights, as a share of their own power, beyond which new ones have nothing of them. */
const STRANGER = 0.5;

/**
 * Makes the update to a fleet's model smaller than rounding alone can: round after round fewer weights may differ from
 * the codes that devices hold, and those that may and the biases learn the new model's answers to `inputs`, and their labels
 * where there are some and accuracy is all that counts. The rounds do not depend on the loss that is allowed: the first ones
 * are still learning, and a later one may be better.
 */
export async function refit(
  training: Training,
  newModel: Graph,
  inputs: Samples,
  quantizing: Omit<UpdateQuantizing, "maxLossPoints">,
  options: RefitOptions,
): Promise<Refit> {
  const { previous: old, validation } = quantizing;
  const { learningRate, batchSize, temperature } = { ...DEFAULTS, ...options };
  const target = alignToPrevious(simplify(newModel), old).graph;
  const evaluate = await evaluator(target, validation);
  const fidelityOf = await fidelityMeasurer(target, old, {
    validation,
    activations: activationSource(target),
  });
  const logits = answers(training, target, inputs);
  // Where the change of the logits must arrive, the labels would lead away from it.
  const isLabelled = inputs.labels !== undefined && quantizing.leastFidelity === 0;
  const data: Samples = {
    count: inputs.count,
    sampleShape: inputs.sampleShape,
    sample: (index) => inputs.sample(index),
    ...(isLabelled && { labels: inputs.labels }),
  };
  const fromOld = distance(target, old) > STRANGER;
  const update = new SparseUpdate(
    training,
    target,
    old,
    data,
    { logits, temperature, weight: isLabelled ? OF_TEACHER : 1 },
    { seed: options.seed, learningRate, batchSize, fromOld, closeness: quantizing.leastFidelity },
  );
  const epochs = options.epochs ?? Math.max(LEAST.epochs, Math.ceil(LEAST.steps / update.stepsPerEpoch));
  const first = Math.min(options.firstShare ?? 1, fromOld ? FIRST_SHARE.stranger : FIRST_SHARE.kin);
  const stretches = [
    ...(fromOld ? [1] : []),
    ...Array.from({ length: options.rounds }, (_, round) => first * NEXT_SHARE ** round),
  ];
  const steps = stretches.length * epochs * update.stepsPerEpoch;
  let step = 0;
  const rounds: RefitRound[] = [];
  try {
    for (const [i, to] of stretches.entries()) {
      const completed = await update.train({
        epochs,
        from: stretches[i - 1] ?? 1,
        to,
        ...(options.signal && { signal: options.signal }),
        onStep: (loss) => options.onProgress?.({ epoch: i * epochs, step: ++step, steps, loss }),
      });
      if (!completed) return { rounds, completed };
      if (to === 1) continue;
      const { graph, update: made } = update.quantized();
      const evaluation = await evaluate(graph);
      const patchBytes = await quantizing.patchBytes?.(graph);
      const point = {
        lambda: null,
        residualBytes: Math.ceil(made.residualBits / 8),
        ...(patchBytes !== undefined && { patchBytes }),
        changedShare: made.changedWeights / made.weights,
        accuracy: evaluation.accuracy!,
        smoothedAccuracy: evaluation.accuracy!,
        fidelity: await fidelityOf(graph),
      };
      rounds.push({ graph, evaluation, point });
    }
    return { rounds, completed: true };
  } finally {
    update.dispose();
  }
}

/** The smallest update within the bounds; null where none is. */
export function smallestWithin(rounds: readonly RefitRound[], bounds: Bounds): RefitRound | null {
  return rounds.findLast(({ point }) => isWithin(point, bounds)) ?? null;
}

type Bounds = Pick<UpdateQuantizing, "maxLossPoints" | "leastFidelity"> & { readonly plainAccuracy: number };

function isWithin(
  { accuracy, fidelity }: UpdatePoint,
  { plainAccuracy, maxLossPoints, leastFidelity }: Bounds,
): boolean {
  // A loss of exactly the bound is within it, whatever the last bit of the difference says.
  const floor = plainAccuracy - maxLossPoints / 100 - 1e-9;
  return accuracy >= floor && fidelity >= leastFidelity;
}

function distance(target: Graph, old: Graph): number {
  let [moved, power] = [0, 0];
  for (const [layer, held] of matchPrevious(target, old).layers) {
    const wanted = target.tensors.get(layer.inputs[1]!)!.data as Float32Array;
    realWeights(layer, held).forEach((value, i) => {
      moved += (wanted[i]! - value) ** 2;
      power += value ** 2;
    });
  }
  return moved / power;
}

export interface RefitResult {
  readonly graph: Graph;
  /** Of what is given: the rounds are points of its curve. */
  readonly report: QuantizeReport;
  readonly completed: boolean;
}

/** Update-aware rounding, and the refit in its place where that is smaller within the same bounds. */
export async function quantizeWithRefit(
  training: Training,
  newModel: Graph,
  calibration: Dataset,
  inputs: Samples,
  quantizing: UpdateQuantizing,
  options: RefitOptions,
): Promise<RefitResult> {
  const rounded = await quantizeGraph(newModel, calibration, quantizing);
  const update = rounded.report.update!;
  const bounds = { ...quantizing, plainAccuracy: update.plainAccuracy };
  const { rounds, completed } = await refit(training, newModel, inputs, bounds, {
    ...(update.withinLoss && { firstShare: OF_ROUNDING * update.chosen.changedShare }),
    ...options,
  });
  const best = smallestWithin(rounds, bounds);
  const bytes = ({ patchBytes, residualBytes }: UpdatePoint): number => patchBytes ?? residualBytes;
  const isSmaller = best !== null && (!update.withinLoss || bytes(best.point) < bytes(update.chosen));
  const text = isSmaller
    ? `refitted in ${rounds.length} rounds: ${bytes(best.point)} bytes in place of ${bytes(update.chosen)}, ${(100 * best.point.changedShare).toFixed(2)} % of the weights differ`
    : `refitted in ${rounds.length} rounds, none smaller than the rounding within the bounds`;
  const recipe = [...rounded.report.recipe, { step: "refit" as const, text }];
  return {
    graph: isSmaller ? best.graph : rounded.graph,
    completed,
    report: {
      ...rounded.report,
      recipe,
      steps: recipe.map((step) => step.text),
      update: {
        ...update,
        curve: [...update.curve, ...rounds.map(({ point }) => point)].sort((a, b) => bytes(a) - bytes(b)),
        ...(isSmaller && {
          chosen: best.point,
          withinLoss: true,
          perClass: ofClasses(update.perClass, best.evaluation),
        }),
      },
    },
  };
}

function ofClasses(perClass: UpdateReport["perClass"], evaluation: Evaluation): UpdateReport["perClass"] {
  return Object.fromEntries(
    Object.entries(perClass).map(([name, entry]) => [
      name,
      { ...entry, update: evaluation.perClass?.[name]?.recall ?? null },
    ]),
  );
}
