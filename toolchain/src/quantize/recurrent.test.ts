import { describe, expect, it } from "vitest";
import type { Dataset } from "../data/dataset.js";
import { quantizeInput } from "../execute/integer/edge.js";
import { runInteger } from "../execute/integer/run.js";
import { openRunnable } from "../execute/runnable.js";
import { readTflite } from "../formats/tflite/read.js";
import { writeTflite } from "../formats/tflite/write.js";
import { GraphBuilder } from "../graph/builder.js";
import type { Graph, Operator } from "../graph/graph.js";
import { Random } from "../train/random.js";
import { quantizeGraph } from "./quantize.js";

const STEPS = 20;
const WIDTH = 6;
const HIDDEN = 16;
const GATES = { lstm: 4, gru: 3, rnn: 1 } as const;

type Layer = "lstm" | "gru" | "gru, reset first" | "rnn" | "rnn with relu";
type Direction = "forward" | "reverse" | "bidirectional";

/** One recurrent layer with weights as PyTorch initialises them, uniform in 1 / sqrt(hidden). */
function network(layer: Layer, direction: Direction): Graph {
  const random = new Random(layer.length * 31 + direction.length);
  const kind = layer.startsWith("gru") ? "gru" : layer.startsWith("rnn") ? "rnn" : "lstm";
  const builder = new GraphBuilder(layer);
  const directions = direction === "bidirectional" ? 2 : 1;
  const rows = GATES[kind] * HIDDEN;
  const bound = 1 / Math.sqrt(HIDDEN);
  const constant = (name: string, shape: number[]) =>
    builder.tensor({
      name,
      shape,
      dtype: "float32",
      data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
        random.between(-bound, bound),
      ),
    });
  builder.input({ name: "x", shape: [STEPS, 1, WIDTH], dtype: "float32" });
  const inputs = [
    "x",
    constant("w", [directions, rows, WIDTH]),
    constant("r", [directions, rows, HIDDEN]),
    constant("b", [directions, 2 * rows]),
  ];
  const shared = { hiddenSize: HIDDEN, direction };
  const attributes =
    kind === "gru"
      ? { ...shared, linearBeforeReset: layer === "gru" }
      : kind === "rnn"
        ? { ...shared, activation: layer === "rnn" ? "tanh" : "relu" }
        : shared;
  builder.operator({ kind, name: "layer", inputs, outputs: ["y", "h"], attributes } as Operator);
  builder.outputs.push("y");
  return builder.build();
}

/** Signals with a memory, as sensors give them. */
function walks(count: number, seed: number): Dataset {
  const random = new Random(seed);
  const samples = Array.from({ length: count }, () => {
    const values = new Float32Array(STEPS * WIDTH);
    for (let i = 0; i < values.length; i++) {
      values[i] = (i < WIDTH ? 0 : 0.9 * values[i - WIDTH]!) + 0.5 * random.normal();
    }
    return values;
  });
  return { count, sampleShape: [STEPS, 1, WIDTH], sample: (i) => samples[i]! };
}

/** Root mean square of the difference, as a share of the float output's own. */
async function relativeError(float: Graph, quantized: Graph): Promise<number> {
  const [reference, model] = [openRunnable(float), openRunnable(quantized)];
  const unseen = walks(20, 2);
  let [error, power] = [0, 0];
  for (let i = 0; i < unseen.count; i++) {
    const wanted = [...(await reference.run(unseen.sample(i))).values()][0]!;
    const got = [...(await model.run(unseen.sample(i))).values()][0]!;
    wanted.forEach((value, k) => {
      error += (value - got[k]!) ** 2;
      power += value ** 2;
    });
  }
  return Math.sqrt(error / power);
}

/** Codes of the output for one sample of codes. */
function codesOf(graph: Graph): unknown {
  const { sample } = walks(1, 3);
  const x = quantizeInput(graph.tensors.get(graph.inputs[0]!)!, sample(0));
  return [...runInteger(graph, new Map([[graph.inputs[0]!, x]])).values()][0];
}

describe.each<Layer>([
  "lstm",
  "gru",
  "gru, reset first",
  "rnn",
  "rnn with relu",
])("an integer %s", (layer) => {
  it.each<Direction>([
    "forward",
    "reverse",
    "bidirectional",
  ])("differs from the float one by less than 2.5 % in int8, 0.5 % in int16x8 (root mean square, %s)", async (direction) => {
    const float = network(layer, direction);
    const { graph: int8 } = await quantizeGraph(float, walks(40, 1));
    const { graph: int16 } = await quantizeGraph(float, walks(40, 1), { scheme: "int16x8" });
    expect(await relativeError(float, int8)).toBeLessThan(0.025);
    expect(await relativeError(float, int16)).toBeLessThan(0.005);
  });
});

describe("a quantized recurrent network", () => {
  it("is the same integers after a round through TensorFlow Lite, where that has a word for it", async () => {
    const { graph } = await quantizeGraph(network("lstm", "forward"), walks(40, 1));
    expect(codesOf(readTflite(writeTflite(graph)))).toEqual(codesOf(graph));
  });

  it("is refused by name where TensorFlow Lite has none", async () => {
    for (const [layer, direction] of [
      ["gru", "forward"],
      ["rnn", "forward"],
      ["lstm", "bidirectional"],
    ] as const) {
      const { graph } = await quantizeGraph(network(layer, direction), walks(40, 1));
      expect(() => writeTflite(graph)).toThrow(/at (gru|rnn|lstm) "layer"/);
    }
    const { graph } = await quantizeGraph(network("lstm", "forward"), walks(40, 1), { scheme: "int16x8" });
    expect(() => writeTflite(graph)).toThrow(/at lstm "layer".*16-bit activations/s);
  });
});
