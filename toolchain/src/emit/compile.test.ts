import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UnsupportedError } from "../errors.js";
import { readTflite } from "../formats/tflite/read.js";
import type { Graph, Operator } from "../graph/graph.js";
import { loadTarget } from "../targets/index.js";
import { type CompiledModel, type CompileOptions, compileGraph } from "./compile.js";
import { executor, oddGraph, randomInput, wideGraph, withAllOutputs } from "./networks.cases.js";
import { canRun, runCompiled } from "./run/run.js";
import { runProgram } from "./run/tools.js";

const DATA = process.env["MOTE_DATA"] ?? resolve(import.meta.dirname, "../../../../shared/data");
const hasData = existsSync(join(DATA, "mlperf-tiny"));
const hasHost = await canRun(loadTarget("host"));
const hasM4 = await canRun(loadTarget("cortex-m4f"));
const isFull = process.env["MOTE_FULL"] !== undefined;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mote-compile-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function writeCompiled(compiled: CompiledModel, name: string): Promise<string> {
  const to = join(folder, name);
  for (const [path, text] of compiled.files) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    await writeFile(join(to, path), text);
  }
  await writeFile(join(to, "params.bin"), compiled.params);
  return to;
}

async function runOn(
  target: string,
  graph: Graph,
  input: Uint8Array,
  name: string,
  options: CompileOptions = {},
): Promise<Uint8Array> {
  const compiled = compileGraph(graph, loadTarget(target), { ...options, identifier: "model" });
  const to = await writeCompiled(compiled, `${name}-${target}`);
  return (await runCompiled(compiled, loadTarget(target), to, input)).output;
}

const seeds = Array.from({ length: isFull ? 20 : 2 }, (_, index) => index + 1);

describe("compiled code gives the executor's bytes, in every tensor", () => {
  it.skipIf(!hasHost).each(seeds)("odd network %i on the host (needs cc and make)", async (seed) => {
    const graph = withAllOutputs(oddGraph(seed));
    const input = randomInput(graph, seed);
    expect(Buffer.from(await runOn("host", graph, input, `odd${seed}`))).toEqual(
      Buffer.from(executor(graph, input)),
    );
  });

  it.skipIf(!hasM4).each(seeds)(
    "odd network %i with DSP kernels on a Cortex-M4F (needs arm-none-eabi-gcc, qemu-system-arm)",
    async (seed) => {
      const graph = withAllOutputs(oddGraph(seed));
      const input = randomInput(graph, seed);
      expect(Buffer.from(await runOn("cortex-m4f", graph, input, `odd${seed}`))).toEqual(
        Buffer.from(executor(graph, input)),
      );
    },
  );

  it.skipIf(!hasM4).each(seeds)(
    "wide network %i with Winograd and with direct kernels on a Cortex-M4F (needs arm-none-eabi-gcc, qemu-system-arm)",
    async (seed) => {
      const graph = withAllOutputs(wideGraph(seed));
      const input = randomInput(graph, seed);
      const want = Buffer.from(executor(graph, input));
      for (const optimize of ["speed", "balanced", "size"] as const)
        expect(
          Buffer.from(await runOn("cortex-m4f", graph, input, `wide${seed}-${optimize}`, { optimize })),
        ).toEqual(want);
      const fast = compileGraph(graph, loadTarget("cortex-m4f"), { optimize: "speed" });
      expect([...fast.files.values()].join()).toContain("winograd_products_chunks");
    },
  );
});

describe.each(["vww", "kws"])("the fixed contract on MLPerf Tiny %s", (name) => {
  it.skipIf(!hasData || !hasHost)(
    "gives the same bytes from fewer multiplications where channels are dead (needs the shared data, cc)",
    async () => {
      const golden = join(DATA, "mlperf-tiny/golden", name);
      const graph = readTflite(await readFile(join(DATA, `mlperf-tiny/${name}_int8.tflite`)));
      const options = { identifier: "model", contract: "fixed" } as const;
      const compiled = compileGraph(graph, loadTarget("host"), options);
      const macs = (model: CompiledModel): number => model.steps.reduce((sum, step) => sum + step.macs, 0);
      const all = macs(compileGraph(graph, loadTarget("host")));
      expect(macs(compiled) / all).toBeLessThan(name === "vww" ? 0.6 : 1.001);
      const to = await writeCompiled(compiled, `${name}-fixed`);
      const { output } = await runCompiled(
        compiled,
        loadTarget("host"),
        to,
        await readFile(join(golden, "inputs8.bin")),
      );
      expect(Buffer.from(output)).toEqual(await readFile(join(golden, "outputs8.bin")));
    },
  );
});

describe("the parameter blob", () => {
  it("stays the same architecture for other weights, and another one for another shape", () => {
    const graph = oddGraph(1);
    const retrained = new Map(graph.tensors);
    const weights = retrained.get("a.w")!;
    retrained.set("a.w", { ...weights, data: (weights.data as Int8Array).map((code) => -code) });
    const hash = (of: Graph): string => compileGraph(of, loadTarget("host")).architectureHash;
    expect(hash({ ...graph, tensors: retrained })).toBe(hash(graph));
    expect(hash(oddGraph(2))).not.toBe(hash(graph));
  });

  it.skipIf(!hasHost)(
    "is refused by code of another architecture, when truncated, and when it is something else (needs cc)",
    async () => {
      const graph = oddGraph(1);
      const compiled = compileGraph(graph, loadTarget("host"), { identifier: "model" });
      const to = await writeCompiled(compiled, "refuse");
      const example = join(to, "example");
      await runProgram("make", ["model"], example);
      await writeFile(join(example, "input.bin"), randomInput(graph, 1));
      const run = (): Promise<string> =>
        runProgram("./model", ["../params.bin", "input.bin", "out.bin"], example);
      await run();
      const otherHash = compiled.params.slice();
      otherHash[20]! ^= 1;
      for (const [bytes, code] of [
        [otherHash, -3],
        [compiled.params.slice(0, -1), -2],
        [compiled.params.slice(40), -1],
        [new Uint8Array(0), -1],
      ] as const) {
        await writeFile(join(to, "params.bin"), bytes);
        await expect(run()).rejects.toThrow(`not the parameters of this model (${code})`);
      }
    },
  );
});

it.skipIf(!hasHost)(
  "generated C runs clean under address and undefined-behaviour sanitizers (needs cc with libasan)",
  async () => {
    const graph = oddGraph(5);
    const compiled = compileGraph(graph, loadTarget("host"), { identifier: "model" });
    const example = join(await writeCompiled(compiled, "sanitize"), "example");
    await writeFile(join(example, "input.bin"), randomInput(graph, 5));
    await runProgram("make", ["sanitize"], example);
    await runProgram("./model", ["../params.bin", "input.bin", "out.bin"], example);
    expect(await readFile(join(example, "out.bin"))).toEqual(
      Buffer.from(executor(graph, randomInput(graph, 5))),
    );
  },
);

it("names every operator that has no kernel", () => {
  const graph = oddGraph(1);
  const strange: Operator = {
    kind: "erf",
    name: "strange",
    inputs: ["out"],
    outputs: ["out2"],
    attributes: {},
  };
  const tensors = new Map(graph.tensors).set("out2", { ...graph.tensors.get("out")!, name: "out2" });
  const asked = { ...graph, tensors, operators: [...graph.operators, strange], outputs: ["out2"] };
  expect(() => compileGraph(asked, loadTarget("host"))).toThrow(UnsupportedError);
  expect(() => compileGraph(asked, loadTarget("host"))).toThrow('erf ("strange")');
});
