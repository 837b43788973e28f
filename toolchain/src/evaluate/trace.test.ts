import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { subset } from "../data/dataset.js";
import { openRunnable } from "../execute/runnable.js";
import { readOnnx } from "../formats/onnx/read.js";
import type { Graph } from "../graph/graph.js";
import { renameTensors } from "../graph/rewrite.js";
import { quantizeGraph } from "../quantize/index.js";
import { loadDigits } from "../train/digits.js";
import { simplify } from "../transform/index.js";
import { type Evaluation, evaluateModel } from "./index.js";
import { describeSuspect } from "./terminal.js";

let float: Graph;
let quantized: Graph;

beforeAll(async () => {
  float = simplify(
    readOnnx(readFileSync(resolve(import.meta.dirname, "../../models/digits/digits-v1.onnx"))),
  );
  const { validation } = await loadDigits();
  quantized = (await quantizeGraph(float, subset(validation, [...Array(32).keys()]))).graph;
}, 120_000);

async function evaluated(graph: Graph, against = float): Promise<Evaluation> {
  const { test } = await loadDigits();
  return evaluateModel(openRunnable(graph, { keep: true }), subset(test, [...Array(60).keys()]), {
    against: openRunnable(against, { keep: true }),
    layers: true,
  });
}

/** The same graph with one tensor changed. */
function withTensor(name: string, change: (codes: Int8Array) => Int8Array): Graph {
  const tensor = quantized.tensors.get(name)!;
  const tensors = new Map(quantized.tensors);
  tensors.set(name, { ...tensor, data: change(tensor.data as Int8Array) });
  return { ...quantized, tensors };
}

const linear = (graph: Graph) =>
  graph.operators.filter(({ kind }) => kind.includes("onv2d") || kind === "fullyConnected");

describe("an accuracy drop", () => {
  it("is traced to the layer whose weights were rounded to three bits", async () => {
    for (const index of [1, 2, linear(quantized).length - 1]) {
      const broken = linear(quantized)[index]!;
      const graph = withTensor(broken.inputs[1]!, (codes) => codes.map((code) => Math.round(code / 40) * 40));
      const { suspects } = await evaluated(graph);
      expect(suspects![0]!.tensor).toBe(broken.outputs[0]);
      expect(describeSuspect(suspects!)).toMatch(/^most is lost in .* before it, .* after/);
    }
  }, 120_000);

  it("is traced to the layer whose range cuts its output off", async () => {
    const broken = linear(quantized)[1]!;
    const tensor = quantized.tensors.get(broken.outputs[0]!)!;
    const scale = tensor.quantization!.scale.map((s) => s / 6);
    const tensors = new Map(quantized.tensors);
    tensors.set(tensor.name, { ...tensor, quantization: { ...tensor.quantization!, scale } });
    const { suspects, layers } = await evaluated({ ...quantized, tensors });
    expect(suspects![0]!.tensor).toBe(tensor.name);
    const later = layers!.slice(layers!.findIndex((layer) => layer.tensor === tensor.name) + 1);
    // The noise is still there behind it, and not theirs.
    for (const layer of later) expect(layer.lossDb).toBeLessThan(suspects![0]!.lossDb);
  }, 120_000);

  it("is traced in a model whose tensors have other names, by the order of its layers", async () => {
    const broken = linear(quantized)[1]!;
    const graph = withTensor(broken.inputs[1]!, (codes) => codes.map((code) => Math.round(code / 40) * 40));
    const names = new Map([...graph.tensors.keys()].map((name, i) => [name, `vendor_${i}`]));
    const { suspects } = await evaluated(renameTensors(graph, names));
    expect(suspects![0]!.tensor).toBe(names.get(broken.outputs[0]!));
  }, 120_000);

  it("has no suspect where nothing is lost", async () => {
    const { suspects } = await evaluated(float);
    expect(suspects).toEqual([]);
    expect(describeSuspect(suspects!)).toBe("no layer loses enough to change answers");
  }, 120_000);
});
