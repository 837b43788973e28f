import { UnsupportedError } from "../../errors.js";
import type { OperatorOf, Tensor } from "../../graph/graph.js";
import {
  clamp,
  quantizeMultiplier,
  type Rounding,
  requantizer,
  roundingDivideByPot,
  saturatingRoundingDoublingHighMul,
} from "./fixed-point.js";
import { expOnNegativeValues, reciprocal } from "./gemmlowp.js";
import { affine, codeRange, elementCount, input, output, type PrepareKernel } from "./kernel.js";
import { fromNativeCodes } from "./softmax-codes.js";
import { prepareSoftmax16 } from "./softmax16.js";

export const SCALED_DIFFERENCE_INTEGER_BITS = 5;
export const ACCUMULATION_INTEGER_BITS = 12;

/** How differences of codes become Q5.26, and the least difference whose exponential counts. */
export function softmaxScaling(
  scale: number,
  rounding: Rounding,
): { multiplier: number; shift: number; leastDifference: number } {
  const real = Math.min(
    scale * 2 ** (31 - SCALED_DIFFERENCE_INTEGER_BITS),
    rounding === "single" ? 2 ** 30 - 1 : 2 ** 31 - 1,
  );
  const { multiplier, shift } = quantizeMultiplier(real, rounding);
  const leastDifference = -Math.floor(
    ((2 ** SCALED_DIFFERENCE_INTEGER_BITS - 1) * 2 ** (31 - SCALED_DIFFERENCE_INTEGER_BITS)) / 2 ** shift,
  );
  return { multiplier, shift, leastDifference };
}

/** Softmax and log-softmax work along the last axis, as in TensorFlow Lite. */
export function requireLastAxis(operator: OperatorOf<"softmax" | "logSoftmax">, source: Tensor): void {
  const { axis } = operator.attributes;
  const rank = source.shape.length;
  if (axis === -1 || axis === rank - 1) return;
  throw new UnsupportedError({
    expected: `${operator.kind} "${operator.name}" over the last axis`,
    got: `axis ${axis} of ${rank}`,
    todo: "Move the axis to the end with a transpose, or keep this operator in floating point.",
  });
}

/** reference_ops::Softmax for 8-bit inputs: Q5.26 differences from the maximum, Q12.19 sum. */
export const prepareSoftmax: PrepareKernel<"softmax"> = (operator, context) => {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  requireLastAxis(operator, source);
  if (source.dtype === "int16") return prepareSoftmax16(operator, context);
  const depth = source.shape.at(-1)!;
  const rows = elementCount(source.shape) / depth;
  const { multiplier, shift, leastDifference } = softmaxScaling(
    operator.attributes.beta * affine(source).scale,
    context.rounding,
  );
  const requantize = requantizer(context.rounding);
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  const { min, max } = codeRange(target);
  const outputBits = target.dtype === "int16" ? 16 : 8;
  const settle = fromNativeCodes(target, target.dtype === "int16" ? 1 / 65536 : 1 / 256, min, context);
  const exponentials = new Int32Array(depth);

  return () => {
    for (let row = 0; row < rows; row++) {
      const start = row * depth;
      let greatest = -0x80000000;
      for (let c = 0; c < depth; c++) greatest = Math.max(greatest, codes[start + c]!);
      let sum = 0;
      for (let c = 0; c < depth; c++) {
        const difference = codes[start + c]! - greatest;
        if (difference < leastDifference) continue;
        const scaled = requantize(difference, multiplier, shift);
        exponentials[c] = expOnNegativeValues(scaled, SCALED_DIFFERENCE_INTEGER_BITS);
        sum = (sum + roundingDivideByPot(exponentials[c]!, ACCUMULATION_INTEGER_BITS)) | 0;
      }
      const { mantissa, bitsOverUnit } = reciprocal(sum, ACCUMULATION_INTEGER_BITS);
      for (let c = 0; c < depth; c++) {
        if (codes[start + c]! - greatest < leastDifference) {
          result[start + c] = settle(min);
          continue;
        }
        const quotient = roundingDivideByPot(
          saturatingRoundingDoublingHighMul(mantissa, exponentials[c]!),
          bitsOverUnit + 31 - outputBits,
        );
        result[start + c] = settle(clamp(quotient + min, min, max));
      }
    }
  };
};
