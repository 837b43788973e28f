import { describe, expect, it } from "vitest";
import { GraphError } from "../errors.js";
import type { Graph, Operator, Tensor } from "./graph.js";
import { validateGraph } from "./validate.js";

type Unplaced = Operator extends infer O
  ? O extends Operator
    ? Pick<O, "kind" | "attributes">
    : never
  : never;

/** A graph of one operator "node" on tensors of these shapes; all but the first are constants. */
function graphOf(operator: Unplaced, shapes: readonly (readonly number[])[], out: readonly number[]): Graph {
  const tensors = new Map<string, Tensor>();
  const inputs = shapes.map((shape, i) => {
    const name = `t${i}`;
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    tensors.set(name, { name, shape, dtype: "float32", ...(i > 0 && { data }) });
    return name;
  });
  tensors.set("y", { name: "y", shape: out, dtype: "float32" });
  const node = { ...operator, name: "node", inputs, outputs: ["y"] } as Operator;
  return { name: "g", tensors, operators: [node], inputs: ["t0"], outputs: ["y"] };
}

const window = { strideH: 1, strideW: 1, padding: { top: 0, bottom: 0, left: 0, right: 0 } };
const conv = { ...window, dilationH: 1, dilationW: 1, activation: "none" } as const;
const forward = { hiddenSize: 5, direction: "forward" } as const;

/** An operator, shapes that fit it, and shapes of which one does not. */
const OPERANDS: readonly [Unplaced, number[][], number[][], number[]][] = [
  [
    { kind: "conv2d", attributes: { ...conv, groups: 2 } },
    [[1, 4, 4, 6], [4, 3, 3, 3], [4]],
    [[1, 4, 4, 6], [4, 3, 3, 6], [4]],
    [1, 2, 2, 4],
  ],
  [
    { kind: "depthwiseConv2d", attributes: { ...conv, multiplier: 2 } },
    [[1, 4, 4, 3], [1, 3, 3, 6], [6]],
    [[1, 4, 4, 3], [1, 3, 3, 6], [5]],
    [1, 2, 2, 6],
  ],
  [
    { kind: "transposeConv2d", attributes: { ...conv, groups: 1, outputPaddingH: 0, outputPaddingW: 0 } },
    [
      [1, 2, 2, 3],
      [4, 3, 3, 3],
    ],
    [
      [1, 2, 2, 3],
      [4, 3, 3, 2],
    ],
    [1, 4, 4, 4],
  ],
  [
    { kind: "fullyConnected", attributes: { activation: "none", keepDims: false } },
    [[2, 6], [3, 6], [3]],
    [[2, 6], [3, 6], [2]],
    [2, 3],
  ],
  [
    { kind: "layerNorm", attributes: { axis: -1, epsilon: 1e-5 } },
    [[2, 6], [6], [6]],
    [[2, 6], [6], [5]],
    [2, 6],
  ],
  [
    { kind: "concat", attributes: { axis: 1, activation: "none" } },
    [
      [2, 6],
      [2, 1],
    ],
    [
      [2, 6],
      [3, 1],
    ],
    [2, 7],
  ],
  [
    { kind: "lstm", attributes: forward },
    [
      [7, 2, 3],
      [1, 20, 3],
      [1, 20, 5],
      [1, 40],
    ],
    [
      [7, 2, 3],
      [1, 20, 3],
      [1, 20, 4],
      [1, 40],
    ],
    [7, 1, 2, 5],
  ],
  [
    { kind: "gru", attributes: { ...forward, linearBeforeReset: true } },
    [
      [7, 2, 3],
      [1, 15, 3],
      [1, 15, 5],
      [1, 30],
    ],
    [
      [7, 2, 3],
      [1, 15, 3],
      [1, 15, 5],
      [1, 15],
    ],
    [7, 1, 2, 5],
  ],
  [
    { kind: "rnn", attributes: { ...forward, activation: "tanh" } },
    [
      [7, 2, 3],
      [1, 5, 3],
      [1, 5, 5],
    ],
    [
      [7, 2, 3],
      [1, 5, 4],
      [1, 5, 5],
    ],
    [7, 1, 2, 5],
  ],
  [
    { kind: "svdf", attributes: { rank: 2, activation: "relu" } },
    [[1, 3], [8, 3], [8, 4], [4], [1, 32]],
    [[1, 3], [8, 3], [8, 4], [4], [1, 31]],
    [1, 4],
  ],
];

describe("operands that fit are let through, one that does not is refused with the node's name", () => {
  it.each(OPERANDS)("$kind", (operator, fitting, unfit, out) => {
    expect(validateGraph(graphOf(operator, fitting, out)).outputs).toEqual(["y"]);
    expect(() => validateGraph(graphOf(operator, unfit, out))).toThrow(GraphError);
    expect(() => validateGraph(graphOf(operator, unfit, out))).toThrow(`at ${operator.kind} "node"`);
  });

  it.each<[Unplaced, RegExp]>([
    [{ kind: "argMax", attributes: { axis: 3, keepDims: false } }, /an axis of 2 at argMax "node"/],
    [{ kind: "mean", attributes: { axes: [-3], keepDims: true } }, /an axis of 2 at mean "node"/],
    [{ kind: "transpose", attributes: { permutation: [0, 0] } }, /each of 2 axes once at transpose "node"/],
    [
      { kind: "slice", attributes: { begin: [0, 3], size: [2, 4], strides: [1, 1] } },
      /inside axis 1 of 6 at slice "node"/,
    ],
    [{ kind: "split", attributes: { axis: 1, sizes: [5] } }, /add up to 6 at split "node"/],
  ])("$kind whose attributes lead beyond its input", (operator, message) => {
    expect(() => validateGraph(graphOf(operator, [[2, 6]], [2, 6]))).toThrow(message);
  });
});
