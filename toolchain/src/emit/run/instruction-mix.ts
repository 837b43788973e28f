import { baseOf, type Executed, isPlainBranch, listedRegisters } from "./cycles.js";

/** What one inference asks of the memories, beyond the work of the pipeline: the part that wait states multiply. */
export interface InstructionMix {
  /**
   * Cycles if every instruction took its longest time in Arm's tables without wait states: no pipelined loads, a full
   * refill after each branch, the longest division.
   */
  readonly worstCycles: number;
  /** Bytes of code executed, each instruction as often as it ran. */
  readonly codeBytes: number;
  /** Branches, each counted as taken. */
  readonly branches: number;
  /** Words read from the constants and parameters in flash. */
  readonly flashReads: number;
}

const loadsPc = ({ operands }: Executed, base: string): boolean =>
  /^(pop|ldm)/.test(base) && operands.includes("pc");

function isBranch(each: Executed): boolean {
  const base = baseOf(each);
  return /^cbn?z/.test(base) || isPlainBranch(base) || loadsPc(each, base);
}

/** Arm's Cortex-M4 manual r0p1, table 3-1, upper ends: P of a refill is 3, a division takes up to 12. */
function longestCycles(each: Executed): number {
  const base = baseOf(each);
  if (/^v?(push|pop|stm|ldm)/.test(base))
    return 1 + listedRegisters(each.operands) + (loadsPc(each, base) ? 3 : 0);
  if (base === "ldrd" || base === "strd") return 3;
  if (/^v?(ldr|str)/.test(base)) return 2;
  if (base === "udiv" || base === "sdiv") return 12;
  return isBranch(each) ? 4 : 1;
}

/** `executed` in order of address, counts over `runs` inferences; `flashReads` by address, over as many. */
export function instructionMix(
  executed: readonly Executed[],
  flashReads: ReadonlyMap<number, number>,
  runs: number,
): InstructionMix {
  let worstCycles = 0;
  let codeBytes = 0;
  let branches = 0;
  let reads = 0;
  executed.forEach((each, index) => {
    const gap = (executed[index + 1]?.address ?? Number.POSITIVE_INFINITY) - each.address;
    worstCycles += each.count * longestCycles(each);
    codeBytes += each.count * (gap === 2 ? 2 : 4);
    if (isBranch(each)) branches += each.count;
    reads += flashReads.get(each.address) ?? 0;
  });
  return {
    worstCycles: Math.ceil(worstCycles / runs),
    codeBytes: Math.ceil(codeBytes / runs),
    branches: Math.ceil(branches / runs),
    flashReads: Math.ceil(reads / runs),
  };
}
