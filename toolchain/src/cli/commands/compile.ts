import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { PARAMS_LAYOUT_FILE, whatCame } from "@mote/protocol";
import { makeFolder } from "@mote/protocol/node";
import { identifierOf } from "../../emit/c/model.js";
import { type CompiledModel, compileGraph, OPTIMIZE } from "../../emit/compile.js";
import { buildOf, measureCode, type RunResult, runCompiled } from "../../emit/run/run.js";
import { DataError, FileError, MismatchError, UsageError } from "../../errors.js";
import { runInteger } from "../../execute/index.js";
import { readModel } from "../../formats/index.js";
import type { Graph, TensorData } from "../../graph/graph.js";
import { MCU_FOOTPRINT } from "../../profile/footprint.js";
import { longestCountedCycles } from "../../profile/worst-case.js";
import { loadTarget } from "../../targets/index.js";
import type { Target } from "../../targets/target.js";
import type { CliCommand, Io } from "../command.js";
import { oneOf } from "../options.js";

interface Options {
  readonly target: string;
  readonly output: string;
  readonly optimize: string;
  readonly fixed?: boolean;
  readonly like?: string;
  readonly run?: boolean;
  readonly input?: string;
}

export const command: CliCommand = {
  name: "compile",
  summary: "C11 sources, params.bin and a buildable example; --run builds, emulates and compares every byte",
  configure(command, io) {
    command
      .argument("<model>", "a quantized model")
      .requiredOption("--target <target>", "`mote targets` lists them")
      .requiredOption("-o, --output <dir>", "folder for the sources")
      .option("--optimize <mode>", `${OPTIMIZE.join("|")}: flash for time where a technique does`, "balanced")
      .option("--fixed", "exploit these weights (dead channels): a new model needs new code")
      .option(
        "--like <dir>",
        "an earlier compilation: the same code, or a refusal; for updates of parameters",
      )
      .option("--run", "build, run on the host or in the emulator, compare with the executor")
      .option("--input <file>", "raw int8 codes, one or more samples, for --run")
      .addHelpText(
        "after",
        "\nExample:\n  mote compile digits-int8.onnx --target cortex-m4f -o firmware/model --run --input sample.bin",
      )
      .action((model: string, options: Options) => compile(model, options, io));
  },
};

async function compile(path: string, options: Options, io: Io): Promise<void> {
  const target = loadTarget(options.target);
  buildOf(target);
  const optimize = oneOf("--optimize", options.optimize, OPTIMIZE);
  if (options.run === true && options.input === undefined)
    throw new UsageError({
      expected: "--input FILE with --run",
      got: "no input",
      todo: "Give raw int8 codes, for example one sample of the calibration data.",
    });
  const graph = await readModel(path);
  const compiled = compileGraph(graph, target, {
    optimize,
    contract: options.fixed === true ? "fixed" : "updatable",
    ...(options.like === undefined
      ? {}
      : { like: (await readInput(join(options.like, "architecture.json"))).toString("utf8") }),
    identifier: identifierOf(basename(path, extname(path))),
  });
  // Absolute: compilers run in folders of their own.
  const output = resolve(options.output);
  await writeFiles(compiled, output);
  const codeBytes = await measureCode(compiled, target, output);
  const result =
    options.run === true ? await runAndCompare(compiled, graph, target, output, options.input!) : undefined;
  await report(compiled, codeBytes, result, output, io);
}

async function writeFiles(compiled: CompiledModel, folder: string): Promise<void> {
  try {
    for (const [name, text] of compiled.files) {
      await makeFolder(dirname(join(folder, name)));
      await writeFile(join(folder, name), text);
    }
    await writeFile(join(folder, "params.bin"), compiled.params);
    await writeFile(join(folder, "architecture.json"), `${compiled.architecture}\n`);
    await writeFile(join(folder, PARAMS_LAYOUT_FILE), `${JSON.stringify(compiled.layout)}\n`);
  } catch (cause) {
    throw new FileError({
      expected: `to write to ${folder}`,
      got: whatCame(cause),
      todo: "Check the folder and the space on its disk.",
      cause,
    });
  }
}

async function readInput(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new FileError({
      expected: "an input file",
      got: `none at ${file}`,
      todo: "Check the path.",
      cause,
    });
  }
}

