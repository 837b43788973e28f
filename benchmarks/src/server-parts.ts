import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname, resolve } from "node:path";

/** The parts of the server's benchmark, by the program that measures them: each may be run alone, by its name. */
export const PARTS = {
  "server-load.js": ["memory", "telemetry", "polls", "tls"],
  "server-store.js": ["sqlite", "postgres"],
} as const;

export interface Options {
  readonly devices: number;
  /** Name of the one part that is wanted; null for all. */
  readonly only: string | null;
}

/** Throws a RangeError that names what there is. */
export function optionsOf(args: readonly string[], devices: number): Options {
  const given = (flag: string) => {
    const at = args.indexOf(flag);
    return at < 0 ? null : (args[at + 1] ?? "");
  };
  const only = given("--only");
  const names: readonly string[] = Object.values(PARTS).flat();
  if (only !== null && !names.includes(only)) {
    throw new RangeError(`Expected --only ${names.join(" | ")}; got "${only}".`);
  }
  const count = Number(given("--devices") ?? devices);
  if (!Number.isInteger(count) || count < 1) throw new RangeError("Expected --devices N, a whole number.");
  return { devices: count, only };
}

/** As `results/NAME.json`, with what the figures depend on. */
export function writeResults(name: string, results: Readonly<Record<string, unknown>>): void {
  const file = resolve(import.meta.dirname, `../results/${name}.json`);
  const cpu = `${cpus().length} x ${cpus()[0]?.model}`;
  const document = { command: "npm run bench:server", cpu, loadAverage: loadavg(), ...results };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
}
