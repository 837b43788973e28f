import type { Graph } from "../graph/graph.js";
import { analyseChannels, type ChannelAnalysis } from "../transform/channels.js";
import { type ChannelChoice, channelMacs, chooseChannels, removeChannels } from "../transform/prune.js";
import { applyMasks, type Masks, twoOfFourMasks, unstructuredMasks } from "../transform/sparsity.js";
import { Differentiable } from "./differentiable.js";
import { channelImportance } from "./importance.js";
import type { Training } from "./tensorflow.js";
import { type FitProgress, fit, predict, type Samples } from "./trainer.js";

export type PruneStructure = "channel" | "weight" | "2:4";

export interface RecoverOptions {
  /** Passes over the data in which the pruned model learns from the unpruned one. */
  readonly epochs: number;
  readonly seed: number;
  readonly onProgress?: (progress: FitProgress) => void;
  readonly signal?: AbortSignal;
}

export interface PruneOptions extends RecoverOptions {
  readonly structure: PruneStructure;
  /** channel: share of removable channels; weight: share of the weights of matrices. 2:4 is one half by definition. */
  readonly sparsity: number;
  /** See ChannelChoice. */
  readonly align?: number;
}

/** A graph after the cut, before it recovers. */
export interface Cut {
  readonly graph: Graph;
  /** For the structures that keep the shape. */
  readonly masks?: Masks;
  /** Channel groups: what could have gone and what went; 0 and 0 for the other structures. */
  readonly removableChannels: number;
  readonly removedChannels: number;
}

export interface PruneResult extends Cut {
  /** False when the signal stopped the recovery before its end. */
  readonly completed: boolean;
}

const RECOVERY = { learningRate: 4e-3, temperature: 3, weight: 0.6 } as const;

/**
 * Prunes a float graph and lets it recover: the pruned model learns the unpruned one's answers on `data`, and the
 * labels where there are any. The same arguments on a reproducible backend give the same bytes.
 */
export async function pruneAndRecover(
  training: Training,
  graph: Graph,
  data: Samples,
  options: PruneOptions,
): Promise<PruneResult> {
  const cut =
    options.structure === "channel"
      ? cutChannels(graph, await rankChannels(training, graph, data, options), options)
      : cutWeights(graph, options.structure, options.sparsity);
  if (options.epochs === 0) return { ...cut, completed: true };
  return recover(training, cut, answers(training, graph, data), data, options);
}

/** What is needed to cut a graph at any sparsity. */
export interface RankedChannels {
  readonly analysis: ChannelAnalysis;
  /** By group id: what a channel is worth per unit of work that it costs. */
  readonly worth: Float64Array;
}

export async function rankChannels(
  training: Training,
  graph: Graph,
  data: Samples,
  { seed, signal }: Pick<RecoverOptions, "seed" | "signal">,
): Promise<RankedChannels> {
  const analysis = analyseChannels(graph);
  const importance = await channelImportance(training, graph, analysis, data, {
    seed,
    ...(signal && { signal }),
  });
  // Without the division the cheap, wide last layers would pay for everything.
  const macs = channelMacs(graph, analysis);
  return { analysis, worth: importance.map((value, id) => value / Math.max(1, macs[id]!)) };
}

export function cutChannels(graph: Graph, { analysis, worth }: RankedChannels, choice: ChannelChoice): Cut {
  const removed = chooseChannels(analysis, worth, choice);
  return {
    graph: removeChannels(graph, analysis, removed),
    removableChannels: analysis.groups.length,
    removedChannels: removed.size,
  };
}

function cutWeights(graph: Graph, structure: "weight" | "2:4", sparsity: number): Cut {
  const masks = structure === "2:4" ? twoOfFourMasks(graph) : unstructuredMasks(graph, sparsity);
  return { graph: applyMasks(graph, masks), masks, removableChannels: 0, removedChannels: 0 };
}

/** The logits that a model gives on every sample: what a student learns from. */
export function answers(training: Training, graph: Graph, data: Samples): Float32Array {
  const teacher = new Differentiable(training, graph);
  try {
    return predict(teacher, data);
  } finally {
    teacher.dispose();
  }
}

/** Trains a cut graph towards the teacher's `logits`; cut weights stay zero. */
export async function recover(
  training: Training,
  cut: Cut,
  logits: Float32Array,
  data: Samples,
  options: RecoverOptions,
): Promise<PruneResult> {
  const student = new Differentiable(training, cut.graph);
  try {
    const { completed } = await fit(student, data, {
      ...options,
      learningRate: RECOVERY.learningRate,
      schedule: "cosine",
      distillation: { logits, temperature: RECOVERY.temperature, weight: RECOVERY.weight },
      ...(cut.masks && { masks: cut.masks }),
    });
    return { ...cut, graph: student.toGraph(), completed };
  } finally {
    student.dispose();
  }
}
