import type { OperatorOf, Padding } from "../../../graph/graph.js";
import type { Attributes, OnnxWriter } from "../writer.js";
import { type EmitTable, emit } from "./emit.js";

/** Operators that slide a window over an image. */
export const WINDOWS: EmitTable = {
  conv2d: (operator, writer) => convolution(writer, operator, [0, 3, 1, 2], operator.attributes.groups),
  depthwiseConv2d: (operator, writer) => {
    const out = writer.tensor(operator.inputs[1]!).shape[3]!;
    convolution(writer, operator, [3, 0, 1, 2], out / operator.attributes.multiplier);
  },
  transposeConv2d: (operator, writer) => {
    const [x, weights, bias] = operator.inputs as [string, string, string?];
    const a = operator.attributes;
    const inputs = [writer.read(x), writer.readWeights(weights, [3, 0, 1, 2])];
    if (bias) inputs.push(writer.read(bias));
    emit(writer, operator, "ConvTranspose", inputs, {
      ...windowAttributes(a),
      dilations: [a.dilationH, a.dilationW],
      output_padding: [a.outputPaddingH, a.outputPaddingW],
      group: a.groups,
    });
  },
  maxPool2d: (operator, writer) => {
    const { kernelH, kernelW } = operator.attributes;
    emit(writer, operator, "MaxPool", [writer.read(operator.inputs[0]!)], {
      ...windowAttributes(operator.attributes),
      kernel_shape: [kernelH, kernelW],
    });
  },
  averagePool2d: (operator, writer) => {
    const { kernelH, kernelW, countIncludePad } = operator.attributes;
    emit(writer, operator, "AveragePool", [writer.read(operator.inputs[0]!)], {
      ...windowAttributes(operator.attributes),
      kernel_shape: [kernelH, kernelW],
      count_include_pad: countIncludePad ? 1 : 0,
    });
  },
};

function convolution(
  writer: OnnxWriter,
  operator: OperatorOf<"conv2d"> | OperatorOf<"depthwiseConv2d">,
  permutation: readonly number[],
  group: number,
): void {
  const [x, weights, bias] = operator.inputs as [string, string, string?];
  const { dilationH, dilationW } = operator.attributes;
  const inputs = [writer.read(x), writer.readWeights(weights, permutation)];
  if (bias) inputs.push(writer.read(bias));
  emit(writer, operator, "Conv", inputs, {
    ...windowAttributes(operator.attributes),
    dilations: [dilationH, dilationW],
    group,
  });
}

function windowAttributes({
  strideH,
  strideW,
  padding,
}: {
  readonly strideH: number;
  readonly strideW: number;
  readonly padding: Padding;
}): Attributes {
  return {
    strides: [strideH, strideW],
    pads: [padding.top, padding.left, padding.bottom, padding.right],
  };
}
