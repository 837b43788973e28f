import { UnsupportedError } from "../../errors.js";
import {
  clamp,
  quantizeMultiplier,
  requantizer,
  roundingDivideByPot,
  saturatingRoundingDoublingHighMul,
} from "./fixed-point.js";
import { expOnNegativeValues, reciprocal } from "./gemmlowp.js";
import { affine, codeRange, elementCount, input, output, type PrepareKernel } from "./kernel.js";

const SCALED_DIFFERENCE_INTEGER_BITS = 5;
const ACCUMULATION_INTEGER_BITS = 12;

/** reference_ops::Softmax for 8-bit inputs: Q5.26 differences from the maximum, Q12.19 sum. */
export const prepareSoftmax: PrepareKernel<"softmax"> = (operator, context) => {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const axis =
    operator.attributes.axis < 0 ? operator.attributes.axis + source.shape.length : operator.attributes.axis;
  if (axis !== source.shape.length - 1 || source.dtype !== "int8") {
    throw new UnsupportedError({
      expected: `softmax "${operator.name}" over the last axis of int8 data`,
      got: `axis ${axis} of ${source.shape.length}, ${source.dtype}`,
      todo: "Move the axis to the end with a transpose, or keep this operator in floating point.",
    });
  }
  const depth = source.shape[axis]!;
  const rows = elementCount(source.shape) / depth;
  const real = Math.min(
    operator.attributes.beta * affine(source).scale * 2 ** (31 - SCALED_DIFFERENCE_INTEGER_BITS),
    context.rounding === "single" ? 2 ** 30 - 1 : 2 ** 31 - 1,
  );
  const { multiplier, shift } = quantizeMultiplier(real, context.rounding);
  const requantize = requantizer(context.rounding);
  const leastDifference = -Math.floor(
    ((2 ** SCALED_DIFFERENCE_INTEGER_BITS - 1) * 2 ** (31 - SCALED_DIFFERENCE_INTEGER_BITS)) / 2 ** shift,
  );
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  const { min, max } = codeRange(target);
  const outputBits = target.dtype === "int16" ? 16 : 8;
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
          result[start + c] = min;
          continue;
        }
        const quotient = roundingDivideByPot(
          saturatingRoundingDoublingHighMul(mantissa, exponentials[c]!),
          bitsOverUnit + 31 - outputBits,
        );
        result[start + c] = clamp(quotient + min, min, max);
      }
    }
  };
};
