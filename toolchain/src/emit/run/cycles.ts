/**
 * Cycles of one Cortex-M instruction without flash wait states, from Arm's technical reference manuals (Cortex-M4
 * r0p1, table 3-1) with a load at 2 cycles, or 1 right after another load, a taken branch at 3 and a division at 8.
 * The same table serves for any code, ours or a peer's, so that two estimates compare.
 */

export interface Executed {
  readonly address: number;
  readonly count: number;
  readonly mnemonic: string;
  readonly operands: string;
}

const REGISTER_NUMBER: Readonly<Record<string, number>> = {
  sb: 9,
  sl: 10,
  fp: 11,
  ip: 12,
  sp: 13,
  lr: 14,
  pc: 15,
};

/** Registers in "{r4-r7, lr}"; 1 where the operands hold no list. */
export function listedRegisters(operands: string): number {
  const list = /\{([^}]*)\}/.exec(operands)?.[1];
  if (list === undefined) return 1;
  const number = (name: string): number => REGISTER_NUMBER[name] ?? Number(name.replace(/^[a-z]+/, ""));
  return list.split(",").reduce((count, item) => {
    const [from, to] = item.trim().split("-");
    return count + (to === undefined ? 1 : number(to) - number(from!) + 1);
  }, 0);
}

const NOT_BRANCHES = new Set(["bic", "bics", "bfi", "bfc", "bkpt"]);

/** The mnemonic without its width suffix. */
export const baseOf = ({ mnemonic }: Executed): string => mnemonic.split(".")[0]!;

/** B, BL, BX and their like, without the compare-and-branch forms. */
export const isPlainBranch = (base: string): boolean => base.startsWith("b") && !NOT_BRANCHES.has(base);

function cyclesOf(each: Executed, followsLoad: boolean): number {
  const { operands } = each;
  const base = baseOf(each);
  if (/^(push|stm|vpush|vstm)/.test(base)) return 1 + listedRegisters(operands);
  if (/^(pop|ldm|vpop|vldm)/.test(base))
    return 1 + listedRegisters(operands) + (operands.includes("pc") ? 2 : 0);
  if (base === "ldrd" || base === "strd") return 3;
  if (/^v?ldr/.test(base)) return followsLoad ? 1 : 2;
  if (base === "udiv" || base === "sdiv") return 8;
  if (/^cbn?z/.test(base)) return 2;
  if (isPlainBranch(base)) return 3;
  return 1;
}

const isLoad = ({ mnemonic }: Executed): boolean => /^v?ldr(?!d)/.test(mnemonic);

/** Instructions must stand in order of address: a load right after a load costs one cycle less. */
export function estimateCycles(instructions: readonly Executed[]): number {
  let cycles = 0;
  instructions.forEach((each, index) => {
    const before = instructions[index - 1];
    const isAdjacent = before !== undefined && each.address - before.address <= 4;
    cycles += each.count * cyclesOf(each, isAdjacent && isLoad(before));
  });
  return cycles;
}
