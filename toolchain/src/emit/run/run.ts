import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UnsupportedError } from "../../errors.js";
import { CORE_BUILDS, type CoreBuild } from "../../targets/cores.js";
import type { Target } from "../../targets/target.js";
import type { CompiledModel } from "../compile.js";
import { type Counts, parseCounts } from "./counts.js";
import { hasProgram, requirePrograms, runProgram } from "./tools.js";

const PLUGIN_SOURCE = fileURLToPath(new URL("../../../emulator/count-instructions.c", import.meta.url));

/** Where RAM begins in the generated linker scripts; constants lie below. */
const RAM_ADDRESS = "0x20000000";

export interface RunResult {
  /** Raw bytes of all outputs, sample after sample. */
  readonly output: Uint8Array;
  /** Deepest stack of one inference; null on the host. */
  readonly stackBytes: number | null;
  /** null where nothing counts: on the host, or where no host compiler can build the counter. */
  readonly counts: Counts | null;
}

export function buildOf(target: Target): CoreBuild {
  const build = CORE_BUILDS[target.core];
  if (build === undefined)
    throw new UnsupportedError({
      expected: "a target that runs generated C",
      got: `${target.id}, a ${target.kind} that runs models through ONNX Runtime`,
      todo: "Ship the quantized ONNX model to it; `mote compile` is for `host` and microcontrollers.",
    });
  return build;
}

/** True when everything that `runCompiled` needs for this target is installed. */
export async function canRun(target: Target): Promise<boolean> {
  const build = CORE_BUILDS[target.core];
  if (build === undefined) return false;
  if (target.core === "host") return (await hasProgram(build.compiler)) && (await hasProgram("make"));
  if (build.emulator === undefined) return false;
  return (
    (await hasProgram(build.compiler)) && (await hasProgram(build.emulator.program)) && hasProgram("make")
  );
}

/**
 * Builds the example that was written to `folder` and runs it on `input` (raw bytes, one or more samples).
 * Throws MissingToolError, BuildError.
 */
export async function runCompiled(
  model: CompiledModel,
  target: Target,
  folder: string,
  input: Uint8Array,
): Promise<RunResult> {
  const build = buildOf(target);
  const { emulator } = build;
  if (emulator === undefined && target.core !== "host")
    throw new UnsupportedError({
      expected: "a core with an emulator",
      got: target.core,
      todo: "Compile without --run, and run the sources on the part.",
    });
  const example = join(folder, "example");
  await writeFile(join(example, "input.bin"), input);
  if (emulator === undefined) {
    await requirePrograms([build.compiler, "make"], build);
    await runProgram("make", [model.identifier], example);
    await runProgram(`./${model.identifier}`, ["../params.bin", "input.bin", "output.bin"], example);
    return { output: await readFile(join(example, "output.bin")), stackBytes: null, counts: null };
  }
  await requirePrograms([build.compiler, emulator.program, "make"], build);
  const elf = `${model.identifier}.elf`;
  await runProgram("make", [elf], example);
  const symbols = await runProgram(build.nmTool, ["-n", "-S", elf], example);
  const counter = await buildCounter();
  try {
    const machine = ["-M", emulator.machine, "-nographic", "-monitor", "none", "-serial", "none"];
    const semihosting = ["-semihosting-config", "enable=on,target=native", "-kernel", elf];
    const plugin =
      counter === null
        ? []
        : [
            "-plugin",
            `${counter.library},out=counts.txt,begin=${symbolAddress(symbols, "mote_begin")},end=${symbolAddress(symbols, "mote_end")},ram=${RAM_ADDRESS}`,
          ];
    await runProgram(emulator.program, [...machine, ...semihosting, ...plugin], example);
    const stack = await readFile(join(example, "stack.bin"));
    const counts =
      counter === null ? null : parseCounts(await readFile(join(example, "counts.txt"), "utf8"), symbols);
    return { output: await readFile(join(example, "output.bin")), stackBytes: stack.readUInt32LE(0), counts };
  } finally {
    if (counter !== null) await rm(counter.folder, { recursive: true, force: true });
  }
}

function symbolAddress(symbols: string, name: string): string {
  return `0x${new RegExp(`^([0-9a-f]+) [0-9a-f]+ T ${name}$`, "m").exec(symbols)?.[1] ?? "0"}`;
}

/** The instruction counter is compiled on this machine; without a host compiler the run goes on uncounted. */
async function buildCounter(): Promise<{ folder: string; library: string } | null> {
  if (!(await hasProgram("cc"))) return null;
  const folder = await mkdtemp(join(tmpdir(), "mote-counter-"));
  const library = join(folder, "count-instructions.so");
  await runProgram("cc", ["-O2", "-shared", "-fPIC", "-o", library, PLUGIN_SOURCE], folder);
  return { folder, library };
}

/** Code bytes of the model alone: its objects built for the core, parameters apart. null without the compiler. */
export async function measureCode(
  model: CompiledModel,
  target: Target,
  folder: string,
): Promise<number | null> {
  const build = CORE_BUILDS[target.core];
  if (build === undefined || !(await hasProgram(build.compiler)) || !(await hasProgram(build.sizeTool)))
    return null;
  const work = await mkdtemp(join(tmpdir(), "mote-size-"));
  try {
    const flags = [...build.flags, "-O2", "-std=c11", "-ffunction-sections", `-I${folder}`];
    const sources = [...model.files.keys()].filter((path) => !path.includes("/") && /\.[cS]$/.test(path));
    const objects: string[] = [];
    for (const source of sources) {
      const object = join(work, `${source}.o`);
      await runProgram(build.compiler, [...flags, "-c", join(folder, source), "-o", object], work);
      objects.push(object);
    }
    const table = await runProgram(build.sizeTool, objects, work);
    return table
      .split("\n")
      .slice(1)
      .reduce((sum, line) => sum + (Number.parseInt(line.trim().split(/\s+/)[0] ?? "", 10) || 0), 0);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
