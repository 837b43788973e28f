import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type CompileOptions, compileGraph } from "@mote/toolchain/emit/compile";
import { canRun, measureCode, runCompiled } from "@mote/toolchain/emit/run/run";
import { readModel } from "@mote/toolchain/formats/index";
import { profileGraph } from "@mote/toolchain/profile/profile";
import { loadTarget } from "@mote/toolchain/targets/index";
import { type Baseline, readBaseline } from "./mcu-baseline.js";
import { GOALS, MODELS, type ModelName, REFERENCE_KERNELS } from "./mcu-goals.js";

/**
 * npm run bench:mcu: the four MLPerf Tiny models compiled and counted in the emulator, beside what TensorFlow Lite Micro
 * with CMSIS-NN was measured to take (recorded, not rebuilt). Prints a table and writes results/mcu.json.
 */

const DATA = process.env["MOTE_DATA"] ?? resolve(import.meta.dirname, "../../../shared/data");
/** Random inputs whose instructions are compared, beside the nine golden ones. */
const RANDOM_INPUTS = process.env["MOTE_FULL"] === undefined ? 50 : 1000;
const RESULTS = resolve(import.meta.dirname, "../results/mcu.json");

interface Row {
  readonly model: ModelName;
  readonly target: string;
  readonly variant: string;
  readonly instructions: number;
  readonly estimatedCycles: number;
  readonly predictedCycles: number;
  /** Golden and random inputs that were run, and whether each took the same number of instructions. */
  readonly inputs: number;
  readonly isConstant: boolean;
  readonly ramBytes: number;
  readonly codeBytes: number;
  readonly paramBytes: number;
  readonly isExact: boolean;
}

const VARIANTS: readonly [string, CompileOptions][] = [
  ["updatable speed", { contract: "updatable", optimize: "speed" }],
  ["updatable balanced", { contract: "updatable", optimize: "balanced" }],
  ["updatable size", { contract: "updatable", optimize: "size" }],
  ["fixed speed", { contract: "fixed", optimize: "speed" }],
  ["fixed size", { contract: "fixed", optimize: "size" }],
];

