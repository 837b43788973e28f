import { describe, expect, it } from "vitest";
import { runFloat } from "../execute/float.js";
import type { Graph, Operator, Tensor } from "../graph/graph.js";
import { NetworkBuilder } from "../train/network.js";
import { Random } from "../train/random.js";
import { foldConstants, removeDead, simplify } from "./index.js";

/** A network whose batch norms are not at identity, as after training. */
function trained(): Graph {
  const graph = new NetworkBuilder("net", [8, 8, 3], 5)
    .convolution("a", { channels: 6, kernel: [3, 3] })
    .depthwise("b", { kernel: [3, 3], stride: [2, 2] })
    .flatten("flat")
    .dense("head", 4, "none")
    .softmax("probabilities")
    .build();
  const random = new Random(9);
  const tensors = new Map(graph.tensors);
  for (const [name, tensor] of tensors) {
    if (/\.(scale|shift|mean|variance)$/.test(name)) {
      tensors.set(name, {
        ...tensor,
        data: Float32Array.from(tensor.data as Float32Array, () => random.between(0.3, 2)),
      });
    }
  }
  return { ...graph, tensors };
}

function float(name: string, shape: number[], data?: number[]): Tensor {
  return { name, shape, dtype: "float32", ...(data && { data: Float32Array.from(data) }) };
}

describe("simplify", () => {
  it("leaves the numbers of a trained network as they were, with fewer operators", async () => {
    const graph = trained();
    const simple = simplify(graph);
    expect(simple.operators.map(({ kind }) => kind)).toEqual([
      "conv2d",
      "depthwiseConv2d",
      "reshape",
      "fullyConnected",
      "softmax",
    ]);
    const random = new Random(2);
    const sample = Float32Array.from({ length: 192 }, () => random.between(-1, 1));
    const [before, after] = await Promise.all(
      [graph, simple].map((g) => runFloat(g, new Map([[g.inputs[0]!, sample]]))),
    );
    const [want, got] = [before!, after!].map((values) => [...values.values()][0] as Float32Array);
    got!.forEach((value, i) => {
      expect(value).toBeCloseTo(want![i]!, 5);
    });
  });

  it("turns a batch norm without a convolution before it into a depthwise one", () => {
    const graph: Graph = {
      name: "norm",
      tensors: new Map(
        [
          float("x", [1, 2, 2, 2]),
          float("scale", [2], [2, 3]),
          float("shift", [2], [1, 1]),
          float("mean", [2], [0, 1]),
          float("variance", [2], [1, 4]),
          float("y", [1, 2, 2, 2]),
        ].map((tensor) => [tensor.name, tensor]),
      ),
      operators: [
        {
          kind: "batchNorm",
          name: "norm",
          inputs: ["x", "scale", "shift", "mean", "variance"],
          outputs: ["y"],
          attributes: { epsilon: 0 },
        },
      ],
      inputs: ["x"],
      outputs: ["y"],
    };
    const [operator] = simplify(graph).operators;
    expect(operator!.kind).toBe("depthwiseConv2d");
    const [weights, bias] = operator!.inputs.slice(1).map((name) => simplify(graph).tensors.get(name)!.data);
    expect([...(weights as Float32Array)]).toEqual([2, 1.5]);
    expect([...(bias as Float32Array)]).toEqual([1, -0.5]);
  });

  it("keeps a tensor that the outside reads, and so does not fuse past it", () => {
    const graph = trained();
    const inside = graph.operators.find(({ name }) => name === "a.norm")!.outputs[0]!;
    const simple = simplify({ ...graph, outputs: [...graph.outputs, inside] });
    expect(simple.operators.map(({ kind }) => kind)).toContain("relu");
    expect(simple.tensors.has(inside)).toBe(true);
  });

  it("does not touch weights that two layers share", () => {
    const graph = trained();
    const shared: Operator = {
      ...(graph.operators.find(({ kind }) => kind === "conv2d")! as Extract<Operator, { kind: "conv2d" }>),
      name: "twin",
      outputs: ["twin.out"],
    };
    const tensors = new Map(graph.tensors).set("twin.out", float("twin.out", [1, 8, 8, 6]));
    const simple = simplify({
      ...graph,
      tensors,
      operators: [shared, ...graph.operators],
      outputs: [...graph.outputs, "twin.out"],
    });
    const twin = simple.operators.find(({ name }) => name === "twin")!;
    expect(simple.tensors.get(twin.inputs[1]!)!.data).toEqual(graph.tensors.get("a.weight")!.data);
  });
});

it("removes what no output depends on, and computes moves of constants once", () => {
  const graph: Graph = {
    name: "constants",
    tensors: new Map(
      [
        float("x", [1, 2]),
        float("w", [2, 3], [1, 2, 3, 4, 5, 6]),
        float("wt", [3, 2]),
        float("y", [1, 3]),
        float("unused", [1, 2]),
      ].map((tensor) => [tensor.name, tensor]),
    ),
    operators: [
      {
        kind: "transpose",
        name: "turn",
        inputs: ["w"],
        outputs: ["wt"],
        attributes: { permutation: [1, 0] },
      },
      { kind: "relu", name: "idle", inputs: ["x"], outputs: ["unused"], attributes: {} },
      {
        kind: "fullyConnected",
        name: "dense",
        inputs: ["x", "wt"],
        outputs: ["y"],
        attributes: { activation: "none", keepDims: false },
      },
    ],
    inputs: ["x"],
    outputs: ["y"],
  };
  expect(removeDead(graph).operators.map(({ name }) => name)).toEqual(["turn", "dense"]);
  const folded = foldConstants(graph);
  expect(folded.operators.map(({ name }) => name)).toEqual(["dense"]);
  expect([...(folded.tensors.get("wt")!.data as Float32Array)]).toEqual([1, 4, 2, 5, 3, 6]);
});
