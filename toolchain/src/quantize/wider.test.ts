import { describe, expect, it } from "vitest";
import type { Dataset } from "../data/dataset.js";
import { LimitError, UsageError } from "../errors.js";
import { evaluateModel } from "../evaluate/index.js";
import { openRunnable } from "../execute/runnable.js";
import { readOnnx } from "../formats/onnx/read.js";
import { writeOnnx } from "../formats/onnx/write.js";
import { readTflite } from "../formats/tflite/read.js";
import { writeTflite } from "../formats/tflite/write.js";
import type { Graph } from "../graph/graph.js";
import { validateGraph } from "../graph/validate.js";
import { NetworkBuilder } from "../train/network.js";
import { Random } from "../train/random.js";
import { simplify } from "../transform/index.js";
import { type QuantizeOptions, quantizeGraph } from "./index.js";

function network(): Graph {
  return new NetworkBuilder("net", [10, 10, 2], 5)
    .convolution("a", { channels: 8, kernel: [3, 3] })
    .depthwise("b", { kernel: [3, 3] })
    .convolution("c", { channels: 8, kernel: [1, 1] })
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

const quantized = (options: QuantizeOptions) => quantizeGraph(network(), noise(32, 1), options);

async function outputNoise(graph: Graph): Promise<number> {
  const result = await evaluateModel(openRunnable(graph, { keep: true }), noise(64, 2), {
    against: openRunnable(simplify(network()), { keep: true }),
    layers: true,
  });
  return result.layers!.find(({ tensor }) => tensor.startsWith("head"))!.sqnrDb!;
}

describe("int16x8", () => {
  it("holds activations in 16 bits around zero and biases in 64", async () => {
    const { graph, report } = await quantized({ scheme: "int16x8" });
    expect(report.scheme).toBe("int16x8");
    const dtypes = new Set<string>();
    for (const { kind, inputs, outputs } of graph.operators) {
      for (const name of outputs) {
        const { dtype, quantization } = graph.tensors.get(name)!;
        dtypes.add(dtype);
        expect([...quantization!.zeroPoint]).toEqual([0]);
      }
      const bias = inputs[2] && graph.tensors.get(inputs[2]);
      if (bias) expect([kind, bias.dtype]).toEqual([kind, "int64"]);
    }
    expect([...dtypes]).toEqual(["int16"]);
    expect(graph.tensors.get(graph.outputs[0]!)!.quantization!.scale[0]).toBe(1 / 32768);
  });

  it("follows the float model more closely than int8", async () => {
    const [wide, narrow] = [await quantized({ scheme: "int16x8" }), await quantized({})];
    expect(await outputNoise(wide.graph)).toBeGreaterThan((await outputNoise(narrow.graph)) + 3);
  });

  it("reads back from a written .tflite and .onnx with the same integers", async () => {
    const { graph } = await quantized({ scheme: "int16x8" });
    const sample = noise(1, 9).sample(0);
    const want = [...(await openRunnable(graph).run(sample)).values()][0]!;
    for (const back of [readTflite(writeTflite(graph)), readOnnx(writeOnnx(graph))]) {
      expect(back.tensors.get(back.inputs[0]!)!.dtype).toBe("int16");
      expect([...(await openRunnable(back).run(sample)).values()][0]).toEqual(want);
    }
  });
});

describe("layers kept at int16 in an int8 network", () => {
  it("get conversions where widths meet, and nowhere else", async () => {
    const { graph, report } = await quantized({ keep: { int16: ["b.out"], float: [] }, equalize: false });
    validateGraph(graph);
    expect(report.kept.int16).toEqual(["b.out"]);
    expect(
      graph.operators.map(({ kind, outputs }) => `${kind} ${graph.tensors.get(outputs[0]!)!.dtype}`),
    ).toEqual([
      "conv2d int8",
      "requantize int16",
      "depthwiseConv2d int16",
      "conv2d int16",
      "requantize int8",
      "maxPool2d int8",
      "reshape int8",
      "fullyConnected int8",
      "softmax int8",
    ]);
    const bias = (i: number): string => graph.tensors.get(graph.operators[i]!.inputs[2]!)!.dtype;
    expect([bias(0), bias(2), bias(3), bias(7)]).toEqual(["int32", "int64", "int64", "int32"]);
  });

  it("widen all tensors that share their codes with one that is named", async () => {
    const { report } = await quantized({ keep: { int16: ["pool"], float: [] } });
    expect(report.kept.int16).toEqual(["c.out", "pool.out", "flat.out"]);
  });

  it("compute the same integers from a written file", async () => {
    const { graph } = await quantized({ keep: { int16: ["c.out"], float: [] } });
    const sample = noise(1, 9).sample(0);
    const want = [...(await openRunnable(graph).run(sample)).values()][0]!;
    for (const back of [readTflite(writeTflite(graph)), readOnnx(writeOnnx(graph))]) {
      expect([...(await openRunnable(back).run(sample)).values()][0]).toEqual(want);
    }
  });

  it("reduce the output noise, the worst first", async () => {
    const [plain, worst, all] = [
      await quantized({}),
      await quantized({ keepWorst: 2 }),
      await quantized({ scheme: "int16x8" }),
    ];
    expect(worst.report.kept.int16.length).toBeGreaterThanOrEqual(2);
    expect(worst.report.sensitivity![0]!.sqnrDb).toBeLessThan(
      worst.report.sensitivity!.at(-1)!.sqnrDb ?? 999,
    );
    const [a, b, c] = [
      await outputNoise(plain.graph),
      await outputNoise(worst.graph),
      await outputNoise(all.graph),
    ];
    expect(b).toBeGreaterThan(a);
    expect(c).toBeGreaterThan(a);
  });

  it("are as few as a signal-to-noise ratio asks for", async () => {
    const { report } = await quantized({ leastSqnrDb: 20 });
    expect(report.kept.int16).toEqual([]);
    expect(report.steps.join("\n")).toMatch(/no activation kept wider/);
    const measured = report.recipe.find(({ step }) => step === "ranges")!.outputSqnrDb!["minmax"]!;
    const more = await quantized({ leastSqnrDb: measured + 2 });
    expect(more.report.kept.int16.length).toBeGreaterThan(0);
    await expect(quantized({ leastSqnrDb: 140 })).rejects.toThrow(LimitError);
  });
});

describe("layers kept in floating point", () => {
  it("run between integer layers that stay exact, and keep their weights", async () => {
    const { graph, report } = await quantized({ keep: { int16: [], float: ["b", "head"] }, equalize: false });
    validateGraph(graph);
    expect(report.kept.float).toEqual(["b", "head"]);
    expect(
      graph.operators.map(({ kind, outputs }) => `${kind} ${graph.tensors.get(outputs[0]!)!.dtype}`),
    ).toEqual([
      "conv2d int8",
      "dequantize float32",
      "depthwiseConv2d float32",
      "quantize int8",
      "conv2d int8",
      "maxPool2d int8",
      "reshape int8",
      "dequantize float32",
      "fullyConnected float32",
      "quantize int8",
      "softmax int8",
    ]);
    for (const i of [2, 8]) expect(graph.tensors.get(graph.operators[i]!.inputs[1]!)!.dtype).toBe("float32");
    expect(report.steps.join("\n")).toMatch(/kept in floating point: "b", "head"; .* no code is generated/);
    const plain = await quantized({ equalize: false });
    expect(await outputNoise(graph)).toBeGreaterThan(await outputNoise(plain.graph));
  });

  it("take and give floats at the edges of the graph, and run from written files", async () => {
    const { graph } = await quantized({ keep: { int16: [], float: ["a", "probabilities"] } });
    expect(graph.tensors.get(graph.inputs[0]!)!.dtype).toBe("float32");
    expect(graph.tensors.get(graph.outputs[0]!)!.dtype).toBe("float32");
    const sample = noise(1, 9).sample(0);
    const want = [...(await openRunnable(graph).run(sample)).values()][0]!;
    for (const back of [readTflite(writeTflite(graph)), readOnnx(writeOnnx(graph))]) {
      const got = [...(await openRunnable(back).run(sample)).values()][0]!;
      got.forEach((value, i) => {
        expect(value).toBeCloseTo(want[i]!, 5);
      });
    }
  });

  it("let a network with an operator that has no integer form be quantized", async () => {
    const graph = network();
    const last = graph.operators.at(-1)!;
    const odd = {
      kind: "sin",
      name: "odd",
      inputs: last.inputs,
      outputs: last.outputs,
      attributes: {},
    } as const;
    const { report } = await quantizeGraph(
      { ...graph, operators: [...graph.operators.slice(0, -1), odd] },
      noise(16, 1),
      { keep: { int16: [], float: ["odd"] } },
    );
    expect(report.kept.float).toEqual(["odd"]);
  });
});

describe("what can't be kept", () => {
  it.each<[string, QuantizeOptions, RegExp]>([
    ["an unknown name", { keep: { int16: ["nowhere"], float: [] } }, /"nowhere".*mote inspect/s],
    ["a rule where all is int16", { scheme: "int16x8", keepWorst: 1 }, /int16x8/],
    ["int16 in int16", { scheme: "int16x8", keep: { int16: ["b"], float: [] } }, /int16x8/],
    ["a layer of an update", { keepWorst: 1, previous: network() }, /layers to keep/],
  ])("is refused before calibration: %s", async (_what, options, message) => {
    await expect(quantized(options)).rejects.toThrow(UsageError);
    await expect(quantized(options)).rejects.toThrow(message);
  });
});
