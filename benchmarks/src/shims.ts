import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { buildShims, CLOCK_MHZ, JOBS, type Job, type Measured, measureJob } from "./shims-jobs.js";

/**
 * npm run bench:shims: what an update costs a Cortex-M4, on the shared vectors in the emulator: code as it is linked,
 * state and stack, instructions (counted exactly) and cycles (estimated by Arm's tables, flash without wait states).
 * Prints a table beside the goals and writes results/shims.json.
 */

const RESULTS = resolve(import.meta.dirname, "../results/shims.json");

interface Goal {
  readonly name: string;
  readonly measured: number;
  readonly atMost: number;
}

const folder = await mkdtemp(join(tmpdir(), "mote-shims-"));
try {
  const { plugin, sizes } = await buildShims(folder);
  const jobs: Measured[] = [];
  for (const job of Object.keys(JOBS) as Job[]) jobs.push(await measureJob(job, plugin, folder));
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
