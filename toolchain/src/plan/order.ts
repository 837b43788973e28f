import { lifetimes } from "./lifetimes.js";
import type { PlanProblem } from "./problem.js";

/** Sets of finished steps that the search may visit before it keeps the order that it was given. */
const SEARCH_LIMIT_STATES = 20_000;

/** Most bytes alive at once, overlaps apart: what an order is judged by. */
export function peakOfOrder(problem: PlanProblem, order: readonly number[]): number {
  const spans = [...lifetimes(problem, order)];
  let peak = 0;
  order.forEach((step, at) => {
    let live = problem.steps[step]!.scratchBytes;
    for (const [name, span] of spans)
      if (span.first <= at && at <= span.last) live += problem.buffers.get(name)!.bytes;
    peak = Math.max(peak, live);
  });
  return peak;
}

/** For each step the steps whose outputs it reads. */
function predecessors(problem: PlanProblem): number[][] {
  const writer = new Map<string, number>();
  problem.steps.forEach((step, index) => {
    for (const name of step.writes) writer.set(name, index);
  });
  return problem.steps.map((step) => [
    ...new Set(step.reads.map((name) => writer.get(name)).filter((index) => index !== undefined)),
  ]);
}

/**
 * The order of steps with the lowest peak of live bytes: dynamic programming over sets of finished steps. A chain has
 * one order and is returned at once; a graph too wide for the search keeps the order that it came in.
 */
export function bestOrder(problem: PlanProblem): number[] {
  const given = problem.steps.map((_, index) => index);
  const before = predecessors(problem);
  const lastReaders = new Map<string, number[]>();
  problem.steps.forEach((step, index) => {
    for (const name of step.reads) lastReaders.set(name, [...(lastReaders.get(name) ?? []), index]);
  });
  interface State {
    readonly done: bigint;
    readonly order: readonly number[];
    readonly live: ReadonlySet<string>;
    readonly peak: number;
  }
  let frontier = new Map<bigint, State>([
    [0n, { done: 0n, order: [], live: new Set(problem.inputs), peak: 0 }],
  ]);
  let visited = 0;
  for (let level = 0; level < given.length; level++) {
    const next = new Map<bigint, State>();
    for (const state of frontier.values()) {
      for (const step of given) {
        const bit = 1n << BigInt(step);
        if ((state.done & bit) !== 0n) continue;
        if (before[step]!.some((other) => (state.done & (1n << BigInt(other))) === 0n)) continue;
        if (++visited > SEARCH_LIMIT_STATES) return given;
        const done = state.done | bit;
        const live = new Set(state.live);
        for (const name of problem.steps[step]!.writes) live.add(name);
        const during = bytesOf(problem, live) + problem.steps[step]!.scratchBytes;
        for (const name of [...live]) {
          const readers = lastReaders.get(name) ?? [];
          const isNeeded = readers.some((reader) => (done & (1n << BigInt(reader))) === 0n);
          if (!isNeeded && !problem.outputs.includes(name)) live.delete(name);
        }
        const peak = Math.max(state.peak, during);
        const known = next.get(done);
        if (known === undefined || peak < known.peak)
          next.set(done, { done, order: [...state.order, step], live, peak });
      }
    }
    frontier = next;
  }
  const best = [...frontier.values()][0];
  if (best === undefined) return given;
  return peakOfOrder(problem, best.order) < peakOfOrder(problem, given) ? [...best.order] : given;
}

function bytesOf(problem: PlanProblem, names: ReadonlySet<string>): number {
  let sum = 0;
  for (const name of names) sum += problem.buffers.get(name)!.bytes;
  return sum;
}
