import { UnsupportedError } from "../../../errors.js";
import type { OperatorOf } from "../../../graph/graph.js";
import { clamp, quantizeMultiplier, requantizer, roundingDivideByPot } from "../fixed-point.js";
import { hyperbolicTangent16, logistic16 } from "../gemmlowp16.js";
import { affine, codeRange, input, type KernelContext } from "../kernel.js";
import {
  dimensionsOf,
  GATE_SCALE,
  initialCodes,
  outputName,
  prepareProduct,
  saturate16,
  vectorOf,
} from "./gates.js";

/** Integer bits of the gates' sums, Q3.12. */
const GATE_INTEGER_BITS = 3;

/**
 * TensorFlow Lite's integer LSTM (8x8_16) without peepholes, projection or layer norm: int8 inputs, weights and hidden
 * state, gates in Q3.12, cell state int16 at a power of two. Gates stand in ONNX's order i, o, f, c. Inputs: x, w
 * [directions, 4 * hidden, in], r, bias?, initial hidden state?, initial cell state, which must be there: its scale is the
 * cell state's. Outputs: the sequence, and the last hidden and cell states; hidden ones share one scale. 16-bit
 * activations go the same way.
 */
export function prepareLstm(operator: OperatorOf<"lstm">, context: KernelContext): () => void {
  const { steps, batch, width, hidden, reversed } = dimensionsOf(operator, context);
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(operator.outputs.find((name) => name !== "")!);
  const state = affine(target);
  const cellBits = cellFractionBits(operator, context);
  // As TensorFlow Lite writes it: float32 of 2^-15 / scale * 2^-15.
  const hiddenScale = quantizeMultiplier(Math.fround(2 ** -15 / state.scale) * 2 ** -15, context.rounding);
  const requantize = requantizer(context.rounding);
  const { min, max } = codeRange(target);
  const products = reversed.map((_, direction) => {
    const parts = { operator, direction, sumScale: GATE_SCALE };
    const [w, r] = [context.tensor(input(operator, 1)), context.tensor(input(operator, 2))];
    return {
      x: prepareProduct({ ...parts, weights: w, vector: vectorOf(source), biasHalf: 0 }, context),
      h: prepareProduct({ ...parts, weights: r, vector: vectorOf(target), biasHalf: 1 }, context),
    };
  });
  const codes = context.buffer(source.name);
  const initialHidden = initialCodes(operator.inputs[4], target, context);
  const initialCell = context.buffer(input(operator, 5));
  const [sequence, lastHidden, lastCell] = [0, 1, 2].map((place) => {
    const name = outputName(operator, place);
    return name === undefined ? null : context.buffer(name);
  });
  const h = new Int32Array(hidden);
  const c = new Int32Array(hidden);
  const fromInput = new Int32Array(4 * hidden);
  const fromState = new Int32Array(4 * hidden);

  const step = (): void => {
    for (let i = 0; i < hidden; i++) {
      const gate = (index: number): number => {
        const at = index * hidden + i;
        return saturate16(saturate16(fromInput[at]!) + fromState[at]!);
      };
      const inputGate = logistic16(gate(0), GATE_INTEGER_BITS);
      const outputGate = logistic16(gate(1), GATE_INTEGER_BITS);
      const forgetGate = logistic16(gate(2), GATE_INTEGER_BITS);
      const cellGate = hyperbolicTangent16(gate(3), GATE_INTEGER_BITS);
      const kept = roundingDivideByPot(forgetGate * c[i]!, 15);
      const added = roundingDivideByPot(inputGate * cellGate, 30 - cellBits);
      c[i] = saturate16(kept + added);
      const squashed = hyperbolicTangent16(c[i]!, 15 - cellBits);
      const product = requantize(outputGate * squashed, hiddenScale.multiplier, hiddenScale.shift);
      h[i] = clamp(product + state.zeroPoint, min, max);
    }
  };

  return () => {
    reversed.forEach((isReversed, direction) => {
      for (let b = 0; b < batch; b++) {
        const place = (direction * batch + b) * hidden;
        for (let i = 0; i < hidden; i++) {
          h[i] = initialHidden(place + i);
          c[i] = initialCell[place + i]!;
        }
        for (let t = 0; t < steps; t++) {
          const at = isReversed ? steps - 1 - t : t;
          products[direction]!.x.run(codes, (at * batch + b) * width, fromInput);
          products[direction]!.h.run(h, 0, fromState);
          step();
          sequence?.set(h, ((at * reversed.length + direction) * batch + b) * hidden);
        }
        lastHidden?.set(h, place);
        lastCell?.set(c, place);
      }
    });
  };
}

/** n of the cell state's scale 2^-n. */
function cellFractionBits(operator: OperatorOf<"lstm">, context: KernelContext): number {
  const name = operator.inputs[5] ?? "";
  const cell = name === "" ? undefined : context.tensor(name);
  const scale = cell?.quantization?.scale[0] ?? 0;
  const bits = -Math.log2(scale);
  if (cell?.dtype !== "int16" || !Number.isInteger(bits) || bits < 9 || bits > 15) {
    throw new UnsupportedError({
      expected: `an initial cell state of lstm "${operator.name}" in int16 with a scale of 2^-9 to 2^-15`,
      got: cell === undefined ? "none" : `${cell.dtype} with scale ${scale}`,
      todo: "Quantize the cell state so: its scale is the layer's.",
    });
  }
  const last = outputName(operator, 2);
  if (last !== undefined && context.tensor(last).quantization?.scale[0] !== scale) {
    throw new UnsupportedError({
      expected: `the last cell state of lstm "${operator.name}" at the scale ${scale} of the initial one`,
      got: String(context.tensor(last).quantization?.scale[0]),
      todo: "Give both one scale.",
    });
  }
  return bits;
}
