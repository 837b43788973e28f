import { runInteger } from "../execute/index.js";
import type { Graph, Operator, Tensor, TensorData } from "../graph/graph.js";

/** Networks for the tests of compiled code, and what the executor says of them. */

/** A generator with a seed, so that a failure can be seen again. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Tensors and operators of a network under construction. */
function builder(pick: (below: number) => number) {
  const tensors = new Map<string, Tensor>();
  const operators: Operator[] = [];
  const activation = (name: string, shape: number[], scale: number, zeroPoint: number): string => {
    const quantization = { scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zeroPoint), axis: null };
    tensors.set(name, { name, shape, dtype: "int8", quantization });
    return name;
  };
  const constants = (name: string, shape: number[], axis: number, inputScale: number): [string, string] => {
    const count = shape[axis]!;
    const scale = Float32Array.from({ length: count }, () => 0.002 + pick(100) / 10_000);
    const data = Int8Array.from({ length: shape.reduce((a, b) => a * b) }, () => pick(255) - 127);
    tensors.set(`${name}.w`, {
      name: `${name}.w`,
      shape,
      dtype: "int8",
      data,
      quantization: { scale, zeroPoint: new Int32Array(count), axis },
    });
    tensors.set(`${name}.b`, {
      name: `${name}.b`,
      shape: [count],
      dtype: "int32",
      data: Int32Array.from({ length: count }, () => pick(4000) - 2000),
      quantization: { scale: scale.map((s) => s * inputScale), zeroPoint: new Int32Array(count), axis: 0 },
    });
    return [`${name}.w`, `${name}.b`];
  };
  return { tensors, operators, activation, constants };
}

/** A small network with one of each kind of layer and shapes that no kernel was written for. */
export function oddGraph(seed: number): Graph {
  const pick = random(seed);
  const { tensors, operators, activation, constants } = builder(pick);
  const padding = { top: 1, bottom: 1, left: 1, right: 1 };
  const plain = { strideH: 1, strideW: 1, dilationH: 1, dilationW: 1 };
  const [h, w, c] = [5 + pick(8), 5 + pick(8), 1 + pick(3)];
  const wide = 3 + pick(6);
  activation("in", [1, h, w, c], 0.05, pick(40) - 20);
  activation("a", [1, h, w, wide], 0.1, -128);
  operators.push({
    kind: "conv2d",
    name: "a",
    inputs: ["in", ...constants("a", [wide, 3, 3, c], 0, 0.05)],
    outputs: ["a"],
    attributes: { ...plain, padding, groups: 1, activation: "relu" },
  });
  activation("b", [1, h, w, wide], 0.1, -128);
  operators.push({
    kind: "depthwiseConv2d",
    name: "b",
    inputs: ["a", ...constants("b", [1, 3, 3, wide], 3, 0.1)],
    outputs: ["b"],
    attributes: { ...plain, padding, multiplier: 1, activation: "relu" },
  });
  activation("c", [1, h, w, wide], 0.12, -128 + pick(30));
  operators.push({
    kind: "conv2d",
    name: "c",
    inputs: ["b", ...constants("c", [wide, 1, 1, wide], 0, 0.1)],
    outputs: ["c"],
    attributes: {
      ...plain,
      padding: { top: 0, bottom: 0, left: 0, right: 0 },
      groups: 1,
      activation: "none",
    },
  });
  activation("d", [1, h, w, wide], 0.2, -128);
  operators.push({
    kind: "add",
    name: "d",
    inputs: ["a", "c"],
    outputs: ["d"],
    attributes: { activation: "relu" },
  });
  const [h2, w2] = [Math.floor((h - 1) / 2) + 1, Math.floor((w - 1) / 2) + 1];
  activation("e", [1, h2, w2, wide + 1], 0.3, -128);
  operators.push({
    kind: "conv2d",
    name: "e",
    inputs: ["d", ...constants("e", [wide + 1, 3, 3, wide], 0, 0.2)],
    outputs: ["e"],
    attributes: { ...plain, strideH: 2, strideW: 2, padding, groups: 1, activation: "relu" },
  });
  activation("f", [1, Math.floor(h2 / 2), Math.floor(w2 / 2), wide + 1], 0.3, -128);
  operators.push({
    kind: "maxPool2d",
    name: "f",
    inputs: ["e"],
    outputs: ["f"],
    attributes: {
      kernelH: 2,
      kernelW: 2,
      strideH: 2,
      strideW: 2,
      activation: "none",
      padding: { top: 0, bottom: 0, left: 0, right: 0 },
    },
  });
  const flat = Math.floor(h2 / 2) * Math.floor(w2 / 2) * (wide + 1);
  activation("g", [1, flat], 0.3, -128);
  operators.push({
    kind: "reshape",
    name: "g",
    inputs: ["f"],
    outputs: ["g"],
    attributes: { shape: [1, flat] },
  });
  activation("h", [1, 7], 0.4, pick(20) - 10);
  operators.push({
    kind: "fullyConnected",
    name: "h",
    inputs: ["g", ...constants("h", [7, flat], 0, 0.3)],
    outputs: ["h"],
    attributes: { activation: "none", keepDims: false },
  });
  activation("out", [1, 7], 1 / 256, -128);
  operators.push({
    kind: "softmax",
    name: "out",
    inputs: ["h"],
    outputs: ["out"],
    attributes: { axis: 1, beta: 1 },
  });
  return { name: `odd-${seed}`, tensors, operators, inputs: ["in"], outputs: ["out"] };
}

