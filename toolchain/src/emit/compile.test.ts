import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UnsupportedError } from "../errors.js";
import { runInteger } from "../execute/index.js";
import { readTflite } from "../formats/tflite/read.js";
import type { Graph, Operator, Tensor, TensorData } from "../graph/graph.js";
import { loadTarget } from "../targets/index.js";
import { type CompiledModel, compileGraph } from "./compile.js";
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

async function runOn(target: string, graph: Graph, input: Uint8Array, name: string): Promise<Uint8Array> {
  const compiled = compileGraph(graph, loadTarget(target), { identifier: "model" });
  const to = await writeCompiled(compiled, `${name}-${target}`);
  return (await runCompiled(compiled, loadTarget(target), to, input)).output;
}

/** A generator with a seed, so that a failure can be seen again. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A small network with one of each kind of layer and shapes that no kernel was written for. */
function oddGraph(seed: number): Graph {
  const pick = random(seed);
  const tensors = new Map<string, Tensor>();
  const operators: Operator[] = [];
  const activation = (name: string, shape: number[], scale: number, zeroPoint: number): string => {
    const quantization = { scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zeroPoint), axis: null };
    tensors.set(name, { name, shape, dtype: "int8", quantization });
    return name;
  };
  const constants = (name: string, shape: number[], axis: number, inputScale: number): [string, string] => {
    const count = shape[axis]!;
    const scale = Float32Array.from({ length: count }, () => 0.002 + pick(100) / 10_000);
    const data = Int8Array.from({ length: shape.reduce((a, b) => a * b) }, () => pick(255) - 127);
    tensors.set(`${name}.w`, {
      name: `${name}.w`,
      shape,
      dtype: "int8",
      data,
      quantization: { scale, zeroPoint: new Int32Array(count), axis },
    });
    tensors.set(`${name}.b`, {
      name: `${name}.b`,
      shape: [count],
      dtype: "int32",
      data: Int32Array.from({ length: count }, () => pick(4000) - 2000),
      quantization: { scale: scale.map((s) => s * inputScale), zeroPoint: new Int32Array(count), axis: 0 },
    });
    return [`${name}.w`, `${name}.b`];
  };
  const padding = { top: 1, bottom: 1, left: 1, right: 1 };
  const plain = { strideH: 1, strideW: 1, dilationH: 1, dilationW: 1 };
  const [h, w, c] = [5 + pick(8), 5 + pick(8), 1 + pick(3)];
  const wide = 3 + pick(6);
  activation("in", [1, h, w, c], 0.05, pick(40) - 20);
  activation("a", [1, h, w, wide], 0.1, -128);
  operators.push({
    kind: "conv2d",
    name: "a",
    inputs: ["in", ...constants("a", [wide, 3, 3, c], 0, 0.05)],
    outputs: ["a"],
    attributes: { ...plain, padding, groups: 1, activation: "relu" },
  });
  activation("b", [1, h, w, wide], 0.1, -128);
  operators.push({
    kind: "depthwiseConv2d",
    name: "b",
    inputs: ["a", ...constants("b", [1, 3, 3, wide], 3, 0.1)],
    outputs: ["b"],
    attributes: { ...plain, padding, multiplier: 1, activation: "relu" },
  });
  activation("c", [1, h, w, wide], 0.12, -128 + pick(30));
  operators.push({
    kind: "conv2d",
    name: "c",
    inputs: ["b", ...constants("c", [wide, 1, 1, wide], 0, 0.1)],
    outputs: ["c"],
    attributes: {
      ...plain,
      padding: { top: 0, bottom: 0, left: 0, right: 0 },
      groups: 1,
      activation: "none",
    },
  });
  activation("d", [1, h, w, wide], 0.2, -128);
  operators.push({
    kind: "add",
    name: "d",
    inputs: ["a", "c"],
    outputs: ["d"],
    attributes: { activation: "relu" },
  });
  const [h2, w2] = [Math.floor((h - 1) / 2) + 1, Math.floor((w - 1) / 2) + 1];
  activation("e", [1, h2, w2, wide + 1], 0.3, -128);
  operators.push({
    kind: "conv2d",
    name: "e",
    inputs: ["d", ...constants("e", [wide + 1, 3, 3, wide], 0, 0.2)],
    outputs: ["e"],
    attributes: { ...plain, strideH: 2, strideW: 2, padding, groups: 1, activation: "relu" },
  });
  activation("f", [1, Math.floor(h2 / 2), Math.floor(w2 / 2), wide + 1], 0.3, -128);
  operators.push({
    kind: "maxPool2d",
    name: "f",
    inputs: ["e"],
    outputs: ["f"],
    attributes: {
      kernelH: 2,
      kernelW: 2,
      strideH: 2,
      strideW: 2,
      activation: "none",
      padding: { top: 0, bottom: 0, left: 0, right: 0 },
    },
  });
  const flat = Math.floor(h2 / 2) * Math.floor(w2 / 2) * (wide + 1);
  activation("g", [1, flat], 0.3, -128);
  operators.push({
    kind: "reshape",
    name: "g",
    inputs: ["f"],
    outputs: ["g"],
    attributes: { shape: [1, flat] },
  });
  activation("h", [1, 7], 0.4, pick(20) - 10);
  operators.push({
    kind: "fullyConnected",
    name: "h",
    inputs: ["g", ...constants("h", [7, flat], 0, 0.3)],
    outputs: ["h"],
    attributes: { activation: "none", keepDims: false },
  });
  activation("out", [1, 7], 1 / 256, -128);
  operators.push({
    kind: "softmax",
    name: "out",
    inputs: ["h"],
    outputs: ["out"],
    attributes: { axis: 1, beta: 1 },
  });
  return { name: `odd-${seed}`, tensors, operators, inputs: ["in"], outputs: ["out"] };
}

