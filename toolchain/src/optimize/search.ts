import { type Dataset, subset } from "../data/index.js";
import { evaluateModel } from "../evaluate/index.js";
import { openRunnable } from "../execute/runnable.js";
import { countParameters } from "../graph/cost.js";
import type { Graph } from "../graph/graph.js";
import type { Budget } from "../profile/budget.js";
import { profileGraph } from "../profile/profile.js";
import type { Over } from "../profile/report.js";
import { quantizeGraph } from "../quantize/index.js";
import type { Target } from "../targets/target.js";
import { answers, type Cut, cutChannels, rankChannels, recover } from "../train/recover.js";
import type { Training } from "../train/tensorflow.js";
import { type Objectives, paretoFront } from "./pareto.js";

export interface SearchOptions {
  readonly target: Target;
  readonly budget: Budget;
  /** Models that are trained; the costs of all sparsities are looked at before. */
  readonly trials: number;
  readonly epochs: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (label: string, done: number, total: number) => void;
}

export interface Candidate extends Objectives {
  /** Share of the removable channels that was asked for; 0 is the model as it came. */
  readonly sparsity: number;
  readonly parameters: number;
  readonly macs: number;
  readonly worstCaseLatencyUs: number;
  readonly batteryDays: number | null;
  /** Within the budget, its accuracy floor included. */
  readonly fits: boolean;
  readonly over: readonly Over[];
  readonly onFront: boolean;
  readonly float: Graph;
  readonly quantized: Graph;
}

export interface SearchResult {
  readonly candidates: readonly Candidate[];
  /** The most accurate that fits; null when none does. */
  readonly best: Candidate | null;
  readonly completed: boolean;
}

/** Every share of channels whose cost is looked at; finer steps vanish in the rounding to whole vectors. */
const SPARSITIES = [0, 0.15, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const;
/** Enough to give each activation a range; the trained candidates get the full set. */
const CALIBRATION_SAMPLES = { glance: 16, final: 256 } as const;

/**
 * Looks for the most accurate int8 model that fits the budget on the target. Costs need no training, so each sparsity
 * is first cut, quantized and profiled untrained; then the largest model that fits is trained, its neighbours after it,
 * while `trials` last.
 */
export async function searchModels(
  training: Training,
  graph: Graph,
  data: { readonly training: Dataset; readonly held: Dataset },
  options: SearchOptions,
): Promise<SearchResult> {
  const { target, budget, signal, epochs, seed } = options;
  const effort = { epochs, seed, ...(signal && { signal }) };
  const ranked = await rankChannels(training, graph, data.training, effort);
  const glance = spread(data.training, CALIBRATION_SAMPLES.glance);
  const cuts: { sparsity: number; cut: Cut; fits: boolean }[] = [];
  for (const [index, sparsity] of SPARSITIES.entries()) {
    signal?.throwIfAborted();
    const cut = cutChannels(graph, ranked, { sparsity });
    const { graph: quantized } = await quantizeGraph(cut.graph, glance);
    if (!cuts.some((known) => known.cut.removedChannels === cut.removedChannels))
      cuts.push({ sparsity, cut, fits: profileGraph(quantized, target, { budget }).fits });
    options.onProgress?.("costs", index + 1, SPARSITIES.length);
  }

  const logits = answers(training, graph, data.training);
  const calibration = spread(data.training, CALIBRATION_SAMPLES.final);
  const candidates: Omit<Candidate, "onFront">[] = [];
  const chosen = worthTrying(cuts, options.trials);
  for (const [index, { sparsity, cut }] of chosen.entries()) {
    const recovered =
      cut.removedChannels === 0
        ? { ...cut, completed: true }
        : await recover(training, cut, logits, data.training, effort);
    if (!recovered.completed) return { candidates: [], best: null, completed: false };
    const { graph: quantized } = await quantizeGraph(recovered.graph, calibration);
    const { accuracy } = await evaluateModel(openRunnable(quantized), data.held);
    const report = profileGraph(quantized, target, { budget });
    candidates.push({
      sparsity,
      accuracy: accuracy!,
      latencyUs: report.latencyUs,
      worstCaseLatencyUs: report.worstCaseLatencyUs,
      energyUj: report.energyUj,
      ramBytes: report.ramBytes,
      flashBytes: report.flashBytes,
      batteryDays: report.batteryDays,
      macs: report.macs,
      parameters: countParameters(quantized),
      fits: report.fits && (budget.accuracy === undefined || accuracy! >= budget.accuracy),
      over: report.over,
      float: recovered.graph,
      quantized,
    });
    options.onProgress?.("candidates", index + 1, chosen.length);
  }
  const front = new Set(paretoFront(candidates));
  const judged = candidates.map((candidate) => ({ ...candidate, onFront: front.has(candidate) }));
  const best = judged
    .filter(({ fits }) => fits)
    .sort((a, b) => b.accuracy - a.accuracy || a.latencyUs - b.latencyUs)[0];
  return { candidates: judged, best: best ?? null, completed: true };
}

/**
 * The untouched model first, as the mark to compare with; then the largest that fits, and an even choice of those below
 * it, which are cheaper and may still be as accurate. Where none fits, the smallest.
 */
export function worthTrying<T extends { readonly fits: boolean }>(cuts: readonly T[], trials: number): T[] {
  const [whole, ...pruned] = cuts;
  if (whole === undefined) return [];
  const first = pruned.findIndex(({ fits }) => fits);
  const fitting = first < 0 ? pruned.slice(-1) : pruned.slice(first);
  const count = Math.min(fitting.length, Math.max(0, trials - 1));
  const step = count > 1 ? (fitting.length - 1) / (count - 1) : 0;
  return [whole, ...Array.from({ length: count }, (_, i) => fitting[Math.round(i * step)]!)];
}

function spread(data: Dataset, most: number): Dataset {
  const count = Math.min(most, data.count);
  return subset(
    data,
    Array.from({ length: count }, (_, i) => Math.floor((i * data.count) / count)),
  );
}
