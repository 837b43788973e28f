import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** One published result of MLPerf Tiny's closed division. */
export interface PublishedResult {
  readonly round: string;
  readonly submitter: string;
  readonly system: string;
  readonly soc: string;
  readonly core: string;
  readonly mhz: number;
  readonly runtime: string;
  readonly model: string;
  readonly latencyMs: number;
  /** null where the submitter measured no energy. */
  readonly energyUj: number | null;
}

const DATA = process.env["MOTE_DATA"] ?? resolve(import.meta.dirname, "../../../shared/data");
const FILE = join(DATA, "mlperf-tiny-results/results.json");

export const hasPublishedResults = (): boolean => existsSync(FILE);

export function readPublishedResults(): PublishedResult[] {
  return (JSON.parse(readFileSync(FILE, "utf8")) as { rows: PublishedResult[] }).rows;
}

/** Clock cycles of one inference, flash wait states and everything else of the board included. */
export const cyclesOf = ({ latencyMs, mhz }: PublishedResult): number => latencyMs * mhz * 1e3;

/** Vendor's runtime without its version. */
export function runtimeFamily({ runtime }: PublishedResult): string {
  if (runtime.startsWith("X-CUBE-AI")) return "X-CUBE-AI";
  if (runtime.includes("HALE")) return "HALE";
  if (runtime.startsWith("Plumerai")) return "Plumerai";
  return runtime;
}

/** Runtime with the part of its version that changes speed: a repackaged patch release is the same runtime. */
export function runtimeRelease(result: PublishedResult): string {
  const cube = /^X-CUBE-AI v(\d+\.\d+)/.exec(result.runtime);
  return cube === null ? result.runtime : `X-CUBE-AI ${cube[1]}`;
}

const VARIANTS: readonly [RegExp, string][] = [
  [/_float$/i, "float32"],
  [/max_performance$/i, "tuned for speed"],
  [/min_ram$/i, "tuned for RAM"],
  [/zephyr/i, "under Zephyr"],
  [/native/i, "without CMSIS-NN"],
];

/** What a system's name says of its build. */
export function buildVariants({ system }: PublishedResult): string[] {
  return VARIANTS.filter(([pattern]) => pattern.test(system)).map(([, name]) => name);
}
