import { prepareAccumulation } from "./accumulator.js";
import { filterBank, multiply } from "./dot.js";
import { affine, elementCount, input, output, type PrepareKernel } from "./kernel.js";

/** reference_integer_ops::FullyConnected, per tensor and per channel; weights [out, in]. */
export const prepareFullyConnected: PrepareKernel<"fullyConnected"> = (operator, context) => {
  const source = context.tensor(input(operator, 0));
  const weights = context.tensor(input(operator, 1));
  const target = context.tensor(output(operator));
  const [units, depth] = weights.shape as [number, number];
  const rows = elementCount(source.shape) / depth;
  const { bias, requantize } = prepareAccumulation(
    {
      input: source,
      weights,
      biasName: operator.inputs[2],
      output: target,
      channels: units,
      activation: operator.attributes.activation,
      isScalarPath: true,
    },
    context,
  );
  const zeroPoint = affine(source).zeroPoint;
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  const row = new Float64Array(depth);
  const sums = new Float64Array(units);
  const bank = filterBank(context.buffer(weights.name), 0, units, depth, source.dtype !== "int16");

  return () => {
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < depth; i++) row[i] = codes[r * depth + i]! - zeroPoint;
      multiply(bank, row, sums);
      for (let u = 0; u < units; u++) result[r * units + u] = requantize(sums[u]! + bias[u]!, u);
    }
  };
};
