import { prepareAccumulation } from "./accumulator.js";
import { filterBank, multiply } from "./dot.js";
import { affine, input, nhwc, output, type PrepareKernel } from "./kernel.js";

/**
 * reference_integer_ops::ConvPerChannel. Each output pixel's receptive field is gathered once, less the zero point
 * (so padding is 0), and every filter of the group is multiplied with it.
 */
export const prepareConv2d: PrepareKernel<"conv2d"> = (operator, context) => {
  const { attributes } = operator;
  const source = context.tensor(input(operator, 0));
  const weights = context.tensor(input(operator, 1));
  const target = context.tensor(output(operator));
  const [x, y] = [nhwc(source), nhwc(target)];
  const [, kernelH, kernelW, depth] = weights.shape as [number, number, number, number];
  const filtersPerGroup = y.channels / attributes.groups;
  const size = kernelH * kernelW * depth;
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
  const field = new Float64Array(size);
  const zeroPoint = affine(source).zeroPoint;
  const codes = context.buffer(source.name);
  const filters = context.buffer(weights.name);
  const result = context.buffer(target.name);
  const banks = Array.from({ length: attributes.groups }, (_, group) =>
    filterBank(filters, group * filtersPerGroup * size, filtersPerGroup, size, source.dtype !== "int16"),
  );
  const sums = new Float64Array(filtersPerGroup);

  const gather = (batch: number, top: number, left: number, firstChannel: number): void => {
    let to = 0;
    for (let ky = 0; ky < kernelH; ky++) {
      const row = top + ky * attributes.dilationH;
      for (let kx = 0; kx < kernelW; kx++) {
        const column = left + kx * attributes.dilationW;
        if (row < 0 || row >= x.height || column < 0 || column >= x.width) {
          field.fill(0, to, to + depth);
          to += depth;
          continue;
        }
        const from = ((batch * x.height + row) * x.width + column) * x.channels + firstChannel;
        for (let c = 0; c < depth; c++) field[to++] = codes[from + c]! - zeroPoint;
      }
    }
  };

  return () => {
    let at = 0;
    for (let batch = 0; batch < y.batch; batch++) {
      for (let row = 0; row < y.height; row++) {
        for (let column = 0; column < y.width; column++) {
          const top = row * attributes.strideH - attributes.padding.top;
          const left = column * attributes.strideW - attributes.padding.left;
          for (let group = 0; group < attributes.groups; group++) {
            gather(batch, top, left, group * depth);
            const first = group * filtersPerGroup;
            multiply(banks[group]!, field, sums);
            for (let f = 0; f < filtersPerGroup; f++)
              result[at++] = requantize(sums[f]! + bias[first + f]!, first + f);
          }
        }
      }
    }
  };
};