/** Convolutions with the channels and sizes that Winograd's kernels take, in one chunk and in two, with and without ReLU. */
export function wideGraph(seed: number): Graph {
  const pick = random(seed);
  const { tensors, operators, activation, constants } = builder(pick);
  const [h, w] = [2 + 2 * pick(4), 8 + 8 * pick(2)];
  const conv = (from: string, to: string, depth: number, channels: number, relu: boolean): void => {
    const zeroPoint = relu ? -128 : pick(60) - 30;
    const inputScale = tensors.get(from)!.quantization!.scale[0]!;
    activation(to, [1, h, w, channels], 0.4, zeroPoint);
    operators.push({
      kind: "conv2d",
      name: to,
      inputs: [from, ...constants(to, [channels, 3, 3, depth], 0, inputScale)],
      outputs: [to],
      attributes: {
        strideH: 1,
        strideW: 1,
        dilationH: 1,
        dilationW: 1,
        padding: { top: 1, bottom: 1, left: 1, right: 1 },
        groups: 1,
        activation: relu ? "relu" : "none",
      },
    });
  };
  activation("in", [1, h, w, 2], 0.05, pick(40) - 20);
  conv("in", "a", 2, 16, true);
  conv("a", "b", 16, 9 + pick(8), pick(2) === 0);
  conv("a", "c", 16, 32, false);
  conv("c", "d", 32, 11, true);
  return { name: `wide-${seed}`, tensors, operators, inputs: ["in"], outputs: ["b", "d"] };
}

/** Every activation an output: nothing can be wrong in the middle and right at the end. */
export function withAllOutputs(graph: Graph): Graph {
  return {
    ...graph,
    outputs: graph.operators.flatMap(({ kind, outputs }) => (kind === "reshape" ? [] : outputs)),
  };
}

export function executor(graph: Graph, input: Uint8Array): Uint8Array {
  const data: TensorData = new Int8Array(input.buffer, input.byteOffset, input.length).slice();
  const outputs = runInteger(graph, new Map([[graph.inputs[0]!, data]]));
  return Buffer.concat(
    graph.outputs.map((name) => {
      const { buffer, byteOffset, byteLength } = outputs.get(name)!;
      return new Uint8Array(buffer, byteOffset, byteLength);
    }),
  );
}

export function randomInput(graph: Graph, seed: number): Uint8Array {
  const pick = random(seed);
  const count = graph.tensors.get(graph.inputs[0]!)!.shape.reduce((a, b) => a * b);
  return Uint8Array.from({ length: count }, () => pick(256));
}
