import { describe, expect, it } from "vitest";
import { runFloat } from "../../execute/float.js";
import { GraphBuilder } from "../../graph/builder.js";
import type { Graph, Tensor } from "../../graph/graph.js";
import { readOnnx } from "./read.js";
import { writeOnnx } from "./write.js";

/** Deterministic and uneven, so that a swapped axis shows. */
function wave(count: number, step = 0.37): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i * step) + 0.1 * Math.cos(i * 1.7));
}

function constant(name: string, shape: number[]): Tensor {
  return {
    name,
    shape,
    dtype: "float32",
    data: wave(
      shape.reduce((a, b) => a * b, 1),
      0.11,
    ),
  };
}

/** Convolution, depthwise convolution, residual addition, pool, flatten, dense: every layout change that there is. */
function network(): Graph {
  const builder = new GraphBuilder("network");
  const padding = { top: 1, bottom: 1, left: 1, right: 0 };
  const window = { strideH: 1, strideW: 1, padding, dilationH: 1, dilationW: 1 };
  builder.input({ name: "image", shape: [1, 6, 5, 3], dtype: "float32" });
  for (const [name, shape] of [
    ["w1", [4, 3, 2, 3]],
    ["b1", [4]],
    ["w2", [1, 3, 2, 4]],
    ["w3", [7, 24]],
    ["b3", [7]],
  ] as const) {
    builder.tensor(constant(name, [...shape]));
  }
  builder.operator({
    kind: "conv2d",
    name: "conv",
    inputs: ["image", "w1", "b1"],
    outputs: ["a"],
    attributes: { ...window, groups: 1, activation: "relu" },
  });
  builder.operator({
    kind: "depthwiseConv2d",
    name: "depthwise",
    inputs: ["a", "w2"],
    outputs: ["b"],
    attributes: { ...window, multiplier: 1, activation: "none" },
  });
  builder.operator({
    kind: "add",
    name: "residual",
    inputs: ["a", "b"],
    outputs: ["c"],
    attributes: { activation: "none" },
  });
  builder.operator({
    kind: "maxPool2d",
    name: "pool",
    inputs: ["c"],
    outputs: ["d"],
    attributes: {
      kernelH: 2,
      kernelW: 2,
      strideH: 2,
      strideW: 2,
      padding: { top: 0, bottom: 0, left: 0, right: 0 },
      activation: "none",
    },
  });
  builder.operator({
    kind: "reshape",
    name: "flatten",
    inputs: ["d"],
    outputs: ["e"],
    attributes: { shape: [1, 24] },
  });
  builder.operator({
    kind: "fullyConnected",
    name: "dense",
    inputs: ["e", "w3", "b3"],
    outputs: ["f"],
    attributes: { activation: "none", keepDims: false },
  });
  builder.operator({
    kind: "softmax",
    name: "softmax",
    inputs: ["f"],
    outputs: ["scores"],
    attributes: { axis: -1, beta: 1 },
  });
  builder.outputs.push("scores");
  return builder.build();
}

describe("a float model written and read again", () => {
  it("computes the same numbers", async () => {
    const graph = network();
    const again = readOnnx(writeOnnx(graph));
    const inputs = new Map([["image", wave(90)]]);
    const before = await runFloat(graph, inputs);
    const after = await runFloat(again, inputs);
    expect(again.tensors.get("image")?.shape).toEqual([1, 6, 5, 3]);
    expect([...after.values()][0]).toEqual([...before.values()][0]);
  });

  it("writes the same bytes after one round", () => {
    const once = writeOnnx(readOnnx(writeOnnx(network())));
    expect(writeOnnx(readOnnx(once))).toEqual(once);
  });
});

describe("a file that is no good", () => {
  it("is refused when it is cut anywhere", () => {
    const bytes = writeOnnx(network());
    for (let length = 0; length < bytes.length; length += 97) {
      expect(() => readOnnx(bytes.slice(0, length)), `${length} bytes`).toThrow(/Expected/);
    }
  });

  it("is refused when a weight is NaN, naming it", () => {
    const graph = network();
    const weights = graph.tensors.get("w1")!;
    (weights.data as Float32Array)[5] = Number.NaN;
    expect(() => writeOnnx(graph)).toThrow(/"w1".*NaN at element 5/s);
  });
});
