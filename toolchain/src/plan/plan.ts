import { type Block, blocks, chooseOverlaps, legalOverlaps, peakLiveBytes } from "./lifetimes.js";
import { bestOrder } from "./order.js";
import { placeExact, placeGreedy, type SearchResult } from "./place.js";
import type { InPlace, PlacedBuffer, Plan, PlanProblem } from "./problem.js";

/** Rounds of trying each step's other overlaps; they are compared without a search. */
const OVERLAP_ROUNDS = 2;
const NO_SEARCH = 0;

/**
 * Order, overlaps and offsets of all buffers in one arena. Never worse than greedy-by-size in the given order without
 * overlaps, because that is one of the candidates. Overlaps are chosen by descent: each step's alternatives are tried
 * in turn and kept where the arena shrinks.
 */
export function planArena(problem: PlanProblem): Plan {
  const given = problem.steps.map((_, index) => index);
  const greedyBytes = placeGreedy(blocks(problem, given, []), problem.alignment).arenaBytes;
  const ordered = bestOrder(problem);
  const orders = ordered.every((step, at) => step === given[at]) ? [given] : [ordered, given];
  let best: Candidate | undefined;
  for (const order of orders) {
    for (const overlaps of [bestOverlaps(problem, order), []]) {
      const all = blocks(problem, order, overlaps);
      const found = placeExact(all, order.length, problem.alignment);
      if (best === undefined || found.arenaBytes < best.found.arenaBytes)
        best = { order, overlaps, all, found };
    }
  }
  return toPlan(problem, best!, greedyBytes);
}

/** The first overlap of every step, then whatever others of it, or none, make the arena smaller. */
function bestOverlaps(problem: PlanProblem, order: readonly number[]): InPlace[] {
  const legal = legalOverlaps(problem, order);
  const arenaOf = (choice: readonly number[]): number =>
    placeExact(
      blocks(problem, order, chooseOverlaps(legal, choice)),
      order.length,
      problem.alignment,
      NO_SEARCH,
    ).arenaBytes;
  let choice = legal.map(() => 0);
  let arenaBytes = arenaOf(choice);
  for (let round = 0; round < OVERLAP_ROUNDS; round++) {
    const before = arenaBytes;
    for (const [index, candidates] of legal.entries()) {
      for (let other = -1; other < candidates.length; other++) {
        const tried = choice.with(index, other);
        const bytes = arenaOf(tried);
        if (bytes < arenaBytes) [choice, arenaBytes] = [tried, bytes];
      }
    }
    if (arenaBytes === before) break;
  }
  return chooseOverlaps(legal, choice);
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
    lowerBoundBytes: peakLiveBytes(all, problem.steps.length, problem.alignment),
    greedyBytes,
    isProvedOptimal: found.isProvedOptimal,
  };
}
