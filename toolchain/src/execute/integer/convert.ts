import type { Tensor } from "../../graph/graph.js";
import { clamp, quantizeMultiplier, type Rounding, requantizer } from "./fixed-point.js";
import {
  type Affine,
  affine,
  codeOf,
  codeRange,
  input,
  type NumberData,
  output,
  type PrepareKernel,
} from "./kernel.js";

/** Codes of real numbers: round half away from zero, saturate. */
export function quantizeValues(
  values: ArrayLike<number>,
  target: NumberData,
  quantization: Affine,
  range: { min: number; max: number },
): void {
  for (let i = 0; i < target.length; i++) {
    target[i] = clamp(codeOf(values[i]!, quantization), range.min, range.max);
  }
}

/** Real numbers of codes: float32(scale * (code - zeroPoint)). */
export function dequantizeValues(
  codes: ArrayLike<number>,
  target: Float32Array,
  { scale, zeroPoint }: Affine,
): void {
  for (let i = 0; i < target.length; i++) target[i] = scale * (codes[i]! - zeroPoint);
}

/** reference_ops::Requantize from the codes of `from` to those of `to`. */
export function requantizeCode(from: Tensor, to: Tensor, rounding: Rounding): (code: number) => number {
  const [x, y] = [affine(from), affine(to)];
  const { min, max } = codeRange(to);
  const { multiplier, shift } = quantizeMultiplier(x.scale / y.scale, rounding);
  const requantize = requantizer(rounding);
  return (code) => clamp(requantize(code - x.zeroPoint, multiplier, shift) + y.zeroPoint, min, max);
}

export const prepareQuantize: PrepareKernel<"quantize"> = (operator, context) => {
  const source = context.buffer(input(operator, 0));
  const target = context.tensor(output(operator));
  const result = context.buffer(target.name);
  const [quantization, range] = [affine(target), codeRange(target)];
  return () => quantizeValues(source, result, quantization, range);
};

export const prepareDequantize: PrepareKernel<"dequantize"> = (operator, context) => {
  const source = context.tensor(input(operator, 0));
  const codes = context.buffer(source.name);
  const result = context.buffer(output(operator));
  const quantization = affine(source);
  return () => dequantizeValues(codes, result as Float32Array, quantization);
};

export const prepareRequantize: PrepareKernel<"requantize"> = (operator, context) => {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const convert = requantizeCode(source, target, context.rounding);
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  return () => {
    for (let i = 0; i < result.length; i++) result[i] = convert(codes[i]!);
  };
};
