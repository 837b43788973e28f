import { UnsupportedError } from "../../errors.js";
import { clamp, quantizeMultiplier, requantizer, roundingDivideByPot } from "./fixed-point.js";
import { expOnNegativeValues, logOfOneOrMore } from "./gemmlowp.js";
import { affine, codeRange, elementCount, input, output, type PrepareKernel } from "./kernel.js";
import {
  ACCUMULATION_INTEGER_BITS,
  requireLastAxis,
  SCALED_DIFFERENCE_INTEGER_BITS,
  softmaxScaling,
} from "./softmax.js";

/** The output spans [-16, 0]: scale 1/16, zero point 127. */
const OUTPUT_INTEGER_BITS = 4;
const OUTPUT_ZERO_POINT = 127;

/** reference_integer_ops::LogSoftmax along the last axis of int8 codes. */
export const prepareLogSoftmax: PrepareKernel<"logSoftmax"> = (operator, context) => {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  requireLastAxis(operator, source);
  const y = affine(target);
  if (source.dtype !== "int8" || y.scale !== 1 / 16 || y.zeroPoint !== OUTPUT_ZERO_POINT) {
    throw new UnsupportedError({
      expected: `logSoftmax "${operator.name}" of int8 codes with an output of scale 1/16 and zero point 127`,
      got: `${source.dtype}, scale ${y.scale} and zero point ${y.zeroPoint}`,
      todo: "Quantize it so (TensorFlow Lite knows no other), or keep this operator in floating point.",
    });
  }
  const depth = source.shape.at(-1)!;
  const rows = elementCount(source.shape) / depth;
  const { multiplier, shift, leastDifference } = softmaxScaling(affine(source).scale, context.rounding);
  const back = quantizeMultiplier(2 ** (31 - shift) / multiplier, context.rounding);
  const requantize = requantizer(context.rounding);
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  const { min, max } = codeRange(target);

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
        const exponential = expOnNegativeValues(scaled, SCALED_DIFFERENCE_INTEGER_BITS);
        sum = (sum + roundingDivideByPot(exponential, ACCUMULATION_INTEGER_BITS)) | 0;
      }
      const logSum = logOfOneOrMore(sum, ACCUMULATION_INTEGER_BITS);
      const least = Math.max(
        leastDifference - 1,
        requantize((logSum - 0x80000000) | 0, back.multiplier, back.shift),
      );
      for (let c = 0; c < depth; c++) {
        const difference = codes[start + c]! - greatest;
        if (difference <= least) {
          result[start + c] = min;
          continue;
        }
        const scaled = requantize(difference, multiplier, shift);
        const log = roundingDivideByPot(
          (scaled - logSum) | 0,
          31 - SCALED_DIFFERENCE_INTEGER_BITS - OUTPUT_INTEGER_BITS,
        );
        result[start + c] = clamp(log + OUTPUT_ZERO_POINT, min, max);
      }
    }
  };
};
