import { describe, expect, it } from "vitest";
import type { Dataset } from "../data/dataset.js";
import { DataError, UnsupportedError } from "../errors.js";
import { evaluateModel } from "../evaluate/index.js";
import { openRunnable } from "../execute/runnable.js";
import { GraphBuilder } from "../graph/builder.js";
import type { Graph } from "../graph/graph.js";
import { NetworkBuilder } from "../train/network.js";
import { Random } from "../train/random.js";
import { simplify } from "../transform/index.js";
import { quantizeGraph } from "./quantize.js";

function network(): Graph {
  return new NetworkBuilder("net", [10, 10, 2], 5)
    .convolution("a", { channels: 8, kernel: [3, 3] })
    .depthwise("b", { kernel: [3, 3] })
    .maxPool("pool", [2, 2])
    .flatten("flat")
    .dense("head", 5, "none")
    .softmax("probabilities")
    .build();
}

function noise(count: number, seed: number): Dataset {
  const random = new Random(seed);
  const samples = Array.from({ length: count }, () =>
    Float32Array.from({ length: 200 }, () => random.between(-1, 1)),
  );
  return { count, sampleShape: [10, 10, 2], sample: (i) => samples[i]! };
}

/** Neighbouring values alike, as in real signals: only then do inputs have a covariance to round by. */
function walks(count: number, seed: number): Dataset {
  const random = new Random(seed);
  const samples = Array.from({ length: count }, () => {
    let value = 0;
    return Float32Array.from({ length: 200 }, () => {
      value = 0.95 * value + 0.3 * random.normal();
      return value;
    });
  });
  return { count, sampleShape: [10, 10, 2], sample: (i) => samples[i]! };
}

