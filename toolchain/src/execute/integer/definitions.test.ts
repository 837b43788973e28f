import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../graph/builder.js";
import type { DType, Operator, Quantization } from "../../graph/graph.js";
import { erf } from "./real-functions.js";
import { runInteger } from "./run.js";

/** Operators whose integers nobody else defines (docs/integers.md), against the real function that they stand for. */

type Unary = Operator extends infer O ? (O extends Operator ? Pick<O, "kind" | "attributes"> : never) : never;

const fixed = (scale: number, zeroPoint: number): Quantization => ({
  scale: Float32Array.of(scale),
  zeroPoint: Int32Array.of(zeroPoint),
  axis: null,
});

const CODES = { int8: [-128, 127], int16: [-32768, 32767] } as const;

/** Runs the operator on every code of its input; gives real inputs and results, and the output's scale. */
function everyCode(operator: Unary, dtype: "int8" | "int16", [low, high]: readonly [number, number]) {
  const [least, most] = CODES[dtype];
  const count = most - least + 1;
  const x = dtype === "int8" ? fixed(8 / 127, 0) : fixed(8 / 32767, 0);
  const y =
    dtype === "int8"
      ? fixed((high - low) / 255, Math.round(-128 - (low * 255) / (high - low)))
      : fixed(Math.max(-low, high) / 32767, 0);
  const builder = new GraphBuilder("one");
  builder.input({ name: "x", shape: [1, count], dtype, quantization: x });
  builder.operator({ ...operator, name: "f", inputs: ["x"], outputs: ["y"] } as Operator, {
    quantization: y,
  });
  builder.outputs.push("y");
  const counted = Array.from({ length: count }, (_, i) => i + least);
  const codes = dtype === "int8" ? Int8Array.from(counted) : Int16Array.from(counted);
  const got = runInteger(builder.build(), new Map([["x", codes]])).get("y")!;
  return Array.from(codes, (code, i) => ({
    x: code * x.scale[0]!,
    y: (Number(got[i]) - y.zeroPoint[0]!) * y.scale[0]!,
    scale: y.scale[0]!,
  }));
}

