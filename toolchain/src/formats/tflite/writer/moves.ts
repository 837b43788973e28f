import type { OperatorOf } from "../../../graph/graph.js";
import type { BuiltinName } from "../schema.js";
import { code, type Field, type FormContext, type FormTable, type TfliteForm, unsupported } from "./form.js";
import { fill, padAmounts } from "./padding.js";

/** Operators that move values and compute none, or only between neighbours. */
export const MOVES: FormTable = {
  concat: (operator) => ({
    type: "CONCATENATION",
    inputs: operator.inputs,
    options: [
      10,
      [
        [0, "int32", operator.attributes.axis],
        [1, "int8", code(operator, operator.attributes.activation)],
      ],
    ],
  }),
  split: (operator, context) => {
    const { axis, sizes } = operator.attributes;
    const out = operator.outputs[0]!;
    return {
      type: "SPLIT_V",
      inputs: [
        operator.inputs[0]!,
        context.integers(`${out}/sizes`, sizes),
        context.integers(`${out}/axis`, [axis]),
      ],
      options: [79, [[0, "int32", sizes.length]]],
    };
  },
  slice: (operator, context) => {
    const { begin, size, strides } = operator.attributes;
    const out = operator.outputs[0]!;
    const ends = begin.map((from, i) => from + (size[i]! - 1) * strides[i]! + 1);
    const bounds = [begin, ends, strides].map((values) => context.integers(`${out}/bounds`, values));
    return { type: "STRIDED_SLICE", inputs: [operator.inputs[0]!, ...bounds], options: [32, []] };
  },
  pad: (operator, context) => {
    const { before, after, mode, value } = operator.attributes;
    const [x] = operator.inputs as [string];
    const amounts = padAmounts(context, operator.outputs[0]!, before, after);
    if (mode === "reflect") return { type: "MIRROR_PAD", inputs: [x, amounts], options: [77, []] };
    if (mode === "edge") throw unsupported(operator, "padding that repeats the edge", "Pad by reflection.");
    if (value === 0) return { type: "PAD", inputs: [x, amounts], options: [22, []] };
    return { type: "PADV2", inputs: [x, amounts, fill(context, operator, x, value)], options: [43, []] };
  },
  reshape: (operator, context) => {
    const wanted = context.integers(`${operator.outputs[0]}/shape`, operator.attributes.shape);
    return { type: "RESHAPE", inputs: [operator.inputs[0]!, wanted], options: [17, []] };
  },
  transpose: (operator, context) => {
    const wanted = context.integers(`${operator.outputs[0]}/permutation`, operator.attributes.permutation);
    return { type: "TRANSPOSE", inputs: [operator.inputs[0]!, wanted], options: [26, []] };
  },
  resizeBilinear: (operator, context) => resize("RESIZE_BILINEAR", 15, 2, operator, context),
  resizeNearest: (operator, context) => resize("RESIZE_NEAREST_NEIGHBOR", 74, 0, operator, context),
  gather: (operator) => ({
    type: "GATHER",
    inputs: operator.inputs,
    options: [23, [[0, "int32", operator.attributes.axis]]],
  }),
  expand: (operator, context) => {
    const wanted = context.integers(`${operator.outputs[0]}/shape`, operator.attributes.shape);
    return { type: "BROADCAST_TO", inputs: [operator.inputs[0]!, wanted], options: [104, []] };
  },
  tile: (operator, context) => {
    const wanted = context.integers(`${operator.outputs[0]}/repeats`, operator.attributes.repeats);
    return { type: "TILE", inputs: [operator.inputs[0]!, wanted], options: [51, []] };
  },
};

/** `field` is where align_corners stands among the options; half_pixel_centers follows it. */
function resize(
  type: BuiltinName,
  options: number,
  field: number,
  operator: OperatorOf<"resizeBilinear"> | OperatorOf<"resizeNearest">,
  context: FormContext,
): TfliteForm {
  const { height, width, alignCorners, halfPixelCenters } = operator.attributes;
  const size = context.integers(`${operator.outputs[0]}/size`, [height, width]);
  const fields: Field[] = [
    [field, "int8", alignCorners ? 1 : 0],
    [field + 1, "int8", halfPixelCenters ? 1 : 0],
  ];
  return { type, inputs: [operator.inputs[0]!, size], options: [options, fields] };
}