/** Every activation an output: nothing can be wrong in the middle and right at the end. */
function withAllOutputs(graph: Graph): Graph {
  return {
    ...graph,
    outputs: graph.operators.flatMap(({ kind, outputs }) => (kind === "reshape" ? [] : outputs)),
  };
}

function executor(graph: Graph, input: Uint8Array): Uint8Array {
  const data: TensorData = new Int8Array(input.buffer, input.byteOffset, input.length).slice();
  const outputs = runInteger(graph, new Map([[graph.inputs[0]!, data]]));
  return Buffer.concat(
    graph.outputs.map((name) => {
      const { buffer, byteOffset, byteLength } = outputs.get(name)!;
      return new Uint8Array(buffer, byteOffset, byteLength);
    }),
  );
}

function randomInput(graph: Graph, seed: number): Uint8Array {
  const pick = random(seed);
  const count = graph.tensors.get(graph.inputs[0]!)!.shape.reduce((a, b) => a * b);
  return Uint8Array.from({ length: count }, () => pick(256));
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
});

describe.each(["kws", "vww", "ic", "ad"])("MLPerf Tiny %s", (name) => {
  const golden = join(DATA, "mlperf-tiny/golden", name);
  const load = async (): Promise<Graph> =>
    readTflite(await readFile(join(DATA, `mlperf-tiny/${name}_int8.tflite`)));
  const both = async (one: string, eight: string): Promise<Buffer> =>
    Buffer.concat([await readFile(join(golden, one)), await readFile(join(golden, eight))]);

  it.skipIf(!hasData || !hasHost)(
    "equals TensorFlow Lite Micro for nine inputs on the host (needs the shared data, cc)",
    async () => {
      const got = await runOn("host", await load(), await both("in.bin", "inputs8.bin"), name);
      expect(Buffer.from(got)).toEqual(await both("out.bin", "outputs8.bin"));
    },
  );

  it.skipIf(!hasData || !hasM4)(
    "equals it on a Cortex-M4F (needs the shared data, arm-none-eabi-gcc, qemu-system-arm)",
    async () => {
      const got = await runOn("cortex-m4f", await load(), await both("in.bin", "inputs8.bin"), name);
      expect(Buffer.from(got)).toEqual(await both("out.bin", "outputs8.bin"));
    },
  );

  it.skipIf(!hasData || !hasM4 || !isFull)(
    "equals it in every intermediate tensor on a Cortex-M4F (needs MOTE_FULL)",
    async () => {
      const graph = withAllOutputs(await load());
      const list = await readFile(join(golden, "tensors.txt"), "utf8");
      const fileOf = new Map([...list.matchAll(/^T (\S+) (.*)$/gm)].map((match) => [match[2]!, match[1]!]));
      const want = Buffer.concat(
        await Promise.all(graph.outputs.map((tensor) => readFile(join(golden, fileOf.get(tensor)!)))),
      );
      const got = await runOn("cortex-m4f", graph, await readFile(join(golden, "in.bin")), `${name}-all`);
      expect(Buffer.from(got).equals(want)).toBe(true);
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
