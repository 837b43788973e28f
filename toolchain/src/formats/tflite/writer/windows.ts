import type { Operator, OperatorOf, Padding, Window2d } from "../../../graph/graph.js";
import { type BuiltinName, PADDING_SAME, PADDING_VALID } from "../schema.js";
import { code, type Field, type FormContext, type FormTable, type TfliteForm, unsupported } from "./form.js";
import { lowest, padAmounts } from "./padding.js";

/** Operators that slide a window over an image. */
export const WINDOWS: FormTable = {
  conv2d: (operator, context) => {
    const { dilationH, dilationW, activation } = operator.attributes;
    const { input, padding } = windowed(operator, context, "zero");
    const fields: Field[] = [
      ...strides(operator.attributes, padding),
      [3, "int8", code(operator, activation)],
      [4, "int32", dilationW],
      [5, "int32", dilationH],
    ];
    return { type: "CONV_2D", inputs: [input, ...operator.inputs.slice(1)], options: [1, fields] };
  },
  depthwiseConv2d: (operator, context) => {
    const { dilationH, dilationW, activation, multiplier } = operator.attributes;
    const { input, padding } = windowed(operator, context, "zero");
    const fields: Field[] = [
      ...strides(operator.attributes, padding),
      [3, "int32", multiplier],
      [4, "int8", code(operator, activation)],
      [5, "int32", dilationW],
      [6, "int32", dilationH],
    ];
    return { type: "DEPTHWISE_CONV_2D", inputs: [input, ...operator.inputs.slice(1)], options: [2, fields] };
  },
  transposeConv2d: writeTransposeConvolution,
  maxPool2d: (operator, context) => pool("MAX_POOL_2D", operator, context, "lowest"),
  averagePool2d: (operator, context) => {
    const { countIncludePad } = operator.attributes;
    return pool("AVERAGE_POOL_2D", operator, context, countIncludePad ? "zero" : "refuse");
  },
};

function strides({ strideH, strideW }: Window2d, padding: number): Field[] {
  return [
    [0, "int8", padding],
    [1, "int32", strideW],
    [2, "int32", strideH],
  ];
}

type Windowed =
  | OperatorOf<"conv2d">
  | OperatorOf<"depthwiseConv2d">
  | OperatorOf<"maxPool2d">
  | OperatorOf<"averagePool2d">;

/**
 * TensorFlow Lite knows only SAME and VALID; any other padding becomes a pad before the operator, with a value that
 * changes nothing: zero, or the lowest number for a maximum.
 */
function windowed(
  operator: Windowed,
  context: FormContext,
  filler: "zero" | "lowest" | "refuse",
): { input: string; padding: number } {
  const [x] = operator.inputs as [string];
  const { padding, strideH, strideW } = operator.attributes;
  if (padding.top + padding.bottom + padding.left + padding.right === 0) {
    return { input: x, padding: PADDING_VALID };
  }
  const { shape } = context.tensor(x);
  const [extentH, extentW] = extents(operator, context);
  const rows = same(shape[1]!, strideH, extentH);
  const columns = same(shape[2]!, strideW, extentW);
  const counts = operator.kind === "averagePool2d" && operator.attributes.countIncludePad;
  const isSame =
    padding.top === rows[0] &&
    padding.bottom === rows[1] &&
    padding.left === columns[0] &&
    padding.right === columns[1];
  if (isSame && !counts) return { input: x, padding: PADDING_SAME };
  if (filler === "refuse") {
    throw unsupported(operator, "padding that is neither SAME nor counted", "Use SAME padding or none.");
  }
  return { input: padded(operator, context, x, padding, filler), padding: PADDING_VALID };
}

function padded(
  operator: Operator,
  context: FormContext,
  x: string,
  padding: Padding,
  filler: "zero" | "lowest",
): string {
  const source = context.tensor(x);
  const [n, h, w, c] = source.shape as [number, number, number, number];
  const before = [0, padding.top, padding.left, 0];
  const after = [0, padding.bottom, padding.right, 0];
  const amounts = padAmounts(context, operator.outputs[0]!, before, after);
  const shape = [n, h + padding.top + padding.bottom, w + padding.left + padding.right, c];
  const form: TfliteForm =
    filler === "zero"
      ? { type: "PAD", inputs: [x, amounts], options: [22, []] }
      : { type: "PADV2", inputs: [x, amounts, lowest(context, operator, source)], options: [43, []] };
  return context.before(form, source, shape);
}

function extents(operator: Windowed, context: FormContext): [number, number] {
  if (operator.kind === "maxPool2d" || operator.kind === "averagePool2d") {
    return [operator.attributes.kernelH, operator.attributes.kernelW];
  }
  const [, kernelH, kernelW] = context.tensor(operator.inputs[1]!).shape as [number, number, number, number];
  const { dilationH, dilationW } = operator.attributes;
  return [(kernelH - 1) * dilationH + 1, (kernelW - 1) * dilationW + 1];
}

function same(size: number, stride: number, extent: number): [number, number] {
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + extent - size, 0);
  return [total >> 1, total - (total >> 1)];
}

function pool(
  type: BuiltinName,
  operator: OperatorOf<"maxPool2d"> | OperatorOf<"averagePool2d">,
  context: FormContext,
  filler: "zero" | "lowest" | "refuse",
): TfliteForm {
  const { kernelH, kernelW, activation } = operator.attributes;
  const { input, padding } = windowed(operator, context, filler);
  const fields: Field[] = [
    ...strides(operator.attributes, padding),
    [3, "int32", kernelW],
    [4, "int32", kernelH],
    [5, "int8", code(operator, activation)],
  ];
  return { type, inputs: [input], options: [5, fields] };
}

function writeTransposeConvolution(
  operator: OperatorOf<"transposeConv2d">,
  context: FormContext,
): TfliteForm {
  const { padding, strideH, strideW, activation, groups, dilationH, dilationW } = operator.attributes;
  const [x, weights, bias] = operator.inputs as [string, string, string?];
  const [out] = operator.outputs as [string];
  const [, h, w] = context.tensor(x).shape as [number, number, number, number];
  const [, kernelH, kernelW] = context.tensor(weights).shape as [number, number, number, number];
  const [, outH, outW] = context.tensor(out).shape as [number, number, number, number];
  const total = padding.top + padding.bottom + padding.left + padding.right;
  const isValid = total === 0 && outH === (h - 1) * strideH + kernelH && outW === (w - 1) * strideW + kernelW;
  const rows = Math.max((h - 1) * strideH + kernelH - outH, 0);
  const columns = Math.max((w - 1) * strideW + kernelW - outW, 0);
  const isSame =
    padding.top === rows >> 1 &&
    padding.left === columns >> 1 &&
    h === Math.ceil(outH / strideH) &&
    w === Math.ceil(outW / strideW);
  if (groups !== 1 || dilationH !== 1 || dilationW !== 1 || (!isValid && !isSame)) {
    throw unsupported(operator, "groups, dilation or a padding of its own", "Write .onnx instead.");
  }
  const shape = context.integers(`${out}/shape`, context.tensor(out).shape);
  const inputs = [shape, weights, x, ...(bias ? [bias] : [])];
  const fields: Field[] = [
    ...strides(operator.attributes, isValid ? PADDING_VALID : PADDING_SAME),
    [3, "int8", code(operator, activation)],
  ];
  return { type: "TRANSPOSE_CONV", inputs, options: [49, fields] };
}
