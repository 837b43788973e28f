import { elementCount } from "../../../graph/size.js";
import { dtypeOf, readInitializer, unsupported } from "../proto.js";
import { LOWEST } from "./elementwise.js";
import type { Activation, OnnxImporter } from "./importer.js";
import { identityOrder, type Order, sameBytes } from "./layout.js";
import type { OnnxNode } from "./node.js";
import type { ReadTable } from "./operators.js";

/** Operators that move values and compute nothing. */
export const SHAPE: ReadTable = {
  Constant: readConstant,
  Reshape: (node, importer) => reshape(node, importer, reshapeTarget(node, importer)),
  Flatten: (node, importer) => {
    const { shape } = importer.activation(node.required(0));
    const axis = node.int("axis", 1);
    const at = axis < 0 ? axis + shape.length : axis;
    reshape(node, importer, [elementCount(shape.slice(0, at)), elementCount(shape.slice(at))]);
  },
  Squeeze: readSqueeze,
  Unsqueeze: readUnsqueeze,
  Transpose: readTranspose,
  Concat: readConcat,
  Split: readSplit,
  Slice: readSlice,
  Pad: readPad,
  Gather: readGather,
  Expand: readExpand,
  Tile: readTile,
  Cast: (node, importer) => {
    const x = importer.activation(node.required(0));
    const to = dtypeOf(node.int("to", 1), `Cast "${node.name}"`);
    const tensor = importer.step(node, "cast", [x.tensor], { to }, { dtype: to });
    importer.set(node.outputs[0]!, { ...x, tensor });
  },
};

function readConstant(node: OnnxNode, importer: OnnxImporter): void {
  const out = node.outputs[0]!;
  const tensor = node.tensor("value");
  if (tensor !== undefined) {
    importer.set(out, readInitializer(tensor));
    return;
  }
  const ints = node.ints("value_ints") ?? (node.has("value_int") ? [node.int("value_int", 0)] : undefined);
  const floats =
    node.floats("value_floats") ?? (node.has("value_float") ? [node.float("value_float", 0)] : undefined);
  const shape = node.has("value_int") || node.has("value_float") ? [] : [(ints ?? floats ?? []).length];
  if (ints !== undefined && ints.length > 0) {
    importer.set(out, { shape, dtype: "int64", data: BigInt64Array.from(ints, BigInt) });
  } else if (floats !== undefined) {
    importer.set(out, { shape, dtype: "float32", data: Float32Array.from(floats) });
  } else {
    throw unsupported(`Constant "${node.name}" without numbers`, "Export constants as tensors.");
  }
}

/** The wanted shape with 0 and -1 filled in. */
function reshapeTarget(node: OnnxNode, importer: OnnxImporter): number[] {
  const { shape } = importer.activation(node.required(0));
  const wanted = node.ints("shape") ?? importer.integers(node, 1);
  if (wanted === undefined) throw node.fault("a shape", "none");
  const keepsZero = node.int("allowzero", 0) === 1;
  const filled = wanted.map((length, i) => (length === 0 && !keepsZero ? (shape[i] ?? 0) : length));
  const known = filled.reduce((product, length) => (length === -1 ? product : product * length), 1);
  return filled.map((length) => (length === -1 ? elementCount(shape) / known : length));
}

function reshape(node: OnnxNode, importer: OnnxImporter, shape: readonly number[]): void {
  const x = importer.activation(node.required(0));
  const out = node.outputs[0]!;
  if (elementCount(shape) !== elementCount(x.shape)) {
    throw node.fault(`a shape of ${elementCount(x.shape)} elements`, `[${shape.join(", ")}]`);
  }
  const order = identityOrder(shape.length);
  const isRows = shape.length === 2 && x.shape.length > 2 && shape[0] === x.shape[0];
  if (x.flattened === undefined && sameBytes(x.shape, x.order, identityOrder(x.shape.length))) {
    set(node, importer, x.tensor, shape);
  } else if (x.flattened === undefined && isRows && x.order[0] === 0) {
    const tensor = importer.step(node, "reshape", [x.tensor], { shape });
    importer.set(out, { tensor, shape, order, flattened: { shape: x.shape, order: x.order } });
  } else {
    set(node, importer, importer.plain(x), shape);
  }
}

/** Where nothing changes, the value only gets another name. */
function set(node: OnnxNode, importer: OnnxImporter, tensor: string, shape: readonly number[]): void {
  const current = importer.builder.get(tensor).shape;
  const order = identityOrder(shape.length);
  const isSame = current.length === shape.length && current.every((length, i) => length === shape[i]);
  const made = isSame ? tensor : importer.step(node, "reshape", [tensor], { shape });
  importer.set(node.outputs[0]!, { tensor: made, shape, order });
}

