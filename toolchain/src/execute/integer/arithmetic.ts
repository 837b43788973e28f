import { UnsupportedError } from "../../errors.js";
import type { Operator, Tensor } from "../../graph/graph.js";
import { broadcastIndex } from "./broadcast.js";
import { clamp, quantizeMultiplier, requantizer } from "./fixed-point.js";
import {
  activationRange,
  affine,
  codeRange,
  input,
  type KernelContext,
  output,
  type PrepareKernel,
} from "./kernel.js";

/** Walks two inputs in step with the output, by table where one is broadcast. */
export function elementwise(
  operator: Operator,
  context: KernelContext,
  compute: (a: number, b: number) => number,
): () => void {
  const target = context.tensor(output(operator));
  const names = [input(operator, 0), input(operator, 1)] as const;
  const [a, b] = [context.buffer(names[0]), context.buffer(names[1])];
  const indexA = broadcastIndex(context.tensor(names[0]).shape, target.shape);
  const indexB = broadcastIndex(context.tensor(names[1]).shape, target.shape);
  const result = context.buffer(target.name);
  return () => {
    for (let i = 0; i < result.length; i++) {
      result[i] = compute(a[indexA === null ? i : indexA[i]!]!, b[indexB === null ? i : indexB[i]!]!);
    }
  };
}

/** reference_integer_ops::Add and reference_ops::Sub: both inputs on a common scale with 20 (int16: 15) more bits. */
function prepareSum(operator: Operator, context: KernelContext, sign: 1 | -1): () => void {
  const target = context.tensor(output(operator));
  const a = affine(context.tensor(input(operator, 0)));
  const b = affine(context.tensor(input(operator, 1)));
  const y = affine(target);
  const leftShift = target.dtype === "int16" ? 15 : 20;
  const twiceMax = 2 * Math.max(a.scale, b.scale);
  const multiplierA = quantizeMultiplier(a.scale / twiceMax, context.rounding);
  const multiplierB = quantizeMultiplier(b.scale / twiceMax, context.rounding);
  const multiplierY = quantizeMultiplier(twiceMax / (2 ** leftShift * y.scale), context.rounding);
  const requantize = requantizer(context.rounding);
  const attributes = operator.kind === "add" || operator.kind === "sub" ? operator.attributes : null;
  const { min, max } = activationRange(target, attributes?.activation ?? "none");
  return elementwise(operator, context, (p, q) => {
    const left = requantize((p - a.zeroPoint) << leftShift, multiplierA.multiplier, multiplierA.shift);
    const right = requantize((q - b.zeroPoint) << leftShift, multiplierB.multiplier, multiplierB.shift);
    const sum = requantize((left + sign * right) | 0, multiplierY.multiplier, multiplierY.shift);
    return clamp(sum + y.zeroPoint, min, max);
  });
}

export const prepareAdd: PrepareKernel<"add"> = (operator, context) => prepareSum(operator, context, 1);
export const prepareSub: PrepareKernel<"sub"> = (operator, context) => prepareSum(operator, context, -1);

/** reference_integer_ops::Mul; TFLite computes s_a * s_b / s_y in float32. */
export const prepareMul: PrepareKernel<"mul"> = (operator, context) => {
  const target = context.tensor(output(operator));
  const a = affine(context.tensor(input(operator, 0)));
  const b = affine(context.tensor(input(operator, 1)));
  const y = affine(target);
  const real = Math.fround(Math.fround(a.scale * b.scale) / y.scale);
  const { multiplier, shift } = quantizeMultiplier(real, context.rounding);
  const requantize = requantizer(context.rounding);
  const { min, max } = activationRange(target, operator.attributes.activation);
  return elementwise(operator, context, (p, q) => {
    const product = Math.imul(p - a.zeroPoint, q - b.zeroPoint);
    return clamp(requantize(product, multiplier, shift) + y.zeroPoint, min, max);
  });
};

/** TFLite's MINIMUM and MAXIMUM compare codes, so all three tensors must mean the same by them. */
function requireSameCodes(operator: Operator, tensors: readonly Tensor[]): void {
  const [first, ...others] = tensors.map(affine);
  if (others.some((other) => other.scale !== first!.scale || other.zeroPoint !== first!.zeroPoint)) {
    throw new UnsupportedError({
      expected: `one scale for all tensors of ${operator.kind} "${operator.name}"`,
      got: "different ones",
      todo: "Quantize the model with mote quantize, which ties them.",
    });
  }
}

function prepareExtremum(operator: Operator, context: KernelContext, pick: (a: number, b: number) => number) {
  requireSameCodes(
    operator,
    [input(operator, 0), input(operator, 1), output(operator)].map((name) => context.tensor(name)),
  );
  const { min, max } = codeRange(context.tensor(output(operator)));
  return elementwise(operator, context, (a, b) => clamp(pick(a, b), min, max));
}

export const prepareMinimum: PrepareKernel<"minimum"> = (operator, context) =>
  prepareExtremum(operator, context, Math.min);
export const prepareMaximum: PrepareKernel<"maximum"> = (operator, context) =>
  prepareExtremum(operator, context, Math.max);
