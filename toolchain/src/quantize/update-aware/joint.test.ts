import { describe, expect, it } from "vitest";
import type { OperatorOf } from "../../graph/graph.js";
import { roundJointly } from "./joint.js";
import type { LayerProblem } from "./layer-problem.js";
import type { LayerState } from "./layer-state.js";
import { bitsOf, copyState } from "./layer-state.js";
import type { Linearization } from "./linearize.js";

const SCALE = 0.01;

/** One channel of `targets.length` taps, whose inputs do not go together. */
function layer(name: string, targets: readonly number[], old: readonly number[]): LayerState {
  const taps = targets.length;
  const identity = new Float64Array(taps * taps);
  for (let i = 0; i < taps; i++) identity[i * taps + i] = 1;
  const operator = { kind: "fullyConnected", name, inputs: ["x", `${name}.w`, `${name}.b`], outputs: [name] };
  const problem = {
    layer: operator as unknown as OperatorOf<"fullyConnected">,
    previous: { codes: Int8Array.from(old), scale: Float32Array.of(SCALE), bias: Float64Array.of(0) },
    target: [Float64Array.from(targets)],
    old: [Int32Array.from(old)],
    scale: Float32Array.of(SCALE),
    step: 1,
    greatest: [1],
    covariance: () => identity,
    means: () => new Float64Array(taps),
    importance: [1],
    bias: Float32Array.of(0),
    inputScale: 0.1,
    outputScale: 0.1,
  } satisfies LayerProblem;
  const codes = [Int32Array.from(targets, (w) => Math.round(w / SCALE))];
  return { problem, codes, bias: Float64Array.of(0) };
}

/** All weights of both layers add to the one logit, biases do not reach it. */
function sum(states: readonly LayerState[]): Linearization {
  const error = states.flatMap(({ codes, problem }) =>
    Array.from(codes[0]!, (code, tap) => code * SCALE - problem.target[0]![tap]!),
  );
  return {
    rows: 1,
    residual: Float64Array.of(error.reduce((a, b) => a + b, 0)),
    layers: new Map(
      states.map(({ problem, codes }) => [
        problem.layer.name,
        { weights: new Float32Array(codes[0]!.length).fill(1), bias: new Float32Array(1) },
      ]),
    ),
  };
}

const power = (states: readonly LayerState[]): number => sum(states).residual[0]! ** 2;

describe("rounding all layers together", () => {
  it("lets the error of one layer take back that of another", () => {
    // Each weight is best rounded down by itself; all of them together must not be.
    const states = [layer("a", [0.104, 0.104, 0.104], [10, 10, 10]), layer("b", [0.054, 0.054], [5, 5])];
    const before = power(states);
    roundJointly(states, sum(states), { lambda: 0, anchor: 0.1 });
    expect(power(states)).toBeLessThan(before / 10);
  });

  it("keeps to what devices hold where bits are dear, and the anchor holds it to each layer's own loss", () => {
    const dear = [layer("a", [0.3, -0.2], [10, 10])];
    roundJointly(dear, sum(dear), { lambda: 10, anchor: 0.3 });
    expect([...dear[0]!.codes[0]!]).toEqual([10, 10]);
    const anchored = [layer("a", [0.104, 0.104, 0.104], [10, 10, 10])];
    roundJointly(anchored, sum(anchored), { lambda: 0, anchor: 1 });
    expect([...anchored[0]!.codes[0]!]).toEqual([10, 10, 10]);
  });

  it("leaves a copy of where it began alone, and biases on a grid that the patch can say", () => {
    const states = [layer("a", [0.33, -0.21], [10, 10])];
    states[0]!.bias![0] = 0.0304;
    const copy = states.map(copyState);
    const linear = sum(states);
    linear.layers.get("a")!.bias.fill(1);
    roundJointly(states, linear, { lambda: 1e-6, anchor: 0.3 });
    expect(copy[0]!.bias![0]).toBe(0.0304);
    const grid = states[0]!.bias![0]! / (16 * 0.1 * SCALE);
    expect(Math.abs(grid - Math.round(grid))).toBeLessThan(1e-6);
    expect(bitsOf(states)).toBeGreaterThan(0);
  });
});
