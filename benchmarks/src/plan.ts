import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { compileGraph } from "@mote/toolchain/emit/compile";
import { readModel } from "@mote/toolchain/formats/index";
import { planArena } from "@mote/toolchain/plan/plan";
import type { Plan, PlanProblem } from "@mote/toolchain/plan/problem";
import { loadTarget } from "@mote/toolchain/targets/index";
import { activationProblem, randomProblem } from "./plan-problems.js";

/**
 * npm run bench:plan: arenas of TensorFlow Lite Micro's greedy planner (largest first, in the given order, nothing in
 * place), the lower bound and ours, for the four MLPerf Tiny models and 200 random graphs. Writes results/plan.json.
 */

const DATA = process.env["MOTE_DATA"] ?? resolve(import.meta.dirname, "../../../shared/data");
const RESULTS = resolve(import.meta.dirname, "../results/plan.json");
const GRAPHS = 200;

interface Planned {
  readonly name: string;
  readonly greedyBytes: number;
  /** Ours with nothing in place: the same problem as greedy's, in our order. */
  readonly apartBytes: number;
  /** Ours with the overlaps that the steps allow. */
  readonly arenaBytes: number;
  readonly lowerBoundBytes: number;
  readonly isProvedOptimal: boolean;
  readonly ms: number;
}

const withoutOverlaps = (problem: PlanProblem): PlanProblem => ({
  ...problem,
  steps: problem.steps.map((step) => ({ ...step, inPlace: [] })),
});

function measure(name: string, problem: PlanProblem): Planned {
  const apart = planArena(withoutOverlaps(problem));
  const begin = performance.now();
  const plan = planArena(problem);
  const ms = performance.now() - begin;
  return { name, apartBytes: apart.arenaBytes, ms, ...facts(plan) };
}

const facts = ({ greedyBytes, arenaBytes, lowerBoundBytes, isProvedOptimal }: Plan) => ({
  greedyBytes,
  arenaBytes,
  lowerBoundBytes,
  isProvedOptimal,
});

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const models: (Planned & { readonly compiledBytes: number })[] = [];
if (existsSync(join(DATA, "mlperf-tiny")))
  for (const name of ["kws", "vww", "ic", "ad"]) {
    const graph = await readModel(join(DATA, `mlperf-tiny/${name}_int8.tflite`));
    const compiled = compileGraph(graph, loadTarget("cortex-m4f"), { optimize: "size" });
    models.push({
      ...measure(name, activationProblem(graph)),
      compiledBytes: compiled.plan.arenaBytes,
    });
  }
else console.log("models skipped: they need the MLPerf Tiny data (MOTE_DATA)");

const graphs = Array.from({ length: GRAPHS }, (_, index) => measure(`random ${index}`, randomProblem(index)));

const row = (cells: readonly (string | number)[]): string =>
  cells.map((cell, index) => (index === 0 ? String(cell).padEnd(8) : String(cell).padStart(16))).join("");
console.log(
  `${row(["model", "greedy (TFLM)", "ours, apart", "ours, in place", "lower bound", "proved", "ms"])}   with Mote's kernels and their scratch`,
);
for (const {
  name,
  greedyBytes,
  apartBytes,
  arenaBytes,
  lowerBoundBytes,
  isProvedOptimal,
  ms,
  compiledBytes,
} of models)
  console.log(
    `${row([name, greedyBytes, apartBytes, arenaBytes, lowerBoundBytes, isProvedOptimal ? "yes" : "no", ms.toFixed(1)])}   ${compiledBytes}`,
  );
const share = (of: (graph: Planned) => number): string =>
  `${(100 * median(graphs.map((graph) => of(graph) / graph.greedyBytes))).toFixed(1)} %`;
console.log(
  `\n${GRAPHS} random graphs of 8 to 40 steps, medians against greedy: apart ${share((graph) => graph.apartBytes)}, in place ${share((graph) => graph.arenaBytes)}, lower bound ${share((graph) => graph.lowerBoundBytes)}`,
);
const worse = graphs.filter((graph) => graph.arenaBytes > graph.greedyBytes).length;
const proved = graphs.filter((graph) => graph.isProvedOptimal).length;
const times = graphs.map((graph) => graph.ms);
console.log(
  `worse than greedy: ${worse}; offsets proved optimal for their order and overlaps: ${proved}; time to plan: median ${median(times).toFixed(1)} ms, longest ${Math.max(...times).toFixed(0)} ms`,
);
await mkdir(dirname(RESULTS), { recursive: true });
await writeFile(RESULTS, `${JSON.stringify({ models, graphs }, null, 2)}\n`);
console.log(`\n${RESULTS}`);
if (worse > 0) process.exitCode = 1;
