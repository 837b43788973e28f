import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MoteError } from "@mote/protocol";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { runFloat } from "../../execute/float.js";
import { prepareInteger, runInteger } from "../../execute/integer/run.js";
import { GraphBuilder } from "../../graph/builder.js";
import type { Graph, TensorData } from "../../graph/graph.js";
import { CaseMaker, Dice } from "./litert.cases.js";
import { readTflite } from "./read.js";
import { lstm, svdf } from "./recurrent.cases.js";
import { writeTflite } from "./write.js";

const python = process.env["MOTE_PYTHON"] ?? "python3";
const hasLitert = spawnSync(python, ["-c", "import ai_edge_litert.interpreter, flatbuffers"]).status === 0;
const script = (name: string) => fileURLToPath(new URL(`./${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "mote-recurrent-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const STEPS = 7;
const WIDTH = 3;
const HIDDEN = 5;
const wave = (count: number, step: number) =>
  Float32Array.from({ length: count }, (_, i) => 0.6 * Math.sin(i * step) + 0.2 * Math.cos(i * i * 0.3));

/** A float LSTM of which the whole sequence, or only its last step, is used. */
function network(output: "sequence" | "last"): Graph {
  const builder = new GraphBuilder("lstm");
  builder.input({ name: "x", shape: [STEPS, 1, WIDTH], dtype: "float32" });
  const shapes = { w: [1, 4 * HIDDEN, WIDTH], r: [1, 4 * HIDDEN, HIDDEN], b: [1, 8 * HIDDEN] };
  for (const [name, shape] of Object.entries(shapes)) {
    const data = wave(
      shape.reduce((a, b) => a * b, 1),
      0.7,
    );
    builder.tensor({ name, shape, dtype: "float32", data });
  }
  builder.operator({
    kind: "lstm",
    name: "layer",
    inputs: ["x", "w", "r", "b"],
    outputs: ["sequence", "last"],
    attributes: { hiddenSize: HIDDEN, direction: "forward" },
  });
  builder.outputs.push(output);
  return builder.build();
}

function litert(model: Uint8Array, input: Float32Array): Float32Array {
  const path = join(folder, "model.tflite");
  writeFileSync(path, model);
  const run = spawnSync(python, [script("litert.py"), path], { input: new Uint8Array(input.buffer) });
  if (run.status !== 0) throw new Error(run.stderr.toString());
  return new Float32Array(new Uint8Array(run.stdout).buffer);
}

function batchFirst(model: Uint8Array): Uint8Array {
  const [from, to] = [join(folder, "time.tflite"), join(folder, "batch.tflite")];
  writeFileSync(from, model);
  const run = spawnSync(python, [script("batch_first.py"), from, to]);
  if (run.status !== 0) throw new Error(run.stderr.toString());
  return new Uint8Array(readFileSync(to));
}

const worst = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

const first = (results: ReadonlyMap<string, TensorData>) => [...results.values()][0] as Float32Array;

describe("a float LSTM", () => {
  const x = wave(STEPS * WIDTH, 0.37);

  it.each([
    "sequence",
    "last",
  ] as const)("is the same after a round through TensorFlow Lite (%s)", async (output) => {
    const graph = network(output);
    const again = readTflite(writeTflite(graph));
    const [before, after] = [
      first(await runFloat(graph, new Map([["x", x]]))),
      first(await runFloat(again, new Map([["x", x]]))),
    ];
    expect(after.length).toBe(output === "last" ? HIDDEN : STEPS * HIDDEN);
    expect(worst(after, before)).toBeLessThan(1e-6);
  });

  it.skipIf(!hasLitert)(
    "computes in LiteRT what it does in ONNX Runtime (needs ai-edge-litert)",
    async () => {
      const graph = network("sequence");
      const wanted = first(await runFloat(graph, new Map([["x", x]])));
      expect(worst(litert(writeTflite(graph), x), wanted)).toBeLessThan(1e-6);
    },
  );

  it.skipIf(!hasLitert)("is read batch-first, as Keras writes it (needs ai-edge-litert)", async () => {
    const graph = network("sequence");
    const file = batchFirst(writeTflite(graph));
    const read = readTflite(file);
    expect(read.tensors.get("x")?.shape).toEqual([1, STEPS, WIDTH]);
    const wanted = first(await runFloat(graph, new Map([["x", x]])));
    expect(worst(first(await runFloat(read, new Map([["x", x]]))), wanted)).toBeLessThan(1e-6);
    expect(worst(litert(file, x), wanted)).toBeLessThan(1e-6);
  });
});

describe("states", () => {
  it("of an LSTM begin anew with every run", () => {
    const { graph, inputs } = lstm(new CaseMaker("lstm", "int8", new Dice(3)));
    const model = prepareInteger(graph);
    const run = () => first(model.run(new Map([[graph.inputs[0]!, inputs[0]!]])));
    expect(run()).toEqual(run());
  });

  it("of an SVDF last from run to run until the model is reset", () => {
    const { graph, inputs } = svdf(new CaseMaker("svdf", "int8", new Dice(7)));
    const given = new Map([[graph.inputs[0]!, inputs[0]!]]);
    const model = prepareInteger(graph);
    const runs = [1, 2, 3].map(() => first(model.run(given)));
    expect(runs[1]).not.toEqual(runs[0]);
    model.reset();
    expect([1, 2, 3].map(() => first(model.run(given)))).toEqual(runs);
    expect(first(runInteger(graph, given))).toEqual(runs[0]);
  });
});

describe("a damaged file with a state", () => {
  const RUNS = process.env["MOTE_FULL"] === undefined ? 300 : 20_000;

  it.each([
    ["LSTM", lstm],
    ["SVDF", svdf],
  ] as const)("of an %s gives a graph or a MoteError", (_, make) => {
    const { graph } = make(new CaseMaker("damaged", "int8", new Dice(7)));
    const file = writeTflite(graph);
    const words = fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000, 0xfffffffc);
    let read = 0;
    fc.assert(
      fc.property(fc.nat(file.length - 4), words, (at, word) => {
        const bytes = file.slice();
        new DataView(bytes.buffer).setUint32(at, word, true);
        try {
          readTflite(bytes);
          read++;
        } catch (error) {
          if (!(error instanceof MoteError)) throw error;
        }
      }),
      { numRuns: RUNS },
    );
    expect(read).toBeLessThan(RUNS);
  });
});
