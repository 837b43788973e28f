import type { OperatorOf } from "../../graph/graph.js";
import { clamp } from "./fixed-point.js";
import { activationRange, affine, input, type KernelContext, nhwc, output } from "./kernel.js";

type Pool = OperatorOf<"averagePool2d" | "maxPool2d">;

/** Sum (or maximum) over the part of the window that lies inside, then the division (or nothing), then clamping. */
function preparePool(
  operator: Pool,
  context: KernelContext,
  start: number,
  combine: (sum: number, code: number) => number,
  finish: (sum: number, count: number) => number,
): () => void {
  const { attributes } = operator;
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const [x, y] = [nhwc(source), nhwc(target)];
  const { min, max } = activationRange(target, attributes.activation);
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  const sums = new Float64Array(y.channels);
  return () => {
    let at = 0;
    for (let batch = 0; batch < y.batch; batch++) {
      for (let row = 0; row < y.height; row++) {
        const top = row * attributes.strideH - attributes.padding.top;
        const firstRow = Math.max(0, top);
        const endRow = Math.min(x.height, top + attributes.kernelH);
        for (let column = 0; column < y.width; column++) {
          const left = column * attributes.strideW - attributes.padding.left;
          const firstColumn = Math.max(0, left);
          const endColumn = Math.min(x.width, left + attributes.kernelW);
          sums.fill(start);
          for (let r = firstRow; r < endRow; r++) {
            for (let c = firstColumn; c < endColumn; c++) {
              const pixel = ((batch * x.height + r) * x.width + c) * x.channels;
              for (let d = 0; d < y.channels; d++) sums[d] = combine(sums[d]!, codes[pixel + d]!);
            }
          }
          const count = (endRow - firstRow) * (endColumn - firstColumn);
          for (let d = 0; d < y.channels; d++) result[at++] = clamp(finish(sums[d]!, count), min, max);
        }
      }
    }
  };
}

/** n / d for integers, midpoints away from zero. */
export function roundedQuotient(n: number, d: number): number {
  return n > 0 ? Math.floor((n + (d >> 1)) / d) : -Math.floor((-n + (d >> 1)) / d);
}

/**
 * reference_integer_ops::AveragePool: codes are averaged as they are, by the count inside the image. Where ONNX counts
 * the padding too (TFLite never does) the padding holds the zero point.
 */
export function prepareAveragePool2d(
  operator: OperatorOf<"averagePool2d">,
  context: KernelContext,
): () => void {
  const { countIncludePad, kernelH, kernelW } = operator.attributes;
  const zeroPoint = affine(context.tensor(input(operator, 0))).zeroPoint;
  const area = kernelH * kernelW;
  return preparePool(
    operator,
    context,
    0,
    (sum, code) => sum + code,
    countIncludePad
      ? (sum, count) => roundedQuotient(sum + (area - count) * zeroPoint, area)
      : (sum, count) => (count === 0 ? zeroPoint : roundedQuotient(sum, count)),
  );
}

/** reference_integer_ops::MaxPool. */
export function prepareMaxPool2d(operator: OperatorOf<"maxPool2d">, context: KernelContext): () => void {
  return preparePool(operator, context, -0x80000000, Math.max, (greatest) => greatest);
}
