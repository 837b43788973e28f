import type { OperatorOf } from "../../graph/graph.js";
import { broadcastIndex } from "./broadcast.js";
import { clamp, quantizeMultiplier, requantizer } from "./fixed-point.js";
import { affine, codeOf, codeRange, input, type KernelContext, output } from "./kernel.js";

/** reference_ops::ReluX: requantize, then clamp at the codes of the bounds. */
export function prepareRelu(
  operator: OperatorOf<"relu" | "relu6" | "clip">,
  context: KernelContext,
): () => void {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const [x, y] = [affine(source), affine(target)];
  const range = codeRange(target);
  const [low, high] =
    operator.kind === "clip"
      ? [operator.attributes.min, operator.attributes.max]
      : [0, operator.kind === "relu6" ? 6 : Number.POSITIVE_INFINITY];
  const min = Number.isFinite(low) ? clamp(codeOf(low, y), range.min, range.max) : range.min;
  const max = Number.isFinite(high) ? clamp(codeOf(high, y), range.min, range.max) : range.max;
  const real = Math.fround(x.scale / y.scale);
  const { multiplier, shift } = quantizeMultiplier(real, context.rounding);
  const requantize = requantizer(context.rounding);
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  return () => {
    for (let i = 0; i < result.length; i++) {
      result[i] = clamp(requantize(codes[i]! - x.zeroPoint, multiplier, shift) + y.zeroPoint, min, max);
    }
  };
}

/** reference_ops::QuantizeLeakyRelu: two multipliers, one for each side of zero. */
export function prepareLeakyRelu(operator: OperatorOf<"leakyRelu">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const [x, y] = [affine(source), affine(target)];
  const alpha = Math.fround(operator.attributes.alpha);
  const below = signedMultiplier(Math.fround(Math.fround(x.scale * alpha) / y.scale), context);
  const above = signedMultiplier(Math.fround(x.scale / y.scale), context);
  const { min, max } = codeRange(target);
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  return () => {
    for (let i = 0; i < result.length; i++) {
      const value = codes[i]! - x.zeroPoint;
      result[i] = clamp((value >= 0 ? above(value) : below(value)) + y.zeroPoint, min, max);
    }
  };
}

/** A slope may be negative; TFLite's multiplier then is too, which SRDHM takes as it is. */
function signedMultiplier(real: number, context: KernelContext): (x: number) => number {
  const { multiplier, shift } = quantizeMultiplier(Math.abs(real), context.rounding);
  const requantize = requantizer(context.rounding);
  const signed = real < 0 ? -multiplier : multiplier;
  return (x) => requantize(x, signed, shift);
}

/** reference_integer_ops::Prelu, the slope broadcast over the leading axes. */
export function preparePrelu(operator: OperatorOf<"prelu">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const slope = context.tensor(input(operator, 1));
  const target = context.tensor(output(operator));
  const [x, a, y] = [affine(source), affine(slope), affine(target)];
  const above = signedMultiplier(x.scale / y.scale, context);
  const below = signedMultiplier((x.scale * a.scale) / y.scale, context);
  const index = broadcastIndex(slope.shape, target.shape);
  const { min, max } = codeRange(target);
  const codes = context.buffer(source.name);
  const slopes = context.buffer(slope.name);
  const result = context.buffer(target.name);
  return () => {
    for (let i = 0; i < result.length; i++) {
      const value = codes[i]! - x.zeroPoint;
      const scaled =
        value >= 0
          ? above(value)
          : below(Math.imul(value, slopes[index === null ? i : index[i]!]! - a.zeroPoint));
      result[i] = clamp(scaled + y.zeroPoint, min, max);
    }
  };
}

/** elementwise::AbsEvalQuantized: the magnitude, requantized where the two scales differ. */
export function prepareAbs(operator: OperatorOf<"abs">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const [x, y] = [affine(source), affine(target)];
  const { multiplier, shift } = quantizeMultiplier(Math.fround(x.scale / y.scale), context.rounding);
  const requantize = requantizer(context.rounding);
  const isRescaled = x.scale !== y.scale;
  const { min, max } = codeRange(target);
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  return () => {
    for (let i = 0; i < result.length; i++) {
      const magnitude = Math.abs(codes[i]! - x.zeroPoint);
      const scaled = isRescaled ? requantize(magnitude, multiplier, shift) : magnitude;
      result[i] = clamp(scaled + y.zeroPoint, min, max);
    }
  };
}
