import { describe, expect, it } from "vitest";
import type { Graph } from "../graph/graph.js";
import { Differentiable } from "../train/differentiable.js";
import { NetworkBuilder } from "../train/network.js";
import { Random } from "../train/random.js";
import { openTensorFlow } from "../train/tensorflow.js";
import { predict } from "../train/trainer.js";
import { analyseChannels, type ChannelAnalysis } from "./channels.js";
import { chooseChannels, removeChannels } from "./prune.js";

/** Convolutions, a depthwise layer, a residual addition, pooling and a flattened dense layer. */
function residualNetwork(): Graph {
  const graph = new NetworkBuilder("residual", [8, 8, 2], 3)
    .convolution("stem", { channels: 8, kernel: [3, 3] })
    .depthwise("spatial", { kernel: [3, 3] })
    .convolution("mix", { channels: 8, kernel: [1, 1] })
    .maxPool("pool", [2, 2])
    .flatten("flatten")
    .dense("hidden", 12, "relu")
    .dense("logits", 5, "none")
    .softmax("probabilities")
    .build();
  // mix.out + stem.out goes on to the pooling.
  const operators = graph.operators.map((operator) =>
    operator.name === "pool" && operator.kind === "maxPool2d"
      ? { ...operator, inputs: ["joined"] }
      : operator,
  );
  const at = operators.findIndex(({ name }) => name === "pool");
  operators.splice(at, 0, {
    kind: "add",
    name: "join",
    inputs: ["mix.out", "stem.out"],
    outputs: ["joined"],
    attributes: { activation: "none" },
  });
  const tensors = new Map(graph.tensors);
  tensors.set("joined", { ...tensors.get("mix.out")!, name: "joined" });
  return { ...graph, operators, tensors };
}

/** The same graph with every weight that reads a removed channel at zero. */
function silenced(graph: Graph, { groups }: ChannelAnalysis, removed: ReadonlySet<number>): Graph {
  const tensors = new Map(graph.tensors);
  for (const { id, slices } of groups) {
    if (!removed.has(id)) continue;
    for (const { tensor: name, axis, index, role } of slices) {
      if (role !== "consumer") continue;
      const tensor = tensors.get(name)!;
      const inner = tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
      const length = tensor.shape[axis]!;
      const data = (tensor.data as Float32Array).map((value, i) =>
        Math.floor(i / inner) % length === index ? 0 : value,
      );
      tensors.set(name, { ...tensor, data });
    }
  }
  return { ...graph, tensors };
}

async function outputs(graph: Graph): Promise<Float32Array> {
  const random = new Random(9);
  const values = Float32Array.from({ length: 4 * 128 }, () => random.normal());
  const model = new Differentiable(await openTensorFlow("wasm"), graph);
  const logits = predict(model, {
    count: 4,
    sampleShape: [8, 8, 2],
    sample: (i) => values.subarray(i * 128, (i + 1) * 128),
  });
  model.dispose();
  return logits;
}

describe("channel pruning", () => {
  it("ties the channels that an addition or a depthwise layer joins, and leaves outputs alone", () => {
    const analysis = analyseChannels(residualNetwork());
    const spaces = new Map<number, number>();
    for (const { space } of analysis.groups) spaces.set(space, (spaces.get(space) ?? 0) + 1);
    // stem, spatial and mix share one set of 8 channels; the hidden layer has 12; the five logits are not there.
    expect([...spaces.values()].sort((a, b) => a - b)).toEqual([8, 12]);
    const joined = analysis.groups.find(({ slices }) =>
      slices.some(({ tensor }) => tensor === "stem.weight"),
    )!;
    const tensors = new Set(joined.slices.map(({ tensor }) => tensor));
    for (const name of ["stem.weight", "spatial.weight", "mix.weight", "mix.scale", "hidden.weight"])
      expect(tensors).toContain(name);
    // 4 x 4 places of the pooled image read each channel.
    expect(joined.slices.filter(({ tensor }) => tensor === "hidden.weight")).toHaveLength(16);
  });

  it("gives the outputs that the whole network gives with those channels silenced", async () => {
    const graph = residualNetwork();
    const analysis = analyseChannels(graph);
    const random = new Random(4);
    const importance = analysis.groups.map(() => random.float());
    const removed = chooseChannels(analysis, importance, { sparsity: 0.5 });
    expect(removed.size).toBeGreaterThan(5);
    const pruned = removeChannels(graph, analysis, removed);
    const actual = await outputs(pruned);
    const expected = await outputs(silenced(graph, analysis, removed));
    expect(actual.length).toBe(20);
    actual.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 4);
    });
  });

  it("removes the least important channels, keeps every layer a multiple of four and none empty", () => {
    const graph = residualNetwork();
    const analysis = analyseChannels(graph);
    const removed = chooseChannels(
      analysis,
      analysis.groups.map(({ id }) => id),
      { sparsity: 1 },
    );
    const pruned = removeChannels(graph, analysis, removed);
    expect(pruned.tensors.get("stem.weight")!.shape).toEqual([4, 3, 3, 2]);
    expect(pruned.tensors.get("mix.weight")!.shape).toEqual([4, 1, 1, 4]);
    expect(pruned.tensors.get("hidden.weight")!.shape).toEqual([4, 64]);
    expect(pruned.tensors.get("logits.weight")!.shape).toEqual([5, 4]);
    expect(pruned.tensors.get("flatten.out")!.shape).toEqual([1, 64]);
    const kept = analysis.groups.filter(({ id }) => !removed.has(id)).map(({ id }) => id);
    expect(Math.max(...kept)).toBe(analysis.groups.length - 1);
  });

  it("removes nothing at sparsity 0", () => {
    const analysis = analyseChannels(residualNetwork());
    expect(chooseChannels(analysis, new Float64Array(analysis.groups.length), { sparsity: 0 }).size).toBe(0);
  });
});
