import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { type Dataset, subset } from "../data/dataset.js";
import { evaluateModel } from "../evaluate/index.js";
import { runFloat } from "../execute/float.js";
import { openRunnable } from "../execute/runnable.js";
import { readOnnx } from "../formats/onnx/read.js";
import type { Graph, Tensor } from "../graph/graph.js";
import { loadDigits } from "../train/digits.js";
import { equalizationPairs } from "../transform/equalize.js";
import { simplify } from "../transform/index.js";
import { quantizeGraph } from "./quantize.js";

/**
 * The digit reader with a depthwise layer behind its second convolution that multiplies each channel by another power of
 * two, which the third convolution undoes: the same function, badly scaled.
 */
function badlyScaled(): Graph {
  const path = resolve(import.meta.dirname, "../../models/digits/digits-v1.onnx");
  const graph = simplify(readOnnx(readFileSync(path)));
  const [, second, third] = graph.operators.filter(({ kind }) => kind === "conv2d");
  const tensors = new Map(graph.tensors);
  const between = second!.outputs[0]!;
  const channels = tensors.get(between)!.shape[3]!;
  const factor = Float32Array.from({ length: channels }, (_, c) => 2 ** (((c * 7) % 13) - 6));
  const float = (name: string, shape: number[], data?: Float32Array): Tensor => ({
    name,
    shape,
    dtype: "float32",
    ...(data && { data }),
  });
  tensors.set("bad.scale", float("bad.scale", [1, 1, 1, channels], factor));
  tensors.set("bad.shift", float("bad.shift", [channels], new Float32Array(channels)));
  tensors.set("bad.out", float("bad.out", [...tensors.get(between)!.shape]));
  const weights = tensors.get(third!.inputs[1]!)!;
  const undone = (weights.data as Float32Array).map((w, i) => w / factor[i % channels]!);
  tensors.set(weights.name, { ...weights, data: undone });
  const operators = graph.operators.flatMap((operator) => {
    const inputs = operator.inputs.map((name) => (name === between ? "bad.out" : name));
    if (operator !== second) return [{ ...operator, inputs }];
    return [
      operator,
      {
        kind: "depthwiseConv2d" as const,
        name: "bad",
        inputs: [between, "bad.scale", "bad.shift"],
        outputs: ["bad.out"],
        attributes: {
          strideH: 1,
          strideW: 1,
          dilationH: 1,
          dilationW: 1,
          multiplier: 1,
          padding: { top: 0, bottom: 0, left: 0, right: 0 },
          activation: "none" as const,
        },
      },
    ];
  });
  return { ...graph, tensors, operators };
}

describe("a network with badly scaled depthwise channels", () => {
  it("loses over 5 points plainly and comes back to within 0.5 of float", async () => {
    const graph = badlyScaled();
    const { validation, test } = await loadDigits();
    const calibration: Dataset = subset(validation, [...Array(64).keys()]);
    const judged = subset(test, [...Array(400).keys()]);
    const accuracy = async (model: Graph): Promise<number> =>
      (await evaluateModel(openRunnable(model), judged)).accuracy!;
    const float = await accuracy(graph);
    const plain = await quantizeGraph(graph, calibration, { equalize: false });
    const chosen = await quantizeGraph(graph, calibration);
    expect(float - (await accuracy(plain.graph))).toBeGreaterThan(0.05);
    // In samples: shares of 400 are not exact.
    expect(Math.round(400 * (float - (await accuracy(chosen.graph))))).toBeLessThanOrEqual(2);
    expect(chosen.report.steps.join("\n")).toMatch(/equalized: output noise/);
  }, 300_000);

  it("still computes the same function before it is rounded", async () => {
    const graph = badlyScaled();
    expect(equalizationPairs(graph).length).toBeGreaterThan(2);
    const { equalize } = await import("../transform/equalize.js");
    const pairs = equalizationPairs(graph);
    const ranges = new Map(
      pairs.map(({ tensor, channels }) => [
        tensor,
        Float64Array.from({ length: channels }, (_, c) => 0.1 + c),
      ]),
    );
    const { test } = await loadDigits();
    const run = async (model: Graph) =>
      [...(await runFloat(model, new Map([[model.inputs[0]!, test.sample(0)]]))).values()][0] as Float32Array;
    const [want, got] = [await run(graph), await run(equalize(graph, ranges))];
    got.forEach((value, i) => {
      expect(value).toBeCloseTo(want[i]!, 4);
    });
  });
});
