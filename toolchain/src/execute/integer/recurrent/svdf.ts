import { UnsupportedError } from "../../../errors.js";
import type { OperatorOf } from "../../../graph/graph.js";
import { filterBank, multiply } from "../dot.js";
import { clamp, quantizeMultiplier, requantizer } from "../fixed-point.js";
import { activationRange, affine, input, type KernelContext, output } from "../kernel.js";
import { saturate16 } from "./gates.js";

/**
 * EvalIntegerSVDF: each filter's memory moves on by one, its newest entry is the product with the input, and the output is
 * the memories' product with the time weights, summed over the rank. State and time weights are int16.
 */
export function prepareSvdf(operator: OperatorOf<"svdf">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const features = context.tensor(input(operator, 1));
  const time = context.tensor(input(operator, 2));
  const memoryTensor = context.tensor(input(operator, 4));
  const target = context.tensor(output(operator));
  if (memoryTensor.dtype !== "int16" || time.dtype !== "int16" || source.dtype !== "int8") {
    throw new UnsupportedError({
      expected: `svdf "${operator.name}" of int8 activations with int16 time weights and state`,
      got: `${source.dtype}, ${time.dtype} and ${memoryTensor.dtype}`,
      todo: "Convert the model with full integer quantization.",
    });
  }
  const [filters, width] = features.shape as [number, number];
  const memory = time.shape[1]!;
  const batch = source.shape[0]!;
  const units = filters / operator.attributes.rank;
  const [x, state, y] = [affine(source), affine(memoryTensor), affine(target)];
  // In float32 step by step, as in TensorFlow Lite.
  const scaleOf = (a: number, b: number, c: number) =>
    quantizeMultiplier(Math.fround(Math.fround(a * b) / c), context.rounding);
  const first = scaleOf(x.scale, affine(features).scale, state.scale);
  const second = scaleOf(state.scale, affine(time).scale, y.scale);
  const requantize = requantizer(context.rounding);
  const bias = context.constant(operator.inputs[3]);
  const { min, max } = activationRange(target, operator.attributes.activation);
  const bank = filterBank(context.buffer(features.name), 0, filters, width, true);
  const timeCodes = context.buffer(time.name);
  const memories = context.state(memoryTensor.name);
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  const field = new Float64Array(width);
  const products = new Float64Array(filters);

  return () => {
    memories.copyWithin(0, 1);
    for (let b = 0; b < batch; b++) {
      for (let i = 0; i < width; i++) field[i] = codes[b * width + i]! - x.zeroPoint;
      multiply(bank, field, products);
      for (let f = 0; f < filters; f++) {
        memories[(b * filters + f) * memory + memory - 1] = saturate16(
          requantize(products[f]! | 0, first.multiplier, first.shift),
        );
      }
      for (let u = 0; u < units; u++) {
        let sum = bias === null ? 0 : bias[u]!;
        const from = u * operator.attributes.rank;
        for (let f = from; f < from + operator.attributes.rank; f++) {
          for (let m = 0; m < memory; m++) {
            sum += timeCodes[f * memory + m]! * memories[(b * filters + f) * memory + m]!;
          }
        }
        const code = requantize(sum | 0, second.multiplier, second.shift) + y.zeroPoint;
        result[b * units + u] = clamp(code, min, max);
      }
    }
  };
}
