import { elementCount } from "../../../graph/size.js";
import type { OnnxImporter } from "./importer.js";
import { identityOrder } from "./layout.js";
import type { OnnxNode } from "./node.js";
import type { ReadTable } from "./operators.js";

type Reduction = "mean" | "sum" | "reduceMax" | "reduceMin";

/** Reductions over axes, and the operators that normalise along one. */
export const REDUCE: ReadTable = {
  ReduceMean: (node, importer) => readReduction(node, importer, "mean"),
  ReduceSum: (node, importer) => readReduction(node, importer, "sum"),
  ReduceMax: (node, importer) => readReduction(node, importer, "reduceMax"),
  ReduceMin: (node, importer) => readReduction(node, importer, "reduceMin"),
  ArgMax: (node, importer) => readArgument(node, importer, "argMax"),
  ArgMin: (node, importer) => readArgument(node, importer, "argMin"),
  Softmax: (node, importer) => readSoftmax(node, importer, "softmax"),
  LogSoftmax: (node, importer) => readSoftmax(node, importer, "logSoftmax"),
};

function readReduction(node: OnnxNode, importer: OnnxImporter, kind: Reduction): void {
  const x = importer.activation(node.required(0));
  const rank = x.shape.length;
  const given = node.ints("axes") ?? importer.integers(node, 1) ?? [];
  const noop = given.length === 0 && node.int("noop_with_empty_axes", 0) === 1;
  if (noop) {
    importer.set(node.outputs[0]!, x);
    return;
  }
  const fileAxes =
    given.length === 0 ? identityOrder(rank) : given.map((axis) => (axis < 0 ? axis + rank : axis));
  const keepDims = node.int("keepdims", 1) === 1;
  const tensor = x.flattened === undefined ? x.tensor : importer.plain(x);
  const order = x.flattened === undefined ? x.order : identityOrder(rank);
  const axes = fileAxes.map((axis) => order.indexOf(axis));
  const kept = identityOrder(rank).filter((axis) => !fileAxes.includes(axis));
  const outOrder = keepDims
    ? order
    : order.filter((axis) => !fileAxes.includes(axis)).map((axis) => kept.indexOf(axis));
  importer.emit(node, kind, [tensor], { axes, keepDims }, outOrder);
}

function readArgument(node: OnnxNode, importer: OnnxImporter, kind: "argMax" | "argMin"): void {
  if (node.int("select_last_index", 0) === 1) throw node.fault("the first of equal values", "the last");
  const x = importer.activation(node.required(0));
  const rank = x.shape.length;
  const axis = node.int("axis", 0);
  const keepDims = node.int("keepdims", 1) === 1;
  const attributes = { axis: axis < 0 ? axis + rank : axis, keepDims };
  const outRank = keepDims ? rank : rank - 1;
  importer.emit(node, kind, [importer.plain(x)], attributes, identityOrder(outRank), { dtype: "int32" });
}

/** Before opset 13 all axes from `axis` on were one: the default was 1, not the last. */
function readSoftmax(node: OnnxNode, importer: OnnxImporter, kind: "softmax" | "logSoftmax"): void {
  const x = importer.activation(node.required(0));
  const rank = x.shape.length;
  const isJoint = node.opset < 13;
  const given = node.int("axis", isJoint ? 1 : -1);
  const axis = given < 0 ? given + rank : given;
  const isSingle = !isJoint || elementCount(x.shape.slice(axis + 1)) === 1;
  const emit = (tensor: string, at: number) =>
    kind === "softmax"
      ? importer.step(node, kind, [tensor], { axis: at, beta: 1 })
      : importer.step(node, kind, [tensor], { axis: at });
  const out = node.outputs[0]!;
  if (isSingle && x.flattened === undefined) {
    importer.set(out, { ...x, tensor: emit(x.tensor, x.order.indexOf(axis)) });
    return;
  }
  const plain = importer.plain(x);
  if (isSingle) {
    importer.set(out, { tensor: emit(plain, axis), shape: x.shape, order: identityOrder(rank) });
    return;
  }
  const rows = [elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis))];
  const made = emit(importer.reshaped(plain, rows), 1);
  importer.set(out, { tensor: importer.reshaped(made, x.shape), shape: x.shape, order: identityOrder(rank) });
}
