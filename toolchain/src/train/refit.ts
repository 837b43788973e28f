import type { Dataset } from "../data/index.js";
import type { Graph } from "../graph/graph.js";
import { activationSource } from "../quantize/float-source.js";
import { type QuantizeOptions, type QuantizeReport, quantizeGraph } from "../quantize/index.js";
import { fidelityMeasurer } from "../quantize/update-aware/fidelity.js";
import type { UpdatePoint } from "../quantize/update-aware/options.js";
import { matchPrevious, realWeights } from "../quantize/update-aware/previous.js";
import { openRounder } from "../quantize/update-aware/rounder.js";
import { evaluator } from "../quantize/update-aware/update.js";
import { simplify } from "../transform/index.js";
import { Differentiable } from "./differentiable.js";
import { answers } from "./recover.js";
import type { Training } from "./tensorflow.js";
import { type FitProgress, fit, type Samples } from "./trainer.js";

export interface RefitOptions {
  /** Times that what changed is retrained and rounded again. */
  readonly rounds: number;
  readonly epochs?: number;
  readonly learningRate?: number;
  readonly seed: number;
  readonly onProgress?: (progress: FitProgress) => void;
  readonly signal?: AbortSignal;
}

/** What an update needs of the quantizer's options. */
export type UpdateQuantizing = QuantizeOptions &
  Required<Pick<QuantizeOptions, "previous" | "validation" | "leastFidelity">>;

/** One rounding; the first is the one before any refit. */
export interface RefitRound {
  /** Price of a bit at which it was rounded. */
  readonly lambda: number;
  readonly residualBytes: number;
  readonly accuracy: number;
  /** Share of the logits' change from old to new that arrives. */
  readonly fidelity: number;
  /** Whether it was small and good enough to replace the one before. */
  readonly kept: boolean;
}

export interface RefitResult {
  readonly graph: Graph;
  /** Of the plain update-aware rounding that the rounds started from. */
  readonly report: QuantizeReport;
  readonly rounds: readonly RefitRound[];
  readonly completed: boolean;
}

const DEFAULTS = { epochs: 2, learningRate: 5e-4 } as const;
/** Growth of the price from round to round: what a dearer rounding breaks, the next refit mends. */
const DEARER = 2.2;

/**
 * Makes the update to a fleet's model smaller than rounding alone can. In each round the weights whose codes the update
 * leaves alone are pinned to what devices hold, the others and the biases learn the new model's answers on `unlabelled`,
 * and the result is rounded again at a higher price of a bit; the last two rounds keep the price. A round counts only
 * if its residuals are smaller, the loss against plain quantization of the *new* model stays within `maxLossPoints` and
 * `leastFidelity` of the logits' change arrives. Without labels in `validation`, agreement with the new model stands for accuracy.
 */
export async function quantizeWithRefit(
  training: Training,
  newModel: Graph,
  calibration: Dataset,
  unlabelled: Samples,
  quantizing: UpdateQuantizing,
  options: RefitOptions,
): Promise<RefitResult> {
  const first = await quantizeGraph(newModel, calibration, quantizing);
  const update = first.report.update!;
  const { lambda, residualBytes } = update.chosen;
  const rounds: RefitRound[] = [{ ...pick(update.chosen), kept: update.withinLoss }];
  if (!update.withinLoss) return { ...first, rounds, completed: true };

  const target = simplify(newModel);
  const logits = answers(training, target, unlabelled);
  const teacher = activationSource(target);
  const judge = await evaluator(target, quantizing.validation);
  const fidelityOf = await fidelityMeasurer(target, quantizing.previous, {
    validation: quantizing.validation,
    activations: teacher,
  });
  const floor = update.plainAccuracy - update.maxLossPoints / 100;
  let best = { graph: first.graph, residualBytes };
  let candidate = first.graph;
  for (let round = 0; round < options.rounds; round++) {
    const { graph, completed } = await refit(
      training,
      target,
      { candidate, old: quantizing.previous, logits, data: unlabelled },
      { ...options, seed: options.seed + round },
    );
    if (!completed) return { ...first, graph: best.graph, rounds, completed: false };
    const price = lambda * DEARER ** Math.min(round, Math.max(0, options.rounds - 2));
    const rounder = await openRounder(graph, quantizing.previous, calibration, {
      activations: activationSource(graph),
      teacher,
    });
    const rounded = await rounder.round(price);
    candidate = rounded.graph;
    const bytes = Math.ceil(rounded.update.residualBits / 8);
    const score = (await judge(candidate)).accuracy!;
    const fidelity = await fidelityOf(candidate);
    const kept = score >= floor && fidelity >= quantizing.leastFidelity && bytes < best.residualBytes;
    rounds.push({ lambda: price, residualBytes: bytes, accuracy: score, fidelity, kept });
    if (kept) best = { graph: candidate, residualBytes: bytes };
  }
  return { ...first, graph: best.graph, rounds, completed: true };
}

function pick({ lambda, residualBytes, accuracy, fidelity }: UpdatePoint): Omit<RefitRound, "kept"> {
  return { lambda, residualBytes, accuracy, fidelity };
}

interface RefitInput {
  /** The update as it was rounded. */
  readonly candidate: Graph;
  readonly old: Graph;
  readonly logits: Float32Array;
  readonly data: Samples;
}

async function refit(
  training: Training,
  target: Graph,
  { candidate, old, logits, data }: RefitInput,
  options: RefitOptions,
): Promise<{ graph: Graph; completed: boolean }> {
  const rounded = matchPrevious(target, candidate);
  const held = matchPrevious(target, old);
  const tensors = new Map(target.tensors);
  const masks = new Map<string, Uint8Array>();
  for (const [layer, now] of rounded.layers) {
    const name = layer.inputs[1]!;
    const tensor = target.tensors.get(name)!;
    const values = realWeights(layer, now);
    const before = realWeights(layer, held.layers.get(layer)!);
    tensors.set(name, { ...tensor, data: values });
    masks.set(
      name,
      Uint8Array.from(values, (value, i) => (value === before[i] ? 0 : 1)),
    );
    const biasName = layer.inputs[2];
    const inputScale = rounded.activations.get(layer.inputs[0]!)!.scale[0]!;
    if (biasName && now.bias !== null) {
      const bias = Float32Array.from(now.bias, (code, channel) => code * inputScale * now.scale[channel]!);
      tensors.set(biasName, { ...target.tensors.get(biasName)!, data: bias });
    }
  }
  const student = new Differentiable(training, { ...target, tensors });
  try {
    const { completed } = await fit(
      student,
      { count: data.count, sampleShape: data.sampleShape, sample: (index) => data.sample(index) },
      {
        ...DEFAULTS,
        ...options,
        schedule: "cosine",
        masks,
        distillation: { logits, temperature: 2, weight: 1 },
      },
    );
    return { graph: student.toGraph(), completed };
  } finally {
    student.dispose();
  }
}
