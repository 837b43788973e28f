import { prepareAccumulation } from "./accumulator.js";
import { affine, input, nhwc, output, type PrepareKernel } from "./kernel.js";

/** reference_integer_ops::DepthwiseConvPerChannel; weights [1, kh, kw, out], out = in * multiplier. */
export const prepareDepthwiseConv2d: PrepareKernel<"depthwiseConv2d"> = (operator, context) => {
  const { attributes } = operator;
  const source = context.tensor(input(operator, 0));
  const weights = context.tensor(input(operator, 1));
  const target = context.tensor(output(operator));
  const [x, y] = [nhwc(source), nhwc(target)];
  const [, kernelH, kernelW] = weights.shape as [number, number, number, number];
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
  const filters = context.buffer(weights.name);
  const result = context.buffer(target.name);
  const sums = new Float64Array(y.channels);
  /** Input channel of each output channel. */
  const from = Int32Array.from({ length: y.channels }, (_, c) => Math.floor(c / attributes.multiplier));

  return () => {
    let at = 0;
    for (let batch = 0; batch < y.batch; batch++) {
      for (let row = 0; row < y.height; row++) {
        for (let column = 0; column < y.width; column++) {
          const top = row * attributes.strideH - attributes.padding.top;
          const left = column * attributes.strideW - attributes.padding.left;
          sums.set(bias);
          for (let ky = 0; ky < kernelH; ky++) {
            const inRow = top + ky * attributes.dilationH;
            if (inRow < 0 || inRow >= x.height) continue;
            for (let kx = 0; kx < kernelW; kx++) {
              const inColumn = left + kx * attributes.dilationW;
              if (inColumn < 0 || inColumn >= x.width) continue;
              const pixel = ((batch * x.height + inRow) * x.width + inColumn) * x.channels;
              const tap = (ky * kernelW + kx) * y.channels;
              for (let c = 0; c < y.channels; c++) {
                sums[c]! += filters[tap + c]! * (codes[pixel + from[c]!]! - zeroPoint);
              }
            }
          }
          for (let c = 0; c < y.channels; c++) {
            result[at++] = requantize(sums[c]!, c);
          }
        }
      }
    }
  };
};
