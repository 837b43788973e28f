import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { parseCounts } from "@mote/toolchain/emit/run/counts";

/** Jobs of firmware-shims/qemu/measure.c, run and counted in the emulator. */

const run = promisify(execFile);
const SHIMS = resolve(import.meta.dirname, "../../firmware-shims");
const PLUGIN = resolve(import.meta.dirname, "../../toolchain/emulator/count-instructions.c");
export const CLOCK_MHZ = 64;

/** Names as in firmware-shims/Makefile, JOBS. */
export const JOBS = {
  tensor: "decode a tensor patch, 10 % of 4 kB changed",
  full: "decode a full patch of 4 kB",
  signature: "verify one Ed25519 signature",
  release: "judge a release, 2 of 3 keys",
  root: "take the next root, 2 of 3 keys",
} as const;
export type Job = keyof typeof JOBS;

/** Bytes where a unit is named so; cycles by Arm's tables, flash without wait states. */
export interface Measured {
  readonly job: Job;
  readonly what: string;
  readonly instructions: number;
  readonly estimatedCycles: number;
  readonly estimatedMs: number;
  readonly stackBytes: number;
  readonly stateBytes: number;
  readonly inputBytes: number | null;
  readonly outputBytes: number | null;
  readonly instructionsPerByte: number | null;
}

export async function canMeasureShims(): Promise<boolean> {
  const found = ["make", "cc", "arm-none-eabi-gcc", "qemu-system-arm"].map((program) =>
    run(program, ["--version"]).then(
      () => true,
      () => false,
    ),
  );
  return (await Promise.all(found)).every(Boolean);
}

/** Builds the programs and the counter. `sizes`: `{ "decoder cortex-m4": 4036, … }`, as `make size` prints them. */
export async function buildShims(
  folder: string,
): Promise<{ plugin: string; sizes: Readonly<Record<string, number>> }> {
  const make = ["--no-print-directory", "-C", SHIMS];
  const { stdout } = await run("make", [...make, "size"]);
  const sizes = [...stdout.matchAll(/^(\S+ cortex-\S+) codeBytes=(\d+)$/gm)];
  await run("make", [...make, "measure"]);
  const plugin = join(folder, "count-instructions.so");
  await run("cc", ["-O2", "-shared", "-fPIC", "-o", plugin, PLUGIN]);
  return { plugin, sizes: Object.fromEntries(sizes.map((match) => [match[1]!, Number(match[2])])) };
}

export async function measureJob(job: Job, plugin: string, folder: string): Promise<Measured> {
  const elf = join(SHIMS, `build/measure_${job}.elf`);
  const { stdout: symbols } = await run("arm-none-eabi-nm", ["-n", "-S", elf]);
  const address = (name: string) =>
    `0x${new RegExp(`^([0-9a-f]+) [0-9a-f]+ T ${name}$`, "m").exec(symbols)?.[1]}`;
  const counted = join(folder, `${job}.txt`);
  const markers = `begin=${address("mote_begin")},end=${address("mote_end")}`;
  const machine = ["-M", "mps2-an386", "-nographic", "-monitor", "none", "-serial", "none"];
  const semihosting = ["-semihosting-config", "enable=on,target=native", "-kernel", elf];
  const { stdout, stderr } = await run("qemu-system-arm", [
    ...machine,
    ...semihosting,
    "-plugin",
    `${plugin},out=${counted},${markers}`,
  ]);
  const printed = stdout + stderr;
  const number = (name: string): number | null => {
    const found = new RegExp(`^${name}=(\\d+)$`, "m").exec(printed)?.[1];
    return found === undefined ? null : Number(found);
  };
  if (!printed.includes("done")) throw new Error(`measure_${job}: ${printed}`);
  const { instructions, estimatedCycles } = parseCounts(await readFile(counted, "utf8"), symbols);
  const outputBytes = number("outputBytes");
  return {
    job,
    what: JOBS[job],
    instructions,
    estimatedCycles,
    estimatedMs: Math.round(estimatedCycles / CLOCK_MHZ / 100) / 10,
    stackBytes: number("stackBytes") ?? 0,
    stateBytes: number("stateBytes") ?? 0,
    inputBytes: number("inputBytes"),
    outputBytes,
    instructionsPerByte: outputBytes === null ? null : Math.round(instructions / outputBytes),
  };
}