function axesOf(node: OnnxNode, importer: OnnxImporter, index: number, rank: number): number[] | undefined {
  const axes = node.ints("axes") ?? importer.integers(node, index);
  return axes?.map((axis) => (axis < 0 ? axis + rank : axis));
}

/** An axis of length 1 that the file drops may stay in the graph's tensor. */
function readSqueeze(node: OnnxNode, importer: OnnxImporter): void {
  const x = importer.activation(node.required(0));
  const rank = x.shape.length;
  const given = axesOf(node, importer, 1, rank);
  const gone = new Set(given ?? x.shape.flatMap((length, axis) => (length === 1 ? [axis] : [])));
  const kept = identityOrder(rank).filter((axis) => !gone.has(axis));
  const shape = kept.map((axis) => x.shape[axis]!);
  if (x.flattened !== undefined || sameBytes(x.shape, x.order, identityOrder(rank))) {
    reshape(node, importer, shape);
    return;
  }
  const order = x.order.map((axis) => kept.indexOf(axis));
  importer.set(node.outputs[0]!, { tensor: x.tensor, shape, order });
}

function readUnsqueeze(node: OnnxNode, importer: OnnxImporter): void {
  const x = importer.activation(node.required(0));
  const given = node.ints("axes") ?? importer.integers(node, 1) ?? [];
  const rank = x.shape.length + given.length;
  const added = new Set(given.map((axis) => (axis < 0 ? axis + rank : axis)));
  const old = [...x.shape];
  const shape = identityOrder(rank).map((axis) => (added.has(axis) ? 1 : old.shift()!));
  const spare = x.order.filter((axis) => axis < 0).length;
  if (x.flattened !== undefined || spare < added.size) {
    reshape(node, importer, shape);
    return;
  }
  // Axes of length 1 that were never dropped take the new names.
  const kept = identityOrder(rank).filter((axis) => !added.has(axis));
  const fresh = [...added];
  const order = x.order.map((axis) => (axis < 0 ? (fresh.shift() ?? -1) : kept[axis]!));
  importer.set(node.outputs[0]!, { tensor: x.tensor, shape, order });
}

/** Nothing moves: from here on the same tensor stands in another order. */
function readTranspose(node: OnnxNode, importer: OnnxImporter): void {
  const x = importer.activation(node.required(0));
  const rank = x.shape.length;
  const permutation = node.ints("perm") ?? identityOrder(rank).reverse();
  if (x.flattened !== undefined) {
    const plain = importer.plain(x);
    importer.set(node.outputs[0]!, transposedValue(plain, x.shape, identityOrder(rank), permutation));
    return;
  }
  importer.set(node.outputs[0]!, transposedValue(x.tensor, x.shape, x.order, permutation));
}

function transposedValue(
  tensor: string,
  shape: readonly number[],
  order: Order,
  permutation: readonly number[],
): Activation {
  return {
    tensor,
    shape: permutation.map((axis) => shape[axis]!),
    order: order.map((axis) => (axis < 0 ? -1 : permutation.indexOf(axis))),
  };
}

/** A value with no columns out of order, as operators with an axis want it. */
function settled(importer: OnnxImporter, name: string): Activation {
  const x = importer.activation(name);
  if (x.flattened === undefined) return x;
  return { tensor: importer.plain(x), shape: x.shape, order: identityOrder(x.shape.length) };
}

function fileAxis(node: OnnxNode, rank: number, fallback: number): number {
  const axis = node.int("axis", fallback);
  return axis < 0 ? axis + rank : axis;
}

function readConcat(node: OnnxNode, importer: OnnxImporter): void {
  const inputs = node.inputs.map((name) => settled(importer, name));
  const rank = inputs[0]!.shape.length;
  const plain = identityOrder(rank);
  const order = inputs.find((x) => !sameBytes(x.shape, x.order, plain))?.order ?? inputs[0]!.order;
  const names = inputs.map((x) => importer.inOrder(x, order));
  const axis = order.indexOf(fileAxis(node, rank, 1));
  importer.emit(node, "concat", names, { axis, activation: "none" }, order);
}

function readSplit(node: OnnxNode, importer: OnnxImporter): void {
  const x = settled(importer, node.required(0));
  const axis = fileAxis(node, x.shape.length, 0);
  const length = x.shape[axis]!;
  const count = node.outputs.length;
  const chunk = Math.ceil(length / count);
  const even = Array.from({ length: count }, (_, i) => Math.min(chunk, length - i * chunk));
  const sizes = node.ints("split") ?? importer.integers(node, 1) ?? even;
  const outputs = node.outputs.map((name) => importer.builder.freshName(name));
  importer.builder.operator({
    kind: "split",
    name: node.name,
    inputs: [x.tensor],
    outputs,
    attributes: { axis: x.order.indexOf(axis), sizes },
  });
  outputs.forEach((tensor, i) => {
    const shape = x.shape.map((old, at) => (at === axis ? sizes[i]! : old));
    importer.set(node.outputs[i]!, { tensor, shape, order: x.order });
  });
}

