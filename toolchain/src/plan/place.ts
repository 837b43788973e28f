import { type Block, peakLiveBytes } from "./lifetimes.js";

export interface Placement {
  readonly offsets: readonly number[];
  readonly arenaBytes: number;
}

export interface SearchResult extends Placement {
  readonly isProvedOptimal: boolean;
}

/**
 * Placements that the exact search may try before it gives up its claim to a proof, times the pairs of blocks that each
 * of them looks at: a tenth of a second or so, whatever the size of the graph.
 */
const SEARCH_LIMIT_WORK = 3_000_000;

/** Half-open offset range in which `moving` may not start, because it would touch `fixed` at `fixedOffset`. */
interface Forbidden {
  readonly from: number;
  readonly to: number;
}

function forbiddenRanges(moving: Block, fixed: Block, fixedOffset: number): Forbidden[] {
  const out: Forbidden[] = [];
  for (const a of moving.members) {
    for (const b of fixed.members) {
      if (a.last < b.first || b.last < a.first) continue;
      out.push({
        from: fixedOffset + b.lead - a.lead - a.bytes + 1,
        to: fixedOffset + b.lead + b.bytes - a.lead,
      });
    }
  }
  return out;
}

function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

/** Lowest aligned offset at which block `index` touches none of the placed ones. */
function lowestOffset(
  all: readonly Block[],
  index: number,
  offsets: readonly number[],
  placed: readonly number[],
  alignment: number,
): number {
  const block = all[index]!;
  const ranges = placed
    .flatMap((other) => forbiddenRanges(block, all[other]!, offsets[other]!))
    .sort((a, b) => a.from - b.from);
  let offset = 0;
  // Ranges sorted by start: one pass suffices, since a raised offset can only meet ranges that start later
  // or ones already seen that end below it.
  for (const range of ranges) {
    if (offset >= range.from && offset < range.to) offset = alignUp(range.to, alignment);
  }
  return offset;
}

/** Places blocks one by one, each as low as it goes. */
function placeInOrder(all: readonly Block[], sequence: readonly number[], alignment: number): Placement {
  const offsets = new Array<number>(all.length).fill(0);
  const placed: number[] = [];
  let arenaBytes = 0;
  for (const index of sequence) {
    offsets[index] = lowestOffset(all, index, offsets, placed, alignment);
    placed.push(index);
    arenaBytes = Math.max(arenaBytes, offsets[index]! + all[index]!.bytes);
  }
  return { offsets, arenaBytes };
}

/** TensorFlow Lite Micro's greedy memory planner: largest first. */
export function placeGreedy(all: readonly Block[], alignment: number): Placement {
  const bySize = all.map((_, index) => index).sort((a, b) => all[b]!.bytes - all[a]!.bytes || a - b);
  return placeInOrder(all, bySize, alignment);
}

/**
 * Depth-first search over the sequences in which blocks are placed, each as low as it goes. Sorting any optimal
 * placement by offset gives such a sequence that is no worse, so a finished search proves the optimum; this holds
 * while all tied buffers start at the same byte, and otherwise only reaching the lower bound is a proof.
 */
export function placeExact(
  all: readonly Block[],
  stepCount: number,
  alignment: number,
  limitNodes: number = Math.floor(SEARCH_LIMIT_WORK / (all.length * all.length)),
): SearchResult {
  const bound = peakLiveBytes(all, stepCount, alignment);
  let best = placeGreedy(all, alignment);
  const byLife = all
    .map((_, index) => index)
    .sort((a, b) => lifeOf(all[b]!) * all[b]!.bytes - lifeOf(all[a]!) * all[a]!.bytes);
  const other = placeInOrder(all, byLife, alignment);
  if (other.arenaBytes < best.arenaBytes) best = other;
  if (best.arenaBytes <= bound) return { ...best, isProvedOptimal: true };

  const offsets = new Array<number>(all.length).fill(0);
  const placed: number[] = [];
  const isPlaced = new Array<boolean>(all.length).fill(false);
  let nodes = 0;
  const descend = (height: number, floor: number): void => {
    if (nodes >= limitNodes || best.arenaBytes <= bound) return;
    if (placed.length === all.length) {
      best = { offsets: [...offsets], arenaBytes: height };
      return;
    }
    const candidates: { index: number; offset: number }[] = [];
    for (let index = 0; index < all.length; index++) {
      if (isPlaced[index]) continue;
      const offset = lowestOffset(all, index, offsets, placed, alignment);
      // Offsets only rise as more is placed: one block that no longer fits ends this branch.
      if (offset + all[index]!.bytes >= best.arenaBytes) return;
      if (offset >= floor) candidates.push({ index, offset });
    }
    candidates.sort((a, b) => a.offset - b.offset || all[b.index]!.bytes - all[a.index]!.bytes);
    for (const { index, offset } of candidates) {
      nodes++;
      offsets[index] = offset;
      isPlaced[index] = true;
      placed.push(index);
      descend(Math.max(height, offset + all[index]!.bytes), offset);
      placed.pop();
      isPlaced[index] = false;
      if (nodes >= limitNodes || best.arenaBytes <= bound) return;
    }
  };
  descend(0, 0);
  const isSimple = all.every((block) => block.members.every((member) => member.lead === 0));
  return {
    ...best,
    isProvedOptimal: best.arenaBytes <= bound || (nodes < limitNodes && isSimple),
  };
}

function lifeOf(block: Block): number {
  const first = Math.min(...block.members.map((member) => member.first));
  const last = Math.max(...block.members.map((member) => member.last));
  return last - first + 1;
}
