import { type Executed, estimateCycles } from "./cycles.js";
import { type InstructionMix, instructionMix } from "./instruction-mix.js";

export interface FunctionCount {
  readonly name: string;
  readonly instructions: number;
  readonly estimatedCycles: number;
  readonly codeBytes: number;
  readonly mix: InstructionMix;
}

export interface Counts {
  /** One inference; the first of the run. */
  readonly instructions: number;
  readonly estimatedCycles: number;
  /** Every inference of the run took the same number. */
  readonly isConstant: boolean;
  readonly functions: readonly FunctionCount[];
  /** For the worst case on a part whose flash has wait states. */
  readonly mix: InstructionMix;
}

interface Symbol {
  readonly address: number;
  readonly bytes: number;
  readonly name: string;
}

/** `nm -n -S` lines of functions. */
function parseSymbols(text: string): Symbol[] {
  const symbols: Symbol[] = [];
  for (const line of text.split("\n")) {
    const match = /^([0-9a-f]+) ([0-9a-f]+) [tTwW] (\S+)$/.exec(line);
    if (match !== null)
      symbols.push({
        address: Number.parseInt(match[1]!, 16) & ~1,
        bytes: Number.parseInt(match[2]!, 16),
        name: match[3]!,
      });
  }
  return symbols;
}

/** What emulator/count-instructions.c wrote, attributed to functions by the symbols of the program. */
export function parseCounts(plugin: string, symbolText: string): Counts {
  const passes: number[] = [];
  const executed: Executed[] = [];
  const flashReads = new Map<number, number>();
  for (const line of plugin.split("\n")) {
    if (line.startsWith("R ")) passes.push(Number(line.slice(2)));
    const match = /^I (0x[0-9a-f]+) (\d+) (\S+)\s*(.*)$/.exec(line);
    const read = /^F (0x[0-9a-f]+) (\d+)$/.exec(line);
    if (read !== null) flashReads.set(Number(read[1]), Number(read[2]));
    if (match !== null)
      executed.push({
        address: Number(match[1]),
        count: Number(match[2]),
        mnemonic: match[3]!,
        operands: match[4]!,
      });
  }
  executed.sort((a, b) => a.address - b.address);
  const runs = Math.max(1, passes.length);
  const functions = parseSymbols(symbolText).flatMap(({ name, address, bytes }) => {
    const own = executed.filter((each) => each.address >= address && each.address < address + bytes);
    if (own.length === 0) return [];
    const instructions = own.reduce((sum, { count }) => sum + count, 0) / runs;
    return [
      {
        name,
        instructions,
        estimatedCycles: estimateCycles(own) / runs,
        codeBytes: bytes,
        mix: instructionMix(own, flashReads, runs),
      },
    ];
  });
  return {
    instructions: passes[0] ?? 0,
    estimatedCycles: Math.round(estimateCycles(executed) / runs),
    isConstant: passes.every((count) => count === passes[0]),
    mix: instructionMix(executed, flashReads, runs),
    functions: functions.sort((a, b) => b.instructions - a.instructions),
  };
}
