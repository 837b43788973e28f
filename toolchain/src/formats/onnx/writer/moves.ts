import type { OperatorOf } from "../../../graph/graph.js";
import { dataTypeOf } from "../proto.js";
import type { OnnxWriter } from "../writer.js";
import { type EmitTable, emit, fileAxis, RANK, same, shaped, unary } from "./emit.js";

/** Operators that move values, or change only how they are held. */
export const MOVES: EmitTable = {
  concat: (operator, writer) => {
    const axis = fileAxis(writer, operator.outputs[0]!, operator.attributes.axis);
    const inputs = operator.inputs.map((name) => writer.read(name));
    emit(writer, operator, "Concat", inputs, { axis });
  },
  split: (operator, writer) => {
    const [x] = operator.inputs as [string];
    const { axis, sizes } = operator.attributes;
    const inputs = [writer.read(x), writer.integers(`${operator.outputs[0]}/sizes`, sizes)];
    const results = operator.outputs.map((name) => writer.open(name));
    writer.node("Split", inputs, results, { axis: fileAxis(writer, x, axis) });
    for (const name of operator.outputs) writer.close(name);
  },
  slice: (operator, writer) => {
    const [x] = operator.inputs as [string];
    const [out] = operator.outputs as [string];
    const { begin, size, strides } = operator.attributes;
    const ends = begin.map((from, i) => from + (size[i]! - 1) * strides[i]! + 1);
    const axes = begin.map((_, i) => i);
    const inputs = [
      writer.readPlain(x),
      ...[begin, ends, axes, strides].map((values) => writer.integers(`${out}/bounds`, values)),
    ];
    emit(writer, operator, "Slice", inputs, {}, "plain");
  },
  pad: (operator, writer) => {
    const [x] = operator.inputs as [string];
    const { before, after, mode, value } = operator.attributes;
    const order = before.length === RANK ? [0, 3, 1, 2] : before.map((_, i) => i);
    const amounts = [...order.map((axis) => before[axis]!), ...order.map((axis) => after[axis]!)];
    const pads = writer.integers(`${operator.outputs[0]}/pads`, amounts);
    const fill = writer.literal(`${operator.outputs[0]}/fill`, [], new Float32Array([value]));
    emit(writer, operator, "Pad", [writer.read(x), pads, ...(mode === "constant" ? [fill] : [])], { mode });
  },
  reshape: (operator, writer) => shaped(writer, operator, "Reshape", operator.attributes.shape),
  expand: (operator, writer) => shaped(writer, operator, "Expand", operator.attributes.shape),
  tile: (operator, writer) => shaped(writer, operator, "Tile", operator.attributes.repeats),
  transpose: (operator, writer) => {
    const inputs = [writer.readPlain(operator.inputs[0]!)];
    emit(writer, operator, "Transpose", inputs, { perm: operator.attributes.permutation }, "plain");
  },
  resizeNearest: (operator, writer) => resize(writer, operator, "nearest"),
  resizeBilinear: (operator, writer) => resize(writer, operator, "linear"),
  gather: (operator, writer) => {
    const inputs = operator.inputs.map((name) => writer.readPlain(name));
    emit(writer, operator, "Gather", inputs, { axis: operator.attributes.axis }, "plain");
  },
  cast: (operator, writer) => unary(writer, operator, "Cast", { to: dataTypeOf(operator.attributes.to) }),
  // Every value is held as a float between operators and passes through its own pair: these add nothing to it.
  quantize: same("Identity"),
  dequantize: same("Identity"),
  requantize: same("Identity"),
};

function resize(
  writer: OnnxWriter,
  operator: OperatorOf<"resizeNearest"> | OperatorOf<"resizeBilinear">,
  mode: "nearest" | "linear",
): void {
  const [x] = operator.inputs as [string];
  const { height, width, alignCorners, halfPixelCenters } = operator.attributes;
  const { shape } = writer.tensor(x);
  const sizes = writer.integers(`${operator.outputs[0]}/sizes`, [shape[0]!, shape[3]!, height, width]);
  const transformation = alignCorners ? "align_corners" : halfPixelCenters ? "half_pixel" : "asymmetric";
  const rounding = alignCorners || halfPixelCenters ? "round_prefer_ceil" : "floor";
  emit(writer, operator, "Resize", [writer.read(x), "", "", sizes], {
    mode,
    coordinate_transformation_mode: transformation,
    ...(mode === "nearest" ? { nearest_mode: rounding } : {}),
  });
}
