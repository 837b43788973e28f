import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { parseCounts } from "@mote/toolchain/emit/run/counts";

/**
 * npm run bench:shims: what an update costs a Cortex-M4, on the shared vectors in the emulator: code as it is linked,
 * state and stack, instructions (counted exactly) and cycles (estimated by Arm's tables, flash without wait states).
 * Prints a table beside the goals and writes results/shims.json.
 */

const run = promisify(execFile);
const SHIMS = resolve(import.meta.dirname, "../../firmware-shims");
const PLUGIN = resolve(import.meta.dirname, "../../toolchain/emulator/count-instructions.c");
const RESULTS = resolve(import.meta.dirname, "../results/shims.json");
const CLOCK_MHZ = 64;

/** Names as in firmware-shims/Makefile, JOBS. */
const JOBS = {
  tensor: "decode a tensor patch, 10 % of 4 kB changed",
  full: "decode a full patch of 4 kB",
  signature: "verify one Ed25519 signature",
  release: "judge a release, 2 of 3 keys",
  root: "take the next root, 2 of 3 keys",
} as const;
type Job = keyof typeof JOBS;

interface Measured {
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

interface Goal {
  readonly name: string;
  readonly measured: number;
  readonly atMost: number;
}

async function measure(job: Job, plugin: string, folder: string): Promise<Measured> {
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

/** `{ "decoder cortex-m4": 3988, … }`, as `make size` prints it. */
function parseSizes(text: string): Record<string, number> {
  return Object.fromEntries(
    [...text.matchAll(/^(\S+ cortex-\S+) codeBytes=(\d+)$/gm)].map((match) => [match[1]!, Number(match[2])]),
  );
}

const folder = await mkdtemp(join(tmpdir(), "mote-shims-"));
try {
  const make = ["--no-print-directory", "-C", SHIMS];
  const sizes = parseSizes((await run("make", [...make, "size"])).stdout);
  await run("make", [...make, "measure"]);
  const plugin = join(folder, "count-instructions.so");
  await run("cc", ["-O2", "-shared", "-fPIC", "-o", plugin, PLUGIN]);
  const jobs: Measured[] = [];
  for (const job of Object.keys(JOBS) as Job[]) jobs.push(await measure(job, plugin, folder));
  const decoders = jobs.filter(({ outputBytes }) => outputBytes !== null);
  const goals: Goal[] = [
    {
      name: "decoder, code on Cortex-M4, C library included",
      measured: sizes["decoder cortex-m4"]!,
      atMost: 4096,
    },
    {
      name: "decoder, state and stack",
      measured: Math.max(...decoders.map(({ stateBytes, stackBytes }) => stateBytes + stackBytes)),
      atMost: 1536,
    },
  ];
  console.table(sizes);
  console.table(jobs.map(({ job: _, ...row }) => row));
  console.table(goals.map((goal) => ({ ...goal, met: goal.measured <= goal.atMost })));
  await mkdir(dirname(RESULTS), { recursive: true });
  const document = {
    about: "npm run bench:shims",
    core: "cortex-m4",
    clockMHz: CLOCK_MHZ,
    codeBytes: sizes,
    jobs,
    goals,
  };
  await writeFile(RESULTS, `${JSON.stringify(document, null, 2)}\n`);
  if (goals.some(({ measured, atMost }) => measured > atMost)) process.exitCode = 3;
} finally {
  await rm(folder, { recursive: true, force: true });
}