function readSlice(node: OnnxNode, importer: OnnxImporter): void {
  const x = settled(importer, node.required(0));
  const rank = x.shape.length;
  const starts = node.ints("starts") ?? importer.integers(node, 1) ?? [];
  const ends = node.ints("ends") ?? importer.integers(node, 2) ?? [];
  const axes = node.ints("axes") ?? importer.integers(node, 3) ?? identityOrder(starts.length);
  const steps = importer.integers(node, 4) ?? starts.map(() => 1);
  const begin = x.order.map(() => 0);
  const size = x.order.map((axis) => (axis < 0 ? 1 : x.shape[axis]!));
  const strides = x.order.map(() => 1);
  axes.forEach((given, i) => {
    const axis = given < 0 ? given + rank : given;
    const length = x.shape[axis]!;
    const step = steps[i]!;
    if (step < 1) throw unsupported(`Slice "${node.name}" with step ${step}`, "Slice forwards.");
    const bound = (index: number) => Math.min(Math.max(index < 0 ? index + length : index, 0), length);
    const [from, to] = [bound(starts[i]!), bound(ends[i]!)];
    const at = x.order.indexOf(axis);
    begin[at] = from;
    size[at] = Math.max(Math.ceil((to - from) / step), 0);
    strides[at] = step;
  });
  importer.emit(node, "slice", [x.tensor], { begin, size, strides }, x.order);
}

function readPad(node: OnnxNode, importer: OnnxImporter): void {
  const x = settled(importer, node.required(0));
  const rank = x.shape.length;
  const pads = node.ints("pads") ?? node.ints("paddings") ?? importer.integers(node, 1) ?? [];
  const given = importer.integers(node, 3) ?? identityOrder(rank);
  const axes = given.map((axis) => (axis < 0 ? axis + rank : axis));
  const amount = (axis: number, half: number) => {
    const at = axes.indexOf(axis);
    return at < 0 ? 0 : (pads[at + half * axes.length] ?? 0);
  };
  const valueName = node.opset >= 11 ? node.input(2) : "";
  const value =
    valueName === "" ? node.float("value", 0) : Number(importer.constant(valueName)?.data[0] ?? Number.NaN);
  if (Number.isNaN(value)) throw node.fault("a constant value to pad with", "one that is computed");
  const mode = node.string("mode", "constant");
  if (mode !== "constant" && mode !== "reflect" && mode !== "edge") {
    throw unsupported(`Pad "${node.name}" of mode ${mode}`, "Use constant, reflect or edge.");
  }
  const before = x.order.map((axis) => amount(axis, 0));
  const after = x.order.map((axis) => amount(axis, 1));
  if ([...before, ...after].some((count) => count < 0)) {
    throw unsupported(`Pad "${node.name}" that cuts`, "Use a slice.");
  }
  importer.emit(node, "pad", [x.tensor], { before, after, mode, value: Math.max(value, LOWEST) }, x.order);
}

function readGather(node: OnnxNode, importer: OnnxImporter): void {
  const table = importer.operand(node.required(0), identityOrder(importer.shapeOf(node.required(0)).length));
  const rank = importer.builder.get(table).shape.length;
  const axis = fileAxis(node, rank, 0);
  const indices = importer.constant(node.required(1));
  const length = importer.builder.get(table).shape[axis]!;
  const name =
    indices === undefined
      ? importer.plain(importer.activation(node.required(1)))
      : importer.literal(
          node.required(1),
          indices.shape,
          Int32Array.from(indices.data as ArrayLike<number | bigint>, (index) =>
            Number(index) < 0 ? Number(index) + length : Number(index),
          ),
          "int32",
        );
  const outRank = rank - 1 + importer.builder.get(name).shape.length;
  importer.emit(node, "gather", [table, name], { axis }, identityOrder(outRank));
}

function readExpand(node: OnnxNode, importer: OnnxImporter): void {
  const x = importer.plain(importer.activation(node.required(0)));
  const wanted = importer.integers(node, 1) ?? [];
  const { shape } = importer.builder.get(x);
  const rank = Math.max(shape.length, wanted.length);
  const out = Array.from({ length: rank }, (_, i) =>
    Math.max(shape[i - rank + shape.length] ?? 1, wanted[i - rank + wanted.length] ?? 1),
  );
  importer.emit(node, "expand", [x], { shape: out }, identityOrder(rank));
}

function readTile(node: OnnxNode, importer: OnnxImporter): void {
  const x = settled(importer, node.required(0));
  const repeats = importer.integers(node, 1) ?? [];
  const inOrder = x.order.map((axis) => (axis < 0 ? 1 : repeats[axis]!));
  importer.emit(node, "tile", [x.tensor], { repeats: inOrder }, x.order);
}
