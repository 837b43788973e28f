import { expect, it } from "vitest";
import { runFloat } from "../execute/float.js";
import { GraphBuilder } from "../graph/builder.js";
import { simplify } from "./index.js";

it("makes real numbers of weights that are codes in a float network, and computes the same", async () => {
  const builder = new GraphBuilder("dynamic");
  builder.input({ name: "x", shape: [1, 3], dtype: "float32" });
  const quantization = { scale: Float32Array.of(0.5, 0.25), zeroPoint: Int32Array.of(0, 0), axis: 0 };
  const data = Int8Array.of(1, 2, 3, -4, 5, -6);
  builder.tensor({ name: "w", shape: [2, 3], dtype: "int8", data, quantization });
  const attributes = { activation: "none", keepDims: false } as const;
  builder.operator({ kind: "fullyConnected", name: "dense", inputs: ["x", "w"], outputs: ["y"], attributes });
  builder.outputs.push("y");
  const graph = builder.build();
  const simple = simplify(graph);
  expect(simple.tensors.get("w")).toEqual({
    name: "w",
    shape: [2, 3],
    dtype: "float32",
    data: Float32Array.of(0.5, 1, 1.5, -1, 1.25, -1.5),
  });
  const inputs = new Map([["x", Float32Array.of(1, -2, 3)]]);
  expect((await runFloat(simple, inputs)).get("y")).toEqual((await runFloat(graph, inputs)).get("y"));
});
