import type { TensorData } from "../../../graph/graph.js";
import { allocate, elementCount } from "../../../graph/size.js";
import { dtypeOf, readInitializer } from "../proto.js";
import type { Constant, OnnxImporter } from "./importer.js";
import { identityOrder } from "./layout.js";
import type { OnnxNode } from "./node.js";

/**
 * Exporters compute shapes with operators: Shape, Gather, Unsqueeze, Concat and a Reshape that takes the result. Shapes
 * are fixed here, so such nodes have constants for inputs and become constants themselves.
 */
export function foldNode(node: OnnxNode, importer: OnnxImporter): Constant | undefined {
  if (node.opType === "Shape") return shapeOf(node, importer);
  if (node.opType === "ConstantOfShape") return constantOfShape(node, importer);
  const fold = FOLD[node.opType];
  if (fold === undefined) return undefined;
  const inputs: Constant[] = [];
  for (const name of node.inputs) {
    if (name === "") continue;
    const constant = importer.constant(name);
    // Quantized constants are weights, not shapes; large ones are tables.
    if (constant === undefined || constant.quantization !== undefined) return undefined;
    inputs.push(constant);
  }
  return inputs.length === 0 ? undefined : fold(node, inputs);
}

/** Elements that a constant made at reading may have: shapes and masks are small, weights are not made here. */
const MAX_FOLDED_ELEMENTS = 1 << 24;

type Fold = (node: OnnxNode, inputs: readonly Constant[]) => Constant | undefined;

const FOLD: Readonly<Record<string, Fold>> = {
  Identity: (_, [x]) => x,
  Add: (_, inputs) => arithmetic(inputs, (a, b) => a + b),
  Sub: (_, inputs) => arithmetic(inputs, (a, b) => a - b),
  Mul: (_, inputs) => arithmetic(inputs, (a, b) => a * b),
  Div: (_, inputs) =>
    arithmetic(inputs, (a, b) => (inputs[0]!.dtype === "float32" ? a / b : Math.trunc(a / b))),
  Cast: (node, [x]) => {
    const dtype = dtypeOf(node.int("to", 1), `Cast "${node.name}"`);
    return { shape: x!.shape, dtype, data: filled(dtype, numbers(x!)) };
  },
  Concat: (node, inputs) => {
    if (inputs.length !== node.inputs.length || inputs.some((x) => x.shape.length !== 1)) return undefined;
    const values = inputs.flatMap(numbers);
    const { dtype } = inputs[0]!;
    return { shape: [values.length], dtype, data: filled(dtype, values) };
  },
  Gather: (node, [table, indices]) => {
    if (table!.shape.length !== 1 || node.int("axis", 0) !== 0) return undefined;
    const values = numbers(table!);
    const picked = numbers(indices!).map((i) => values[i < 0 ? i + values.length : i] ?? 0);
    return { shape: indices!.shape, dtype: table!.dtype, data: filled(table!.dtype, picked) };
  },
  Slice: (node, [x, ...bounds]) => {
    if (x!.shape.length !== 1) return undefined;
    const [starts, ends] =
      bounds.length >= 2
        ? [numbers(bounds[0]!), numbers(bounds[1]!)]
        : [node.ints("starts"), node.ints("ends")];
    if (starts === undefined || ends === undefined || bounds.length > 3) return undefined;
    const values = numbers(x!).slice(starts[0], ends[0]);
    return { shape: [values.length], dtype: x!.dtype, data: filled(x!.dtype, values) };
  },
  Squeeze: (node, [x, given]) => {
    const axes = node.ints("axes") ?? (given === undefined ? undefined : numbers(given));
    const gone = axes?.map((axis) => (axis < 0 ? axis + x!.shape.length : axis));
    const shape = x!.shape.filter((length, axis) =>
      gone === undefined ? length !== 1 : !gone.includes(axis),
    );
    return { ...x!, shape };
  },
  Unsqueeze: (node, [x, given]) => {
    const axes = node.ints("axes") ?? numbers(given!);
    const rank = x!.shape.length + axes.length;
    const added = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
    const old = [...x!.shape];
    return { ...x!, shape: identityOrder(rank).map((axis) => (added.has(axis) ? 1 : old.shift()!)) };
  },
  Reshape: (_, [x, wanted]) => {
    if (wanted === undefined) return undefined;
    const count = x!.data.length;
    const given = numbers(wanted).map((length, i) => (length === 0 ? (x!.shape[i] ?? 0) : length));
    const known = given.reduce((product, length) => (length === -1 ? product : product * length), 1);
    const shape = given.map((length) => (length === -1 ? count / known : length));
    return elementCount(shape) === count ? { ...x!, shape } : undefined;
  },
};

function shapeOf(node: OnnxNode, importer: OnnxImporter): Constant {
  const shape = importer
    .shapeOf(node.required(0))
    .slice(node.int("start", 0), node.has("end") ? node.int("end", 0) : undefined);
  return { shape: [shape.length], dtype: "int64", data: BigInt64Array.from(shape, BigInt) };
}

function constantOfShape(node: OnnxNode, importer: OnnxImporter): Constant {
  const shape = importer.integers(node, 0) ?? [];
  const value = node.tensor("value");
  const count = elementCount(shape);
  if (!(count <= MAX_FOLDED_ELEMENTS)) {
    throw node.fault(`a constant of at most ${MAX_FOLDED_ELEMENTS} elements`, `${count}`);
  }
  if (value === undefined) return { shape, dtype: "float32", data: new Float32Array(count) };
  const { dtype, data } = readInitializer(value);
  return { shape, dtype, data: filled(dtype, new Array<number>(count).fill(Number(data[0] ?? 0))) };
}

function numbers(constant: Constant): number[] {
  return Array.from(constant.data as ArrayLike<number | bigint>, Number);
}

function filled(dtype: Constant["dtype"], values: readonly number[]): TensorData {
  const data = allocate(dtype, values.length);
  if (data instanceof BigInt64Array) data.set(values.map((value) => BigInt(Math.trunc(value))));
  else data.set(values);
  return data;
}

/** Of equal shapes, or with a scalar: what computing shapes takes. */
function arithmetic(
  inputs: readonly Constant[],
  apply: (a: number, b: number) => number,
): Constant | undefined {
  const [a, b] = inputs;
  if (a === undefined || b === undefined) return undefined;
  const [x, y] = [numbers(a), numbers(b)];
  const isAligned =
    x.length === 1 ||
    y.length === 1 ||
    (a.shape.length === b.shape.length && a.shape.every((n, i) => n === b.shape[i]));
  if (!isAligned) return undefined;
  const isFirst = x.length === y.length ? a.shape.length >= b.shape.length : x.length > y.length;
  const shape = isFirst ? a.shape : b.shape;
  const count = Math.max(x.length, y.length);
  const values = Array.from({ length: count }, (_, i) =>
    apply(x.length === 1 ? x[0]! : x[i]!, y.length === 1 ? y[0]! : y[i]!),
  );
  return { shape, dtype: a.dtype, data: filled(a.dtype, values) };
}
