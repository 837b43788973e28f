import { prepareAccumulation } from "./accumulator.js";
import { broadcastIndex } from "./broadcast.js";
import { affine, elementCount, input, output, type PrepareKernel } from "./kernel.js";

/** reference_ops::BatchMatMul on codes: both sides less their zero points, batches broadcast as numpy does. */
export const prepareMatMul: PrepareKernel<"matMul"> = (operator, context) => {
  const { transposeA, transposeB } = operator.attributes;
  const left = context.tensor(input(operator, 0));
  const right = context.tensor(input(operator, 1));
  const target = context.tensor(output(operator));
  const [rows, columns] = target.shape.slice(-2) as [number, number];
  const inner = left.shape.at(transposeA ? -2 : -1)!;
  const { requantize } = prepareAccumulation(
    {
      input: left,
      weights: right,
      biasName: undefined,
      output: target,
      channels: columns,
      activation: "none",
      isScalarPath: true,
    },
    context,
  );
  const zeroA = affine(left).zeroPoint;
  const zeroB = right.quantization?.zeroPoint ?? new Int32Array(1);
  const a = context.buffer(left.name);
  const b = context.buffer(right.name);
  const result = context.buffer(target.name);
  const batchShape = target.shape.slice(0, -2);
  const batches = elementCount(batchShape);
  const batchOfA = broadcastIndex(left.shape.slice(0, -2), batchShape);
  const batchOfB = broadcastIndex(right.shape.slice(0, -2), batchShape);
  const [rowA, stepA] = transposeA ? [1, rows] : [inner, 1];
  const [columnB, stepB] = transposeB ? [inner, 1] : [1, columns];

  return () => {
    let at = 0;
    for (let batch = 0; batch < batches; batch++) {
      const startA = (batchOfA === null ? batch : batchOfA[batch]!) * rows * inner;
      const startB = (batchOfB === null ? batch : batchOfB[batch]!) * inner * columns;
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const zero = zeroB[column % zeroB.length]!;
          let sum = 0;
          let i = startA + row * rowA;
          let j = startB + column * columnB;
          for (let k = 0; k < inner; k++, i += stepA, j += stepB) sum += (a[i]! - zeroA) * (b[j]! - zero);
          result[at++] = requantize(sum, column);
        }
      }
    }
  };
};
