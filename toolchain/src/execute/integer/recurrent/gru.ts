import type { OperatorOf } from "../../../graph/graph.js";
import { quantizeMultiplier, requantizer, roundingDivideByPot } from "../fixed-point.js";
import { affine, clampTo, input, type KernelContext } from "../kernel.js";
import { sigmoid16, sigmoidInput, tanh16 } from "../sigmoid16.js";
import { dimensionsOf, GATE_SCALE, outputName, prepareProduct, saturate16, vectorOf } from "./gates.js";

/** The hidden state lies in (-1, 1): Q0.15. */
export const STATE_SCALE = 1 / 32768;
const GATE = sigmoidInput(GATE_SCALE);

/**
 * Mote's integer GRU; no other defines one. Gates in ONNX's order z, r, h. The hidden state stays in Q0.15 (an int8 state
 * would lose every update below half a code, and a GRU's updates are small), gates' sums are Q3.12, sigmoid and tanh the
 * 16-bit tables of TensorFlow Lite, and only outputs take the codes of their tensors. The recurrent bias is at scale
 * 2^-15 * s_r. docs/integers.md gives every step.
 */
export function prepareGru(operator: OperatorOf<"gru">, context: KernelContext): () => void {
  const { steps, batch, width, hidden, reversed } = dimensionsOf(operator, context);
  const source = context.tensor(input(operator, 0));
  const vector = { scale: STATE_SCALE, zeroPoint: 0, is16Bit: true };
  const { linearBeforeReset } = operator.attributes;
  const products = reversed.map((_, direction) => {
    const parts = { operator, direction, sumScale: GATE_SCALE };
    const [w, r] = [context.tensor(input(operator, 1)), context.tensor(input(operator, 2))];
    return {
      x: prepareProduct({ ...parts, weights: w, vector: vectorOf(source), biasHalf: 0 }, context),
      h: prepareProduct({ ...parts, weights: r, vector, biasHalf: 1 }, context),
    };
  });
  const codes = context.buffer(source.name);
  const begin = stateReader(operator.inputs[4] ?? "", context);
  const writers = [0, 1].map((place) => stateWriter(outputName(operator, place), context));
  const h = new Int32Array(hidden);
  const reset = new Int32Array(hidden);
  const gated = new Int32Array(hidden);
  const fromInput = new Int32Array(3 * hidden);
  const fromState = new Int32Array(3 * hidden);
  const fromGated = new Int32Array(3 * hidden);

  const step = (product: (typeof products)[number]): void => {
    product.h.run(h, 0, fromState);
    for (let i = 0; i < hidden; i++) {
      const sum = saturate16(saturate16(fromInput[hidden + i]!) + fromState[hidden + i]!);
      reset[i] = sigmoid16(sum, GATE);
      gated[i] = roundingDivideByPot(reset[i]! * h[i]!, 15);
    }
    if (!linearBeforeReset) product.h.run(gated, 0, fromGated);
    for (let i = 0; i < hidden; i++) {
      const keep = sigmoid16(saturate16(saturate16(fromInput[i]!) + fromState[i]!), GATE);
      const at = 2 * hidden + i;
      const recurrent = linearBeforeReset
        ? roundingDivideByPot(reset[i]! * saturate16(fromState[at]!), 15)
        : fromGated[at]!;
      const candidate = tanh16(saturate16(saturate16(fromInput[at]!) + recurrent), GATE);
      gated[i] = saturate16(roundingDivideByPot((32768 - keep) * candidate + keep * h[i]!, 15));
    }
    h.set(gated);
  };

  return () => {
    reversed.forEach((isReversed, direction) => {
      for (let b = 0; b < batch; b++) {
        const place = (direction * batch + b) * hidden;
        for (let i = 0; i < hidden; i++) h[i] = begin(place + i);
        for (let t = 0; t < steps; t++) {
          const at = isReversed ? steps - 1 - t : t;
          products[direction]!.x.run(codes, (at * batch + b) * width, fromInput);
          step(products[direction]!);
          writers[0]!(h, ((at * reversed.length + direction) * batch + b) * hidden);
        }
        writers[1]!(h, place);
      }
    });
  };
}

/** Codes of an initial state brought to Q0.15; zero where there is none. */
function stateReader(name: string, context: KernelContext): (at: number) => number {
  if (name === "") return () => 0;
  const { scale, zeroPoint } = affine(context.tensor(name));
  const { multiplier, shift } = quantizeMultiplier(scale / STATE_SCALE, context.rounding);
  const requantize = requantizer(context.rounding);
  const codes = context.buffer(name);
  return (at) => saturate16(requantize(codes[at]! - zeroPoint, multiplier, shift));
}

/** Puts a Q0.15 state into the codes of an output. */
function stateWriter(
  name: string | undefined,
  context: KernelContext,
): (state: Int32Array, offset: number) => void {
  if (name === undefined) return () => undefined;
  const tensor = context.tensor(name);
  const { scale, zeroPoint } = affine(tensor);
  const { multiplier, shift } = quantizeMultiplier(STATE_SCALE / scale, context.rounding);
  const requantize = requantizer(context.rounding);
  const clamp = clampTo(tensor);
  const result = context.buffer(name);
  return (state, offset) => {
    for (let i = 0; i < state.length; i++) {
      result[offset + i] = clamp(requantize(state[i]!, multiplier, shift) + zeroPoint);
    }
  };
}
