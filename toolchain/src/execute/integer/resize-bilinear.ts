import type { OperatorOf } from "../../graph/graph.js";
import { requantizeCode } from "./convert.js";
import { input, type KernelContext, nhwc, output, sameAffine } from "./kernel.js";

const ONE = 1 << 10;

/** Where an output row (or column) lies between two input rows, in 1/1024 of a row. */
interface Between {
  readonly low: number;
  readonly high: number;
  /** Weights of the two, which add up to 1024. */
  readonly lowWeight: number;
  readonly highWeight: number;
}

function betweens(
  inputSize: number,
  outputSize: number,
  { alignCorners, halfPixelCenters }: OperatorOf<"resizeBilinear">["attributes"],
): Between[] {
  const [from, to] =
    alignCorners && outputSize > 1 ? [inputSize - 1, outputSize - 1] : [inputSize, outputSize];
  const scale = Math.floor((ONE * from + Math.floor(to / 2)) / to);
  return Array.from({ length: outputSize }, (_, i) => {
    const at = halfPixelCenters ? i * scale + (scale >> 1) - (ONE >> 1) : i * scale;
    const low = Math.max(Math.trunc(at / ONE), 0);
    const high = Math.min(Math.trunc((at + ONE - 1) / ONE), inputSize - 1);
    const highWeight = at - ONE * low;
    return { low, high, lowWeight: ONE - highWeight, highWeight };
  });
}

/** reference_ops::ResizeBilinear for integers: positions and weights in 10 fractional bits, one rounding at the end. */
export function prepareResizeBilinear(
  operator: OperatorOf<"resizeBilinear">,
  context: KernelContext,
): () => void {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const [x, y] = [nhwc(source), nhwc(target)];
  const rows = betweens(x.height, y.height, operator.attributes);
  const columns = betweens(x.width, y.width, operator.attributes);
  const convert = sameAffine(source, target) ? null : requantizeCode(source, target, context.rounding);
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  return () => {
    let at = 0;
    for (let batch = 0; batch < y.batch; batch++) {
      const image = batch * x.height;
      for (const row of rows) {
        const [top, bottom] = [(image + row.low) * x.width, (image + row.high) * x.width];
        for (const column of columns) {
          for (let c = 0; c < y.channels; c++) {
            const code = (start: number, place: number): number => codes[(start + place) * x.channels + c]!;
            const upper =
              code(top, column.low) * column.lowWeight + code(top, column.high) * column.highWeight;
            const lower =
              code(bottom, column.low) * column.lowWeight + code(bottom, column.high) * column.highWeight;
            const sum = upper * row.lowWeight + lower * row.highWeight;
            const mean = Math.trunc((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
            result[at++] = convert === null ? mean : convert(mean);
          }
        }
      }
    }
  };
}
