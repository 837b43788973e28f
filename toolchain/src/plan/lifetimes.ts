import type { InPlace, PlanProblem } from "./problem.js";

/** A buffer's part in a block: alive during steps first..last, `lead` bytes above the block's offset. */
export interface Member {
  readonly name: string;
  readonly bytes: number;
  readonly lead: number;
  readonly first: number;
  readonly last: number;
}

/** Buffers whose places are tied together, because some are written over others. */
export interface Block {
  readonly members: readonly Member[];
  readonly bytes: number;
}

interface Span {
  first: number;
  last: number;
}

/** First and last step (positions in `order`) at which each buffer holds something that somebody will read. */
export function lifetimes(problem: PlanProblem, order: readonly number[]): Map<string, Span> {
  const spans = new Map<string, Span>();
  const touch = (name: string, at: number): void => {
    const span = spans.get(name);
    if (span === undefined) spans.set(name, { first: at, last: at });
    else {
      span.first = Math.min(span.first, at);
      span.last = Math.max(span.last, at);
    }
  };
  for (const name of problem.inputs) touch(name, 0);
  order.forEach((step, at) => {
    for (const name of problem.steps[step]!.reads) touch(name, at);
    for (const name of problem.steps[step]!.writes) touch(name, at);
  });
  const end = Math.max(0, order.length - 1);
  for (const name of problem.outputs) touch(name, end);
  return spans;
}

/**
 * The overlaps that may be taken, step by step in the order of `order`: the input's last reader is the step itself, and
 * the caller does not read it after the run (an input that the caller still holds can be overwritten).
 */
export function legalOverlaps(problem: PlanProblem, order: readonly number[]): InPlace[][] {
  const spans = lifetimes(problem, order);
  return order
    .map((step, at) =>
      problem.steps[step]!.inPlace.filter(
        ({ input }) => spans.get(input)?.last === at && !problem.outputs.includes(input),
      ),
    )
    .filter((candidates) => candidates.length > 0);
}

/** One overlap of each step's at most, by index; none where the index is -1 or another step has taken the input. */
export function chooseOverlaps(legal: readonly InPlace[][], choice: readonly number[]): InPlace[] {
  const taken = new Set<string>();
  return legal.flatMap((candidates, index) => {
    const asked = candidates[choice[index]!];
    if (asked === undefined || taken.has(asked.input)) return [];
    taken.add(asked.input);
    return [asked];
  });
}

/** Blocks for one order and one choice of overlaps; each step's scratch is a block of its own, named `scratch:INDEX`. */
export function blocks(
  problem: PlanProblem,
  order: readonly number[],
  overlaps: readonly InPlace[],
): Block[] {
  const spans = lifetimes(problem, order);
  const leaderOf = new Map<string, { leader: string; lead: number }>();
  const find = (name: string): { leader: string; lead: number } =>
    leaderOf.get(name) ?? { leader: name, lead: 0 };
  for (const { input, output, outputLag } of overlaps) {
    const base = find(input);
    leaderOf.set(output, { leader: base.leader, lead: base.lead - outputLag });
  }
  const grouped = new Map<string, Member[]>();
  for (const [name, span] of spans) {
    const { leader, lead } = find(name);
    const members = grouped.get(leader) ?? [];
    members.push({ name, bytes: problem.buffers.get(name)!.bytes, lead, first: span.first, last: span.last });
    grouped.set(leader, members);
  }
  order.forEach((step, at) => {
    const { scratchBytes: own, writes } = problem.steps[step]!;
    const taken = overlaps.find(({ output }) => writes.includes(output));
    const scratchBytes = own + (taken?.extraScratchBytes ?? 0);
    const name = `scratch:${step}`;
    if (scratchBytes > 0) grouped.set(name, [{ name, bytes: scratchBytes, lead: 0, first: at, last: at }]);
  });
  return [...grouped.values()].map(normalise);
}

/** Shifts the leads so that the lowest is 0. */
function normalise(members: Member[]): Block {
  const lowest = Math.min(...members.map((member) => member.lead));
  const shifted = members.map((member) => ({ ...member, lead: member.lead - lowest }));
  return { members: shifted, bytes: Math.max(...shifted.map((member) => member.lead + member.bytes)) };
}

/**
 * Least arena for these blocks: most bytes alive at any one step, counting tied buffers by the range that they cover
 * together. Where every buffer starts on the alignment, all but the last of those alive end on it as well.
 */
export function peakLiveBytes(all: readonly Block[], stepCount: number, alignment = 1): number {
  const unit = all.every(({ members }) => members.every(({ lead }) => lead % alignment === 0))
    ? alignment
    : 1;
  let peak = 0;
  for (let at = 0; at < Math.max(1, stepCount); at++) {
    let live = 0;
    let mostSlack = 0;
    for (const block of all) {
      let low = Number.POSITIVE_INFINITY;
      let high = 0;
      for (const member of block.members) {
        if (member.first > at || member.last < at) continue;
        low = Math.min(low, member.lead);
        high = Math.max(high, member.lead + member.bytes);
      }
      if (high === 0) continue;
      const slack = Math.ceil(high / unit) * unit - high;
      live += high + slack - low;
      mostSlack = Math.max(mostSlack, slack);
    }
    peak = Math.max(peak, live - mostSlack);
  }
  return peak;
}
