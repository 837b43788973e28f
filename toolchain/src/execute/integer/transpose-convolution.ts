import { UnsupportedError } from "../../errors.js";
import { prepareAccumulation } from "./accumulator.js";
import { filterBank, multiply } from "./dot.js";
import { affine, input, nhwc, output, type PrepareKernel } from "./kernel.js";

/**
 * reference_integer_ops::TransposeConv; weights [out, kh, kw, in]. Each input pixel is multiplied with every tap of every
 * filter at once, and the products are scattered over the output.
 */
export const prepareTransposeConv2d: PrepareKernel<"transposeConv2d"> = (operator, context) => {
  const { attributes } = operator;
  if (attributes.groups !== 1) {
    throw new UnsupportedError({
      expected: `transposeConv2d "${operator.name}" in one group`,
      got: `${attributes.groups} groups`,
      todo: "Split it into one transposed convolution per group, or keep it in floating point.",
    });
  }
  const source = context.tensor(input(operator, 0));
  const weights = context.tensor(input(operator, 1));
  const target = context.tensor(output(operator));
  const [x, y] = [nhwc(source), nhwc(target)];
  const [, kernelH, kernelW, depth] = weights.shape as [number, number, number, number];
  const { bias, requantize } = prepareAccumulation(
    {
      input: source,
      weights,
      biasName: operator.inputs[2],
      output: target,
      channels: y.channels,
      activation: attributes.activation,
      isScalarPath: false,
    },
    context,
  );
  const zeroPoint = affine(source).zeroPoint;
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  const taps = kernelH * kernelW;
  const bank = filterBank(
    context.buffer(weights.name),
    0,
    y.channels * taps,
    depth,
    source.dtype !== "int16",
  );
  const pixel = new Float64Array(depth);
  const products = new Float64Array(y.channels * taps);
  const sums = new Float64Array(result.length);

  const scatter = (batch: number, row: number, column: number): void => {
    for (let ky = 0; ky < kernelH; ky++) {
      const outRow = row * attributes.strideH - attributes.padding.top + ky * attributes.dilationH;
      if (outRow < 0 || outRow >= y.height) continue;
      for (let kx = 0; kx < kernelW; kx++) {
        const outColumn = column * attributes.strideW - attributes.padding.left + kx * attributes.dilationW;
        if (outColumn < 0 || outColumn >= y.width) continue;
        const to = ((batch * y.height + outRow) * y.width + outColumn) * y.channels;
        const tap = ky * kernelW + kx;
        for (let c = 0; c < y.channels; c++) sums[to + c]! += products[c * taps + tap]!;
      }
    }
  };

  return () => {
    for (let i = 0; i < sums.length; i++) sums[i] = bias[i % y.channels]!;
    let from = 0;
    for (let batch = 0; batch < x.batch; batch++) {
      for (let row = 0; row < x.height; row++) {
        for (let column = 0; column < x.width; column++) {
          for (let c = 0; c < depth; c++) pixel[c] = codes[from++]! - zeroPoint;
          multiply(bank, pixel, products);
          scatter(batch, row, column);
        }
      }
    }
    for (let i = 0; i < result.length; i++) result[i] = requantize(sums[i]!, i % y.channels);
  };
};
