import type { OperatorOf } from "../../graph/graph.js";
import { clamp, quantizeMultiplier, requantizer } from "./fixed-point.js";
import { affine, codeRange, elementCount, input, type KernelContext, output, strides } from "./kernel.js";

/** For each input element, the output element that it falls into when `axes` are reduced. */
function reductionIndex(shape: readonly number[], axes: readonly number[]): Int32Array {
  const reduced = new Set(axes.map((axis) => (axis < 0 ? axis + shape.length : axis)));
  const kept = strides(shape.map((extent, axis) => (reduced.has(axis) ? 1 : extent)));
  const steps = strides(shape);
  const index = new Int32Array(elementCount(shape));
  for (let i = 0; i < index.length; i++) {
    let rest = i;
    let at = 0;
    for (let axis = 0; axis < shape.length; axis++) {
      const position = Math.floor(rest / steps[axis]!);
      rest -= position * steps[axis]!;
      if (!reduced.has(axis)) at += position * kept[axis]!;
    }
    index[i] = at;
  }
  return index;
}

/**
 * reference_ops::QuantizedMeanOrSum: the mean's 1/n is folded into the multiplier, with as many bits as fit.
 */
export function prepareMeanOrSum(operator: OperatorOf<"mean" | "sum">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const [x, y] = [affine(source), affine(target)];
  const count = elementCount(source.shape) / elementCount(target.shape);
  let { multiplier, shift } = quantizeMultiplier(x.scale / y.scale, context.rounding);
  if (operator.kind === "mean") {
    const bits = Math.min(31 - Math.clz32(count), 32, 31 + shift);
    multiplier = Math.floor((multiplier * 2 ** bits) / count);
    shift -= bits;
  }
  const index = reductionIndex(source.shape, operator.attributes.axes);
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  const sums = new Float64Array(result.length);
  const { min, max } = codeRange(target);
  // Sums of 16-bit codes are 32 bits wide here too, in TensorFlow Lite.
  const requantize = requantizer(context.rounding);
  return () => {
    sums.fill(-x.zeroPoint * count);
    for (let i = 0; i < codes.length; i++) sums[index[i]!]! += codes[i]!;
    for (let i = 0; i < result.length; i++) {
      result[i] = clamp(requantize(sums[i]! | 0, multiplier, shift) + y.zeroPoint, min, max);
    }
  };
}

/** Codes keep the order of what they stand for; TFLite requires input and output to share their scale. */
export function prepareReduceExtremum(
  operator: OperatorOf<"reduceMax" | "reduceMin">,
  context: KernelContext,
): () => void {
  const source = context.tensor(input(operator, 0));
  const index = reductionIndex(source.shape, operator.attributes.axes);
  const codes = context.buffer(source.name);
  const result = context.buffer(output(operator));
  const { min, max } = codeRange(source);
  const [start, pick] = operator.kind === "reduceMax" ? [min, Math.max] : [max, Math.min];
  return () => {
    result.fill(start);
    for (let i = 0; i < codes.length; i++) result[index[i]!] = pick(result[index[i]!]!, codes[i]!);
  };
}
