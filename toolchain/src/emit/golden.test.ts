import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTflite } from "../formats/tflite/read.js";
import type { Graph } from "../graph/graph.js";
import { loadTarget } from "../targets/index.js";
import { type CompileOptions, compileGraph } from "./compile.js";
import { executor, randomInput, withAllOutputs } from "./networks.cases.js";
import { canRun, type RunResult, runCompiled } from "./run/run.js";

/**
 * The four MLPerf Tiny models, compiled, against what TensorFlow Lite Micro gave: outputs of nine inputs, every tensor of
 * the first; every tensor of the others against the executor. And the same instructions for every input.
 */

const DATA = process.env["MOTE_DATA"] ?? resolve(import.meta.dirname, "../../../../shared/data");
const hasData = existsSync(join(DATA, "mlperf-tiny"));
const isFull = process.env["MOTE_FULL"] !== undefined;
const MODELS = ["kws", "vww", "ic", "ad"] as const;
const CORES = ["host", "cortex-m0", "cortex-m4f", "cortex-m3", "cortex-m7", "cortex-m33", "cortex-m55"];
/** Cores that every run of the suite covers with all models; the others take one then. */
const ALWAYS = ["host", "cortex-m0", "cortex-m4f"];
/** Models whose every tensor every run compares, by core. */
const EVERY_TENSOR: Readonly<Record<string, readonly string[]>> = {
  host: ["kws"],
  "cortex-m0": ["ad"],
  "cortex-m4f": ["kws", "ic", "ad"],
};
const runnable = new Set<string>();
for (const core of CORES) if (await canRun(loadTarget(core))) runnable.add(core);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mote-golden-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let compilations = 0;
async function run(
  core: string,
  graph: Graph,
  input: Uint8Array,
  options: CompileOptions = {},
): Promise<RunResult> {
  const compiled = compileGraph(graph, loadTarget(core), { ...options, identifier: "model" });
  const to = join(folder, String(compilations++));
  for (const [path, text] of compiled.files) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    await writeFile(join(to, path), text);
  }
  await writeFile(join(to, "params.bin"), compiled.params);
  return runCompiled(compiled, loadTarget(core), to, input);
}

const loaded = new Map<string, Promise<Graph>>();
function load(model: string): Promise<Graph> {
  const graph =
    loaded.get(model) ??
    readFile(join(DATA, `mlperf-tiny/${model}_int8.tflite`)).then((bytes) => readTflite(bytes));
  loaded.set(model, graph);
  return graph;
}

const golden = (model: string, name: string): Promise<Buffer> =>
  readFile(join(DATA, "mlperf-tiny/golden", model, name));

async function nine(model: string, one: string, eight: string): Promise<Buffer> {
  return Buffer.concat([await golden(model, one), await golden(model, eight)]);
}

/** Every tensor that TensorFlow Lite Micro computed for the first input, in the order of the graph's outputs. */
async function everyTensor(model: string, graph: Graph): Promise<Buffer> {
  const list = (await golden(model, "tensors.txt")).toString();
  const fileOf = new Map([...list.matchAll(/^T (\S+) (.*)$/gm)].map((match) => [match[2]!, match[1]!]));
  return Buffer.concat(await Promise.all(graph.outputs.map((name) => golden(model, fileOf.get(name)!))));
}

describe.each(CORES)("on %s", (core) => {
  const models = isFull || ALWAYS.includes(core) ? MODELS : (["kws"] as const);

  it.skipIf(!hasData || !runnable.has(core)).each(models)(
    "%s gives TensorFlow Lite Micro's outputs for nine inputs (needs the shared data, compiler and emulator)",
    async (model) => {
      const input = await nine(model, "in.bin", "inputs8.bin");
      const want = await nine(model, "out.bin", "outputs8.bin");
      const graph = await load(model);
      for (const optimize of isFull ? (["speed", "balanced", "size"] as const) : (["speed"] as const)) {
        const { output } = await run(core, graph, input, { optimize });
        expect(Buffer.from(output).equals(want), optimize).toBe(true);
      }
    },
    60_000,
  );

  it.skipIf(!hasData || !runnable.has(core)).each(isFull ? models : (EVERY_TENSOR[core] ?? []))(
    "%s gives every tensor of nine inputs (needs the shared data, compiler and emulator; all with MOTE_FULL)",
    async (model) => {
      const graph = withAllOutputs(await load(model));
      const input = await nine(model, "in.bin", "inputs8.bin");
      const first = await everyTensor(model, graph);
      const want = [first];
      const bytes = input.length / 9;
      for (let sample = 1; sample < 9; sample++)
        want.push(Buffer.from(executor(graph, input.subarray(sample * bytes, (sample + 1) * bytes))));
      const { output } = await run(core, graph, input, { optimize: "speed" });
      const got = Buffer.from(output);
      want.forEach((tensors, sample) => {
        const own = got.subarray(sample * first.length, (sample + 1) * first.length);
        expect(own.equals(tensors), `input ${sample}`).toBe(true);
      });
    },
    120_000,
  );
});

describe.each(["cortex-m4f", "cortex-m0"])("the instructions of one inference on %s", (core) => {
  const inputs = isFull ? 1000 : 24;
  const models = isFull || core === "cortex-m4f" ? MODELS : (["kws", "ad"] as const);
  it.skipIf(!hasData || !runnable.has(core)).each(models)(
    `are as many for ${inputs} inputs of %s (needs the shared data, compiler and emulator; 1,000 with MOTE_FULL)`,
    async (model) => {
      const graph = await load(model);
      const bytes = graph.tensors.get(graph.inputs[0]!)!.shape.reduce((a, b) => a * b);
      const samples: Uint8Array[] = [
        ...[-128, 0, 127].map((code) => new Uint8Array(bytes).fill(code & 0xff)),
        await nine(model, "in.bin", "inputs8.bin"),
      ];
      for (let seed = 1; seed <= inputs - 12; seed++) samples.push(randomInput(graph, seed));
      const { counts } = await run(core, graph, Buffer.concat(samples), { optimize: "speed" });
      expect(counts?.isConstant).toBe(true);
    },
    1_800_000,
  );
});
