import type { OperatorOf } from "../../graph/graph.js";
import { clamp, quantizeMultiplier, requantizer } from "./fixed-point.js";
import { DOUBLE, interpolatedTable, lookUp } from "./interpolated-table.js";
import { affine, elementCount, input, type KernelContext, output } from "./kernel.js";
import { fromNativeCodes } from "./softmax-codes.js";

const RANGE = 65535;
/** exp on [-10, 0] and 1 / (1 + x) on [0, 1], both in 0.15 format. */
const EXP = interpolatedTable(
  Math.exp,
  { scale: 10 / RANGE, zeroPoint: 32767 },
  { scale: 2 / RANGE, zeroPoint: 0 },
  DOUBLE,
);
const RECIPROCAL = interpolatedTable(
  (x) => 1 / (1 + x),
  { scale: 1 / RANGE, zeroPoint: -32768 },
  { scale: 2 / RANGE, zeroPoint: 0 },
  DOUBLE,
);

const toInt16 = (x: number): number => clamp(x, -32768, 32767);

/** reference_ops::SoftmaxInt16 along the last axis; the output's scale is 1/32768. */
export function prepareSoftmax16(operator: OperatorOf<"softmax">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const depth = source.shape.at(-1)!;
  const rows = elementCount(source.shape) / depth;
  const real = (affine(source).scale * operator.attributes.beta) / (10 / RANGE);
  const { multiplier, shift } = quantizeMultiplier(real, context.rounding);
  const requantize = requantizer(context.rounding);
  const codes = context.buffer(source.name);
  const target = context.tensor(output(operator));
  const result = context.buffer(target.name);
  const settle = fromNativeCodes(target, 1 / 32768, 0, context);
  const exponentials = new Int16Array(depth);
  return () => {
    for (let row = 0; row < rows; row++) {
      const start = row * depth;
      let greatest = -32768;
      for (let c = 0; c < depth; c++) greatest = Math.max(greatest, codes[start + c]!);
      let sum = 0;
      for (let c = 0; c < depth; c++) {
        const scaled = requantize(codes[start + c]! - greatest, multiplier, shift);
        exponentials[c] = lookUp(EXP, toInt16(scaled + 32767));
        sum += exponentials[c]!;
      }
      const headroom = Math.clz32(sum);
      const shifted = Math.floor((sum * 2 ** (headroom - 1) + (1 << 13)) / (1 << 14));
      const inverse = lookUp(RECIPROCAL, toInt16(shifted - (1 << 15) - (1 << 16)));
      const down = 31 - headroom;
      for (let c = 0; c < depth; c++) {
        const share = Math.floor((exponentials[c]! * inverse + 2 ** (down - 1)) / 2 ** down);
        result[start + c] = settle(clamp(share, 0, 32767));
      }
    }
  };
}
