import { readFile } from "node:fs/promises";

/** TensorFlow Lite Micro with CMSIS-NN, as recorded. */
export interface Baseline {
  readonly instructions: number;
  /** Range of the estimate: the record has a histogram of mnemonics, not their order. */
  readonly cycles: string;
  readonly ramBytes: number;
  readonly codeBytes: number;
}

interface RecordedResult {
  readonly invoke_instructions: number;
  readonly arena_used: number;
  readonly stack_invoke: number;
  readonly flash: { readonly minus_empty_without_model: number };
}

interface Recorded {
  readonly configs: Readonly<Record<string, { readonly results: Readonly<Record<string, RecordedResult>> }>>;
}

/** The headline instructions, and code of the build with int8 kernels only. */
const HEADLINE = "m4_o2";
const SMALLEST = "m4_o2+int8reg";

/** Estimates of the same cycle model for the peer: loads at 1 to 2 cycles give the range. */
const CYCLES: Readonly<Record<string, string>> = {
  kws: "8.5-10.1 M",
  vww: "27-32 M",
  ic: "34-41 M",
  ad: "0.62-0.74 M",
};

export async function readBaseline(path: string): Promise<Map<string, Baseline>> {
  const recorded: Recorded = JSON.parse(await readFile(path, "utf8"));
  return new Map(
    Object.entries(recorded.configs[HEADLINE]!.results).map(([model, result]) => {
      const small = recorded.configs[SMALLEST]!.results[model]!;
      return [
        model,
        {
          instructions: result.invoke_instructions,
          cycles: CYCLES[model] ?? "-",
          ramBytes: small.arena_used + small.stack_invoke,
          codeBytes: small.flash.minus_empty_without_model,
        },
      ];
    }),
  );
}
