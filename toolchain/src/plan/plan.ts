import { type Block, blocks, legalOverlaps, peakLiveBytes } from "./lifetimes.js";
import { bestOrder } from "./order.js";
import { placeExact, placeGreedy, type SearchResult } from "./place.js";
import type { InPlace, PlacedBuffer, Plan, PlanProblem } from "./problem.js";

/**
 * Order, overlaps and offsets of all buffers in one arena. Never worse than greedy-by-size in the given order without
 * overlaps, because that is one of the candidates.
 */
export function planArena(problem: PlanProblem): Plan {
  const given = problem.steps.map((_, index) => index);
  const greedyBytes = placeGreedy(blocks(problem, given, []), problem.alignment).arenaBytes;
  const ordered = bestOrder(problem);
  const orders = ordered.every((step, at) => step === given[at]) ? [given] : [ordered, given];
  let best: Candidate | undefined;
  for (const order of orders) {
    for (const overlaps of [legalOverlaps(problem, order), []]) {
      const all = blocks(problem, order, overlaps);
      const found = placeExact(all, order.length, problem.alignment);
      if (best === undefined || found.arenaBytes < best.found.arenaBytes)
        best = { order, overlaps, all, found };
    }
  }
  return toPlan(problem, best!, greedyBytes);
}

interface Candidate {
  readonly order: readonly number[];
  readonly overlaps: readonly InPlace[];
  readonly all: readonly Block[];
  readonly found: SearchResult;
}

function toPlan(problem: PlanProblem, { order, overlaps, all, found }: Candidate, greedyBytes: number): Plan {
  const placed = new Map<string, PlacedBuffer>();
  const scratch = new Map<number, number>();
  all.forEach((block, index) => {
    for (const { name, bytes, lead, first, last } of block.members) {
      const offset = found.offsets[index]! + lead;
      placed.set(name, { name, bytes, offset, first, last });
      if (name.startsWith("scratch:")) scratch.set(Number(name.slice("scratch:".length)), offset);
    }
  });
  return {
    order,
    arenaBytes: found.arenaBytes,
    placed,
    scratch,
    overlaps,
    lowerBoundBytes: peakLiveBytes(all, problem.steps.length),
    greedyBytes,
    isProvedOptimal: found.isProvedOptimal,
  };
}
