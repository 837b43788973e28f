import { elementwise } from "./arithmetic.js";
import { clamp, quantizeMultiplier, requantizer } from "./fixed-point.js";
import { reciprocal } from "./gemmlowp.js";
import { activationRange, affine, input, output, type PrepareKernel } from "./kernel.js";

/** Bits of an int32 below its sign that repeat it. */
function leadingSignBits(x: number): number {
  return Math.clz32(x < 0 ? ~x : x) - 1;
}

/**
 * reference_ops::DivElementwise: the divisor's reciprocal as a Q0.31 mantissa, then two multiplications. What TensorFlow
 * Lite leaves open is settled: 0 divided by anything is 0, and anything else by 0 is the end of the range on its side.
 */
export const prepareDiv: PrepareKernel<"div"> = (operator, context) => {
  const target = context.tensor(output(operator));
  const a = affine(context.tensor(input(operator, 0)));
  const b = affine(context.tensor(input(operator, 1)));
  const y = affine(target);
  const real = Math.fround(a.scale / Math.fround(b.scale * y.scale));
  const { multiplier, shift } = quantizeMultiplier(real, context.rounding);
  const requantize = requantizer(context.rounding);
  const { min, max } = activationRange(target, operator.attributes.activation);
  return elementwise(operator, context, (p, q) => {
    const divisor = q - b.zeroPoint;
    const dividend = divisor < 0 ? a.zeroPoint - p : p - a.zeroPoint;
    if (dividend === 0) return clamp(y.zeroPoint, min, max);
    if (divisor === 0) return dividend > 0 ? max : min;
    const { mantissa, bitsOverUnit } = reciprocal(Math.abs(divisor), 31);
    const headroom = leadingSignBits(dividend);
    const quotient = requantize(dividend, mantissa, headroom);
    const total = shift - bitsOverUnit - headroom;
    return clamp(requantize(quotient, multiplier, total) + y.zeroPoint, min, max);
  });
};