/** Runs the compiled model on every sample and holds each output byte against the executor's. */
async function runAndCompare(
  compiled: CompiledModel,
  graph: Graph,
  target: Target,
  folder: string,
  file: string,
): Promise<RunResult & { readonly outputs: readonly object[] }> {
  const input = await readInput(file);
  const sizes = graph.inputs.map((name) => graph.tensors.get(name)!.shape.reduce((a, b) => a * b, 1));
  const sampleBytes = sizes.reduce((a, b) => a + b, 0);
  if (input.length === 0 || input.length % sampleBytes !== 0)
    throw new DataError({
      expected: `a multiple of ${sampleBytes} B of int8 codes in ${file}`,
      got: `${input.length} B`,
      todo: "Write the model's inputs one after the other, one byte per code.",
    });
  await rm(join(folder, "example", "output.bin"), { force: true });
  const result = await runCompiled(compiled, target, folder, input);
  const want = expectedOutput(graph, input, sizes);
  const at = want.findIndex((byte, index) => byte !== result.output[index]);
  if (at >= 0 || want.length !== result.output.length)
    throw new MismatchError({
      expected: `the executor's ${want.length} bytes from the compiled model`,
      got:
        at >= 0
          ? `another byte at ${at}: ${result.output[at]} instead of ${want[at]}`
          : `${result.output.length} bytes`,
      todo: "Report this with the model; do not ship the code.",
    });
  return { ...result, outputs: await writeOutputs(graph, result.output, folder) };
}

function expectedOutput(graph: Graph, input: Buffer, sizes: readonly number[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < input.length; ) {
    const inputs = new Map<string, TensorData>();
    graph.inputs.forEach((name, index) => {
      inputs.set(name, new Int8Array(input.buffer, input.byteOffset + at, sizes[index]!).slice());
      at += sizes[index]!;
    });
    const outputs = runInteger(graph, inputs);
    for (const name of graph.outputs) {
      const data = outputs.get(name)!;
      parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  }
  return Buffer.concat(parts);
}

/** The first sample's outputs, one file each. */
async function writeOutputs(graph: Graph, output: Uint8Array, folder: string): Promise<object[]> {
  const described: object[] = [];
  let at = 0;
  for (const [index, name] of graph.outputs.entries()) {
    const bytes = graph.tensors.get(name)!.shape.reduce((a, b) => a * b, 1);
    const part = output.subarray(at, at + bytes);
    const file = join(folder, `output-${index}.bin`);
    await writeFile(file, part);
    described.push({ name, sha256: createHash("sha256").update(part).digest("hex"), file });
    at += bytes;
  }
  return described;
}

async function report(
  compiled: CompiledModel,
  codeBytes: number | null,
  result: (RunResult & { readonly outputs: readonly object[] }) | undefined,
  folder: string,
  io: Io,
): Promise<void> {
  const { plan, params, architectureHash, target } = compiled;
  const stackBytes = result?.stackBytes ?? MCU_FOOTPRINT.stackBytes;
  const flash = loadTarget(target).flash?.value;
  const longest = result?.counts == null ? null : longestCountedCycles(result.counts.mix, flash);
  const document = {
    target,
    contract: compiled.contract,
    family: compiled.family,
    architectureHash,
    codeBytes,
    paramBytes: params.length,
    arenaBytes: plan.arenaBytes,
    stackBytes,
    ramBytes: plan.arenaBytes + stackBytes,
    ...(result === undefined
      ? {}
      : {
          instructions: result.counts?.instructions ?? null,
          estimatedCycles: result.counts?.estimatedCycles ?? null,
          worstCaseCycles: longest,
          outputs: result.outputs,
        }),
  };
  // Beside params.bin, for `mote bundle create --variant …,compiled=DIR`.
  await writeFile(join(folder, "compile.json"), `${JSON.stringify(document, null, 2)}\n`);
  io.json(document);
  const lines = [
    `${folder}: ${compiled.identifier}.c, ${compiled.identifier}.h, params.bin, example/`,
    `contract      ${compiled.contract}, ${compiled.family} kernels for ${target}`,
    `architecture  ${architectureHash}`,
    `code          ${codeBytes === null ? "not measured: no compiler for this target here" : `${codeBytes} B`}`,
    `parameters    ${params.length} B`,
    `arena         ${plan.arenaBytes} B (${plan.isProvedOptimal ? "proved optimal" : `lower bound ${plan.lowerBoundBytes} B`}; greedy ${plan.greedyBytes} B)`,
    `stack         ${stackBytes} B (${result?.stackBytes == null ? "upper guess" : "measured"})`,
  ];
  if (result !== undefined) {
    lines.push("outputs       equal to the executor's, every byte");
    if (result.counts !== null)
      lines.push(
        `instructions  ${result.counts.instructions} per inference${result.counts.isConstant ? "" : " (the first; others differ)"}`,
        `cycles        ${result.counts.estimatedCycles} estimated from the instruction mix, no flash wait states`,
        `worst case    ${longest} cycles: every instruction at its longest, ${flash === undefined ? "no flash wait states, because the target states none" : `${flash.waitStates} wait states at every access to flash, no cache`}, no interrupts`,
      );
  }
  io.say(lines.join("\n"));
}