describe("quantizeGraph", () => {
  it("gives integers that follow the float model closely on unseen samples", async () => {
    const { graph } = await quantizeGraph(network(), noise(64, 1));
    const result = await evaluateModel(openRunnable(graph, { keep: true }), noise(64, 2), {
      against: openRunnable(simplify(network()), { keep: true }),
      layers: true,
    });
    expect(result.agreement).toBeGreaterThan(0.95);
    expect(result.layers!.map(({ operator }) => operator)).toEqual([
      "conv2d",
      "depthwiseConv2d",
      "maxPool2d",
      "reshape",
      "fullyConnected",
      "softmax",
    ]);
    for (const layer of result.layers!) expect(layer.sqnrDb).toBeGreaterThan(25);
  });

  it("follows TFLite's specification", async () => {
    const { graph } = await quantizeGraph(network(), noise(16, 1));
    const tensor = (name: string) => graph.tensors.get(name)!;
    const output = tensor(graph.outputs[0]!);
    expect([output.dtype, output.quantization!.scale[0], output.quantization!.zeroPoint[0]]).toEqual([
      "int8",
      1 / 256,
      -128,
    ]);
    expect(tensor(graph.inputs[0]!).dtype).toBe("int8");
    for (const { kind, inputs, outputs } of graph.operators) {
      if (kind === "maxPool2d" || kind === "reshape") {
        expect(tensor(outputs[0]!).quantization).toEqual(tensor(inputs[0]!).quantization);
      }
      if (kind !== "conv2d" && kind !== "depthwiseConv2d" && kind !== "fullyConnected") continue;
      const [x, weights, bias] = inputs.map(tensor);
      expect(weights!.dtype).toBe("int8");
      expect(weights!.quantization!.axis).toBe(kind === "depthwiseConv2d" ? 3 : 0);
      expect(Math.min(...(weights!.data as Int8Array))).toBeGreaterThanOrEqual(-127);
      expect(bias!.dtype).toBe("int32");
      bias!.quantization!.scale.forEach((scale, channel) => {
        const product = x!.quantization!.scale[0]! * weights!.quantization!.scale[channel]!;
        expect(scale).toBe(Math.fround(product));
      });
    }
  });

  it("rounds for the layer's output with adaround, and comes closer to it", async () => {
    const noiseOf = async (adaround: boolean): Promise<number> => {
      const { graph } = await quantizeGraph(network(), walks(64, 1), { adaround, equalize: false });
      const result = await evaluateModel(openRunnable(graph, { keep: true }), walks(64, 2), {
        against: openRunnable(simplify(network()), { keep: true }),
        layers: true,
      });
      return result.layers!.find(({ operator }) => operator === "fullyConnected")!.sqnrDb!;
    };
    expect(await noiseOf(true)).toBeGreaterThan(await noiseOf(false));
  });

  it("gives the same bytes for the same data", async () => {
    const [a, b] = await Promise.all([1, 2].map(() => quantizeGraph(network(), noise(16, 3))));
    expect(a!.graph.tensors).toEqual(b!.graph.tensors);
  });

  it("represents the bias of a channel without weights", async () => {
    const graph = network();
    const tensors = new Map(graph.tensors);
    const weights = tensors.get("head.weight")!;
    const data = (weights.data as Float32Array).slice();
    data.fill(0, 0, weights.shape[1]);
    tensors.set("head.weight", { ...weights, data });
    const bias = Float32Array.of(0.37, 0, 0, 0, 0);
    tensors.set("head.bias", { ...tensors.get("head.bias")!, data: bias });
    const { graph: quantized } = await quantizeGraph({ ...graph, tensors }, noise(16, 1));
    const model = openRunnable(quantized, { keep: true });
    const logits = (await model.run(noise(1, 4).sample(0))).get("head.out")!;
    const step = quantized.tensors.get("head.out")!.quantization!.scale[0]!;
    expect(Math.abs(logits[0]! - 0.37)).toBeLessThanOrEqual(step);
  });

  it("refuses calibration data of zeros, and names an operator without an integer form", async () => {
    const zeros: Dataset = { count: 4, sampleShape: [10, 10, 2], sample: () => new Float32Array(200) };
    await expect(quantizeGraph(network(), zeros)).rejects.toThrow(DataError);
    const graph = network();
    const last = graph.operators.at(-1)!;
    const odd: Graph = {
      ...graph,
      operators: [
        ...graph.operators.slice(0, -1),
        {
          kind: "cast",
          name: "odd",
          inputs: [last.inputs[0]!],
          outputs: last.outputs,
          attributes: { to: "float32" },
        },
      ],
    };
    await expect(quantizeGraph(odd, noise(4, 1))).rejects.toThrow(UnsupportedError);
    await expect(quantizeGraph(odd, noise(4, 1))).rejects.toThrow(/cast "odd"/);
  });

  it("gives a transposed convolution a scale per channel and a 32-bit bias", async () => {
    const builder = new GraphBuilder("up");
    const random = new Random(7);
    const constant = (name: string, shape: number[], data: Float32Array) =>
      builder.tensor({ name, shape, dtype: "float32", data });
    builder.input({ name: "x", shape: [1, 5, 5, 2], dtype: "float32" });
    const weights = Float32Array.from({ length: 3 * 3 * 3 * 2 }, (_, i) => random.normal() * 4 ** (i / 18));
    const attributes = {
      strideH: 2,
      strideW: 2,
      padding: { top: 0, bottom: 0, left: 0, right: 0 },
      dilationH: 1,
      dilationW: 1,
      groups: 1,
      outputPaddingH: 0,
      outputPaddingW: 0,
      activation: "none",
    } as const;
    const inputs = ["x", constant("w", [3, 3, 3, 2], weights), constant("b", [3], Float32Array.of(1, 2, 3))];
    builder.operator({ kind: "transposeConv2d", name: "up", inputs, outputs: ["y"], attributes });
    builder.outputs.push("y");
    const float = builder.build();
    const samples = Array.from({ length: 16 }, () =>
      Float32Array.from({ length: 50 }, () => random.normal()),
    );
    const data: Dataset = { count: 16, sampleShape: [5, 5, 2], sample: (i) => samples[i]! };
    const { graph } = await quantizeGraph(float, data);
    expect(graph.tensors.get("w")!.quantization!.scale.length).toBe(3);
    expect(graph.tensors.get("b")!.dtype).toBe("int32");
    const { outputSqnrDb } = await evaluateModel(openRunnable(graph), data, { against: openRunnable(float) });
    expect(outputSqnrDb).toBeGreaterThan(35);
  });
});