async function measure(
  model: ModelName,
  targetId: string,
  variant: string,
  options: CompileOptions,
): Promise<Row> {
  const target = loadTarget(targetId);
  const graph = await readModel(join(DATA, `mlperf-tiny/${model}_int8.tflite`));
  const compiled = compileGraph(graph, target, { ...options, identifier: model });
  const golden = join(DATA, "mlperf-tiny/golden", model);
  const nine = Buffer.concat([
    await readFile(join(golden, "in.bin")),
    await readFile(join(golden, "inputs8.bin")),
  ]);
  const randomInputs = variant.endsWith("speed") ? RANDOM_INPUTS : 0;
  const input = Buffer.concat([nine, randomBytes((randomInputs * nine.length) / 9)]);
  const want = Buffer.concat([
    await readFile(join(golden, "out.bin")),
    await readFile(join(golden, "outputs8.bin")),
  ]);
  const folder = await mkdtemp(join(tmpdir(), "mote-bench-"));
  try {
    for (const [path, text] of compiled.files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    await writeFile(join(folder, "params.bin"), compiled.params);
    const { output, counts, stackBytes } = await runCompiled(compiled, target, folder, input);
    const predictedUs = profileGraph(graph, target).latencyUs;
    return {
      model,
      target: targetId,
      variant,
      instructions: counts?.instructions ?? 0,
      estimatedCycles: counts?.estimatedCycles ?? 0,
      predictedCycles: Math.round((predictedUs * target.clockHz.value) / 1e6),
      inputs: 9 + randomInputs,
      isConstant: counts?.isConstant ?? false,
      ramBytes: compiled.plan.arenaBytes + (stackBytes ?? 0),
      codeBytes: (await measureCode(compiled, target, folder)) ?? 0,
      paramBytes: compiled.params.length,
      isExact: Buffer.from(output).subarray(0, want.length).equals(want),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const LABEL = 44;
const millions = (value: number): string => `${(value / 1e6).toFixed(3)} M`;
const kilobytes = (value: number): string => `${(value / 1000).toFixed(1)} kB`;

function print(rows: readonly Row[], baseline: ReadonlyMap<string, Baseline>): void {
  for (const name of MODELS) {
    const peer = baseline.get(name)!;
    const goal = GOALS[name];
    console.log(`\n${name.toUpperCase()} on Cortex-M4F, -O2`);
    console.log(
      `${"".padEnd(LABEL)}${["instructions", "est. cycles", "RAM", "code", "exact"].map((text) => text.padStart(14)).join("")}`,
    );
    const line = (label: string, cells: readonly string[]): void =>
      console.log(`${label.padEnd(LABEL)}${cells.map((cell) => cell.padStart(14)).join("")}`);
    line("TFLM + CMSIS-NN (recorded)", [
      millions(peer.instructions),
      peer.cycles,
      kilobytes(peer.ramBytes),
      kilobytes(peer.codeBytes),
      "-",
    ]);
    line("goal (fixed)", [goal.instructions, goal.cycles, goal.ram, goal.code, "all"]);
    for (const row of rows.filter(({ model, target }) => model === name && target === "cortex-m4f"))
      line(`mote ${row.variant}`, [
        millions(row.instructions),
        millions(row.estimatedCycles),
        kilobytes(row.ramBytes),
        kilobytes(row.codeBytes),
        row.isExact ? "9 of 9" : "NO",
      ]);
    for (const row of rows.filter(({ model, target }) => model === name && target === "cortex-m0"))
      line(`mote portable, Cortex-M0 (goal ${millions(REFERENCE_KERNELS[name] / 2)})`, [
        millions(row.instructions),
        millions(row.estimatedCycles),
        kilobytes(row.ramBytes),
        kilobytes(row.codeBytes),
        row.isExact ? "9 of 9" : "NO",
      ]);
    const own = rows.filter(({ model }) => model === name);
    const balanced = own.find(({ variant }) => variant === "updatable balanced")!;
    const error = balanced.predictedCycles / balanced.estimatedCycles - 1;
    const inputs = Math.max(...own.map((row) => row.inputs));
    const counts = own.every(({ isConstant }) => isConstant)
      ? `the same number of instructions for all of ${inputs} inputs`
      : "instructions differ between inputs";
    console.log(
      `  parameters ${own.map(({ variant, paramBytes }) => `${variant} ${kilobytes(paramBytes)}`).join(", ")}\n` +
        `  profile predicts ${millions(balanced.predictedCycles)} cycles for balanced (${(100 * error).toFixed(1)} %); ${counts}; published silicon record, wait states included: ${goal.record}`,
    );
  }
  console.log(
    "\nRAM is arena and stack, input and output included (TFLM: arena and stack). Code is the model's without parameters (TFLM: int8 kernels only). Cycles: docs/mcu.md.",
  );
}

if (!existsSync(join(DATA, "mlperf-tiny"))) {
  console.log("skipped: needs the MLPerf Tiny models (MOTE_DATA)");
} else if (!(await canRun(loadTarget("cortex-m4f")))) {
  console.log("skipped: needs arm-none-eabi-gcc and qemu-system-arm");
} else {
  const baseline = await readBaseline(join(DATA, "tflm-baseline/tflm-baseline.json"));
  const rows: Row[] = [];
  for (const model of MODELS) {
    for (const [variant, options] of VARIANTS)
      rows.push(await measure(model, "cortex-m4f", variant, options));
    rows.push(await measure(model, "cortex-m0", "portable speed", { optimize: "speed" }));
  }
  print(rows, baseline);
  await mkdir(dirname(RESULTS), { recursive: true });
  await writeFile(RESULTS, `${JSON.stringify({ rows }, null, 2)}\n`);
  console.log(`\n${RESULTS}`);
  if (rows.some(({ isExact }) => !isExact)) process.exitCode = 1;
}
