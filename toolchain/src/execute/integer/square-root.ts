import type { OperatorOf } from "../../graph/graph.js";
import { clamp, quantizeMultiplier, requantizer } from "./fixed-point.js";
import { inverseSquareRoot } from "./gemmlowp.js";
import { affine, codeRange, input, type KernelContext, output } from "./kernel.js";

/** Bits that keep 1 / sqrt(code) an integer. */
const FRACTION_BITS = 20;

/**
 * elementwise::RsqrtEvalQuantizedInt8: 1 / sqrt(code) by Newton steps. Zero gives the greatest code; below it, where
 * TensorFlow Lite stops, too.
 */
export function prepareRsqrt8(operator: OperatorOf<"rsqrt">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const [x, y] = [affine(source), affine(target)];
  const from = codeRange(source);
  const { min, max } = codeRange(target);
  const real = 1 / Math.fround(Math.fround(Math.sqrt(x.scale)) * y.scale);
  const scaling = quantizeMultiplier(real, context.rounding);
  const requantize = requantizer(context.rounding);
  const table = Int32Array.from({ length: from.max - from.min + 1 }, (_, i) => {
    const value = from.min + i - x.zeroPoint;
    if (value <= 0) return max;
    const { multiplier, shift } = inverseSquareRoot(value);
    const root = requantize(1, multiplier, shift + FRACTION_BITS);
    const code = requantize(root, scaling.multiplier, scaling.shift - FRACTION_BITS);
    return clamp(code + y.zeroPoint, min, max);
  });
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  return () => {
    for (let i = 0; i < result.length; i++) result[i] = table[codes[i]! - from.min]!;
  };
}

/** elementwise::SqrtEvalQuantized: the root in float32, cut off instead of rounded. Below zero it gives zero. */
export function prepareSqrt(operator: OperatorOf<"sqrt">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const [x, y] = [affine(source), affine(target)];
  const from = codeRange(source);
  const { min, max } = codeRange(target);
  const table = Int32Array.from({ length: from.max - from.min + 1 }, (_, i) => {
    const real = Math.max(Math.fround(x.scale * (from.min + i - x.zeroPoint)), 0);
    const code = Math.trunc(Math.fround(Math.fround(Math.sqrt(real)) / y.scale));
    return clamp(code + y.zeroPoint, min, max);
  });
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  return () => {
    for (let i = 0; i < result.length; i++) result[i] = table[codes[i]! - from.min]!;
  };
}
