import { describe, expect, it } from "vitest";
import type { Dataset } from "../../data/dataset.js";
import { GraphBuilder } from "../../graph/builder.js";
import type { Graph } from "../../graph/graph.js";
import { NetworkBuilder } from "../../train/network.js";
import { quantizeGraph } from "../index.js";
import { requireSameArchitecture } from "./previous.js";

const data: Dataset = {
  count: 16,
  sampleShape: [6, 6, 1],
  sample: (i) => Float32Array.from({ length: 36 }, (_, p) => Math.sin(i * 36 + p)),
};

function network(channels: number, withHidden = false): Graph {
  const start = new NetworkBuilder("small", [6, 6, 1], 1).convolution("conv", { channels, kernel: [3, 3] });
  const flat = start.flatten("flatten");
  return (withHidden ? flat.dense("hidden", 4, "relu") : flat)
    .dense("logits", 3, "none")
    .softmax("p")
    .build();
}

describe("the model that devices hold", () => {
  it("is refused by its file's name where parameters alone do not lead from it to the new one", async () => {
    const held = (await quantizeGraph(network(4), data)).graph;
    expect(() => requireSameArchitecture(network(4), held, "v1.onnx")).not.toThrow();
    expect(() => requireSameArchitecture(network(5), held, "v1.onnx")).toThrow(
      /weights \[4, 3, 3, 1\] of ".*", as in v1\.onnx.*\[5, 3, 3, 1\].*keeps the architecture/s,
    );
    expect(() => requireSameArchitecture(network(4, true), held, "v1.onnx")).toThrow(
      /the operators conv2d, .*as in v1\.onnx/s,
    );
  }, 60_000);

  it("is no model to quantize again", async () => {
    const held = (await quantizeGraph(network(4), data)).graph;
    await expect(quantizeGraph(held, data)).rejects.toThrow(
      /a float model; got a model that is quantized already/,
    );
  }, 60_000);

  it("is made from a float model whose weights alone were codes already", async () => {
    const builder = new GraphBuilder("dynamic range");
    builder.input({ name: "x", shape: [1, 6, 6, 1], dtype: "float32" });
    const quantization = { scale: Float32Array.of(0.5), zeroPoint: Int32Array.of(0), axis: null };
    const codes = Int8Array.from({ length: 72 }, (_, i) => (37 * i) % 255);
    builder.tensor({ name: "w", shape: [2, 36], dtype: "int8", data: codes, quantization });
    const attributes = { activation: "none", keepDims: false } as const;
    builder.operator({
      kind: "fullyConnected",
      name: "dense",
      inputs: ["x", "w"],
      outputs: ["y"],
      attributes,
    });
    builder.outputs.push("y");
    const { graph } = await quantizeGraph(builder.build(), data);
    expect(graph.tensors.get("w")).toMatchObject({ dtype: "int8", shape: [2, 36] });
  }, 60_000);

  it("is refused where it is the float model, or has wider activations", async () => {
    expect(() => requireSameArchitecture(network(4), network(4), "v1.onnx")).toThrow(
      /int8 weights in v1\.onnx.*got a float model.*that was shipped/s,
    );
    const wide = (await quantizeGraph(network(4), data, { scheme: "int16x8" })).graph;
    expect(() => requireSameArchitecture(network(4), wide, "v1.onnx")).toThrow(
      /int16 activations, as in v1/s,
    );
  }, 60_000);
});