const FUNCTIONS: readonly [Unary, (x: number) => number, readonly [number, number]][] = [
  [{ kind: "elu", attributes: { alpha: 1 } }, (x) => (x < 0 ? Math.expm1(x) : x), [-1, 8]],
  [
    { kind: "selu", attributes: { alpha: 1.67326, gamma: 1.0507 } },
    (x) => 1.0507 * (x < 0 ? 1.67326 * Math.expm1(x) : x),
    [-1.8, 8.5],
  ],
  [
    { kind: "gelu", attributes: { approximate: false } },
    (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
    [-0.2, 8],
  ],
  [
    { kind: "hardSigmoid", attributes: { alpha: 0.2, beta: 0.5 } },
    (x) => Math.min(Math.max(0.2 * x + 0.5, 0), 1),
    [0, 1],
  ],
  [{ kind: "softplus", attributes: {} }, (x) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0), [0, 8]],
  [{ kind: "softsign", attributes: {} }, (x) => x / (1 + Math.abs(x)), [-1, 1]],
  [{ kind: "erf", attributes: {} }, erf, [-1, 1]],
  [{ kind: "sin", attributes: {} }, Math.sin, [-1, 1]],
  [{ kind: "hardSwish", attributes: {} }, (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6, [-0.4, 8]],
];

describe.each(["int8", "int16"] as const)("tables of %s codes", (dtype) => {
  it.each(FUNCTIONS)("$kind is the code nearest to the real function", (operator, f, range) => {
    const errors = everyCode(operator, dtype, range).map(({ x, y, scale }) => {
      const wanted = Math.min(Math.max(f(x), range[0]), range[1]);
      return Math.abs(y - wanted) / scale;
    });
    // Half a code, and what the way there adds.
    expect(errors.reduce((a, b) => Math.max(a, b))).toBeLessThan(0.51 + EXTRA[dtype](operator.kind));
  });
});

/** Codes by which interpolation misses: a corner lies inside a step of 1/32, a curve bends by its second derivative. */
const BEND: Partial<Record<string, number>> = {
  hardSigmoid: 30,
  hardSwish: 10,
  softsign: 8,
  erf: 6,
  sin: 9,
  selu: 5,
};
const EXTRA = {
  // hardSwish multiplies 16-bit numbers, as in TensorFlow Lite, and may round once more.
  int8: (kind: string): number => (kind === "hardSwish" ? 1 : 0),
  int16: (kind: string): number => BEND[kind] ?? 3,
};

/** Runs one operator with constants on codes that count up; real results, and the output's scale. */
function rows(dtype: "int8" | "int16", n: number, epsilon: number) {
  const x = dtype === "int8" ? fixed(0.05, 7) : fixed(0.05 / 256, 0);
  const y = dtype === "int8" ? fixed(4 / 127, -3) : fixed(5 / 32767, 0);
  const scale = Float32Array.from({ length: n }, (_, i) => 1 + 0.5 * Math.sin(i));
  const shift = Float32Array.from({ length: n }, (_, i) => 0.3 * Math.cos(2 * i));
  const builder = new GraphBuilder("norm");
  const constant = (name: string, data: Float32Array, type: DType = "float32") =>
    builder.tensor({ name, shape: [n], dtype: type, data });
  builder.input({ name: "x", shape: [3, n], dtype, quantization: x });
  builder.operator(
    {
      kind: "layerNorm",
      name: "norm",
      inputs: ["x", constant("scale", scale), constant("shift", shift)],
      outputs: ["y"],
      attributes: { axis: -1, epsilon },
    },
    { quantization: y },
  );
  builder.outputs.push("y");
  const most = dtype === "int8" ? 120 : 30000;
  const codes = Array.from({ length: 3 * n }, (_, i) =>
    Math.round(most * Math.sin(i * i * 0.13) * (1 + (i % 3)) * 0.3),
  );
  const input = dtype === "int8" ? Int8Array.from(codes) : Int16Array.from(codes);
  const got = runInteger(builder.build(), new Map([["x", input]])).get("y")!;
  const errors: number[] = [];
  for (let row = 0; row < 3; row++) {
    const values = Array.from(
      input.subarray(row * n, (row + 1) * n),
      (c) => (c - x.zeroPoint[0]!) * x.scale[0]!,
    );
    const mean = values.reduce((a, b) => a + b, 0) / n;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
    values.forEach((value, i) => {
      const wanted = ((value - mean) / Math.sqrt(variance + epsilon)) * scale[i]! + shift[i]!;
      const real = (Number(got[row * n + i]) - y.zeroPoint[0]!) * y.scale[0]!;
      errors.push(Math.abs(real - wanted) / y.scale[0]!);
    });
  }
  return Math.max(...errors);
}

describe("layer norm", () => {
  it.each([
    ["int8", 8, 1e-5, 0.51],
    ["int8", 64, 1e-2, 0.51],
    ["int16", 48, 1e-5, 1],
  ] as const)("of %s codes, %i to a row, epsilon %f, is within %f codes of the real one", (dtype, n, epsilon, most) => {
    expect(rows(dtype, n, epsilon)).toBeLessThan(most);
  });

  it("of a row of equal codes is its shift alone", () => {
    expect(rows("int8", 1, 1e-5)).toBeLessThan(0.51);
  });
});

it("pow is the table of x to a constant power", () => {
  const builder = new GraphBuilder("pow");
  builder.input({ name: "x", shape: [1, 4], dtype: "int8", quantization: fixed(0.1, 0) });
  builder.tensor({ name: "e", shape: [1], dtype: "float32", data: Float32Array.of(2) });
  builder.operator(
    { kind: "pow", name: "square", inputs: ["x", "e"], outputs: ["y"], attributes: {} },
    { quantization: fixed(1, 0) },
  );
  builder.outputs.push("y");
  const y = runInteger(builder.build(), new Map([["x", Int8Array.of(-30, 0, 50, 110)]])).get("y");
  expect(y).toEqual(Int8Array.of(9, 0, 25, 121));
});
