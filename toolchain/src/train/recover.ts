import type { Graph } from "../graph/graph.js";
import { analyseChannels } from "../transform/channels.js";
import { channelMacs, chooseChannels, removeChannels } from "../transform/prune.js";
import { applyMasks, type Masks, twoOfFourMasks, unstructuredMasks } from "../transform/sparsity.js";
import { Differentiable } from "./differentiable.js";
import { channelImportance } from "./importance.js";
import type { Training } from "./tensorflow.js";
import { type FitProgress, fit, predict, type Samples } from "./trainer.js";

export type PruneStructure = "channel" | "weight" | "2:4";

export interface PruneOptions {
  readonly structure: PruneStructure;
  /** channel: share of removable channels; weight: share of the weights of matrices. 2:4 is one half by definition. */
  readonly sparsity: number;
  /** Passes over the data in which the pruned model learns from the unpruned one. */
  readonly epochs: number;
  readonly seed: number;
  /** See ChannelChoice. */
  readonly align?: number;
  readonly onProgress?: (progress: FitProgress) => void;
  readonly signal?: AbortSignal;
}

export interface PruneResult {
  readonly graph: Graph;
  /** Channel groups: what could have gone and what went; 0 and 0 for the other structures. */
  readonly removableChannels: number;
  readonly removedChannels: number;
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
  const cut = await prune(training, graph, data, options);
  if (options.epochs === 0) return { ...cut, completed: true };
  const teacher = new Differentiable(training, graph);
  const logits = predict(teacher, data);
  teacher.dispose();
  const student = new Differentiable(training, cut.graph);
  try {
    const { completed } = await fit(student, data, {
      epochs: options.epochs,
      seed: options.seed,
      learningRate: RECOVERY.learningRate,
      schedule: "cosine",
      distillation: { logits, temperature: RECOVERY.temperature, weight: RECOVERY.weight },
      ...(cut.masks && { masks: cut.masks }),
      ...(options.onProgress && { onProgress: options.onProgress }),
      ...(options.signal && { signal: options.signal }),
    });
    return { ...cut, graph: student.toGraph(), completed };
  } finally {
    student.dispose();
  }
}

interface Cut {
  readonly graph: Graph;
  readonly masks?: Masks;
  readonly removableChannels: number;
  readonly removedChannels: number;
}

async function prune(training: Training, graph: Graph, data: Samples, options: PruneOptions): Promise<Cut> {
  if (options.structure !== "channel") {
    const masks =
      options.structure === "2:4" ? twoOfFourMasks(graph) : unstructuredMasks(graph, options.sparsity);
    return { graph: applyMasks(graph, masks), masks, removableChannels: 0, removedChannels: 0 };
  }
  const analysis = analyseChannels(graph);
  const importance = await channelImportance(training, graph, analysis, data, {
    seed: options.seed,
    ...(options.signal && { signal: options.signal }),
  });
  // What a channel is worth per unit of work that it costs: else the cheap, wide last layers pay for everything.
  const macs = channelMacs(graph, analysis);
  const worth = importance.map((value, id) => value / Math.max(1, macs[id]!));
  const removed = chooseChannels(analysis, worth, {
    sparsity: options.sparsity,
    ...(options.align !== undefined && { align: options.align }),
  });
  return {
    graph: removeChannels(graph, analysis, removed),
    removableChannels: analysis.groups.length,
    removedChannels: removed.size,
  };
}
