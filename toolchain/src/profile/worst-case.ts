import type { InstructionMix } from "../emit/run/instruction-mix.js";
import type { FlashTiming } from "../targets/target.js";
import type { Budget } from "./budget.js";

/** What a kernel asks of pipeline and flash, per estimated cycle: upper ends of what the emulator counted. */
export interface MixPerCycle {
  /** Longest time of the same instructions in Arm's tables. */
  readonly longest: number;
  readonly codeBytes: number;
  readonly branches: number;
  /** Words read from constants and parameters. */
  readonly flashReads: number;
}

/**
 * Cycles lost to flash with no cache and no prefetch at work: every line of code that runs is fetched, every branch
 * opens a new line, every word of constants is waited for. What a cache saves is not promised by anybody.
 */
function stallCycles(
  { codeBytes, branches, flashReads }: Omit<MixPerCycle, "longest">,
  flash: FlashTiming,
): number {
  return flash.waitStates * (codeBytes / flash.lineBytes + branches + flashReads);
}

/** Longest cycles of an estimated number of cycles with this mix. Without `flash`, as from memory without wait states. */
export function longestCycles(cycles: number, mix: MixPerCycle, flash: FlashTiming | undefined): number {
  return cycles * (mix.longest + (flash === undefined ? 0 : stallCycles(mix, flash)));
}

/** The same for an inference that the emulator counted, instruction by instruction. */
export function longestCountedCycles(mix: InstructionMix, flash: FlashTiming | undefined): number {
  return Math.ceil(mix.worstCycles + (flash === undefined ? 0 : stallCycles(mix, flash)));
}

/**
 * Microseconds until an inference of `us` ends when the declared interrupts come as often as they may: a share of the
 * processor throughout, and a time once per inference.
 */
export function withInterrupts(us: number, { interruptShare = 0, interruptUs = 0 }: Budget): number {
  return (us + interruptUs) / (1 - interruptShare);
}
