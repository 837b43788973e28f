import type { OperatorOf } from "../../../graph/graph.js";
import { quantizeMultiplier, requantizer } from "../fixed-point.js";
import { affine, clampTo, input, type KernelContext } from "../kernel.js";
import { sigmoidInput, tanh16 } from "../sigmoid16.js";
import {
  dimensionsOf,
  GATE_SCALE,
  initialCodes,
  outputName,
  prepareProduct,
  saturate16,
  vectorOf,
} from "./gates.js";

const GATE = sigmoidInput(GATE_SCALE);

/**
 * Mote's integer RNN; no other defines one. The hidden state has the codes of the output. With tanh the sums are Q3.12 and
 * tanh's Q0.15 result is requantized to those codes; with ReLU the sums are taken at the output's scale at once. The
 * recurrent bias is at scale s_h * s_r. docs/integers.md gives every step.
 */
export function prepareRnn(operator: OperatorOf<"rnn">, context: KernelContext): () => void {
  const { steps, batch, width, hidden, reversed } = dimensionsOf(operator, context);
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(operator.outputs.find((name) => name !== "")!);
  const state = affine(target);
  const isTanh = operator.attributes.activation === "tanh";
  const sumScale = isTanh ? GATE_SCALE : state.scale;
  const products = reversed.map((_, direction) => {
    const parts = { operator, direction, sumScale };
    const [w, r] = [context.tensor(input(operator, 1)), context.tensor(input(operator, 2))];
    return {
      x: prepareProduct({ ...parts, weights: w, vector: vectorOf(source), biasHalf: 0 }, context),
      h: prepareProduct({ ...parts, weights: r, vector: vectorOf(target), biasHalf: 1 }, context),
    };
  });
  const { multiplier, shift } = quantizeMultiplier(1 / 32768 / state.scale, context.rounding);
  const requantize = requantizer(context.rounding);
  const clamp = clampTo(target);
  const codes = context.buffer(source.name);
  const initial = initialCodes(operator.inputs[4], target, context);
  const [sequence, last] = [0, 1].map((place) => {
    const name = outputName(operator, place);
    return name === undefined ? null : context.buffer(name);
  });
  const h = new Int32Array(hidden);
  const fromInput = new Int32Array(hidden);
  const fromState = new Int32Array(hidden);

  return () => {
    reversed.forEach((isReversed, direction) => {
      const product = products[direction]!;
      for (let b = 0; b < batch; b++) {
        const place = (direction * batch + b) * hidden;
        for (let i = 0; i < hidden; i++) h[i] = initial(place + i);
        for (let t = 0; t < steps; t++) {
          const at = isReversed ? steps - 1 - t : t;
          product.x.run(codes, (at * batch + b) * width, fromInput);
          product.h.run(h, 0, fromState);
          for (let i = 0; i < hidden; i++) {
            const sum = saturate16(saturate16(fromInput[i]!) + fromState[i]!);
            const code = isTanh ? requantize(tanh16(sum, GATE), multiplier, shift) : Math.max(sum, 0);
            h[i] = clamp(code + state.zeroPoint);
          }
          sequence?.set(h, ((at * reversed.length + direction) * batch + b) * hidden);
        }
        last?.set(h, place);
      }
    });
  };
}
