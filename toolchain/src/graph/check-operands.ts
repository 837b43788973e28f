import { GraphError } from "../errors.js";
import type { Operator, OperatorOf } from "./graph.js";
import { elementCount } from "./size.js";

type Shape = readonly number[];
type Shapes = readonly (Shape | undefined)[];

/**
 * Whether weights, biases, states and attributes of an operator fit what it reads. Shape inference looks only at what the
 * output's shape follows from; a kernel would read beyond its operands where the rest does not fit. Throws GraphError that
 * names the operator.
 */
export function checkOperands(operator: Operator, shapes: Shapes): void {
  const x = shapes[0];
  if (x === undefined) return;
  switch (operator.kind) {
    case "conv2d": {
      const { groups } = operator.attributes;
      const [out, kernelH, kernelW] = (shapes[1] ?? []) as [number, number, number];
      require(operator, "weights", shapes[1], [out, kernelH, kernelW, x[3]! / groups]);
      if (out % groups !== 0) throw misfit(operator, `filters in ${groups} groups`, String(out));
      require(operator, "bias", shapes[2], [out]);
      return;
    }
    case "depthwiseConv2d": {
      const [, kernelH, kernelW] = (shapes[1] ?? []) as [number, number, number];
      const out = x[3]! * operator.attributes.multiplier;
      require(operator, "weights", shapes[1], [1, kernelH, kernelW, out]);
      require(operator, "bias", shapes[2], [out]);
      return;
    }
    case "transposeConv2d": {
      const [out, kernelH, kernelW] = (shapes[1] ?? []) as [number, number, number];
      require(operator, "weights", shapes[1], [out, kernelH, kernelW, x[3]!]);
      require(operator, "bias", shapes[2], [out]);
      return;
    }
    case "fullyConnected":
      require(operator, "bias", shapes[2], [shapes[1]?.[0] ?? 0]);
      return;
    case "batchNorm":
      for (const place of [1, 2, 3, 4]) require(operator, `input ${place}`, shapes[place], [x.at(-1)!]);
      return;
    case "layerNorm": {
      const axis = wrap(operator, operator.attributes.axis, x.length);
      const count = elementCount(x.slice(axis));
      for (const place of [1, 2]) {
        const given = shapes[place];
        if (given !== undefined && elementCount(given) !== count) {
          throw misfit(operator, `${count} values for input ${place}`, text(given));
        }
      }
      return;
    }
    case "softmax":
    case "logSoftmax":
    case "argMax":
    case "argMin":
      wrap(operator, operator.attributes.axis, x.length);
      return;
    case "mean":
    case "sum":
    case "reduceMax":
    case "reduceMin":
      for (const axis of operator.attributes.axes) wrap(operator, axis, x.length);
      return;
    case "concat":
      checkConcat(operator, shapes);
      return;
    case "split": {
      const axis = wrap(operator, operator.attributes.axis, x.length);
      const total = operator.attributes.sizes.reduce((sum, size) => sum + size, 0);
      if (total !== x[axis]) throw misfit(operator, `sizes that add up to ${x[axis]}`, String(total));
      return;
    }
    case "slice":
      checkSlice(operator, x);
      return;
    case "pad": {
      const { before, after } = operator.attributes;
      if (before.length !== x.length || after.length !== x.length) {
        throw misfit(operator, `amounts for ${x.length} axes`, `${before.length} and ${after.length}`);
      }
      return;
    }
    case "transpose": {
      const sorted = [...operator.attributes.permutation].sort((a, b) => a - b);
      if (sorted.length !== x.length || sorted.some((axis, i) => axis !== i)) {
        throw misfit(operator, `each of ${x.length} axes once`, text(operator.attributes.permutation));
      }
      return;
    }
    case "lstm":
      checkRecurrent(operator, shapes, 4);
      return;
    case "gru":
      checkRecurrent(operator, shapes, 3);
      return;
    case "rnn":
      checkRecurrent(operator, shapes, 1);
      return;
    case "svdf":
      checkSvdf(operator, shapes);
      return;
    default:
  }
}

function checkConcat(operator: OperatorOf<"concat">, shapes: Shapes): void {
  const first = shapes[0]!;
  const axis = wrap(operator, operator.attributes.axis, first.length);
  shapes.forEach((shape, place) => {
    const wanted = first.map((length, i) => (i === axis ? (shape?.[axis] ?? 0) : length));
    require(operator, `input ${place}`, shape, wanted);
  });
}

function checkSlice(operator: OperatorOf<"slice">, x: Shape): void {
  const { begin, size, strides } = operator.attributes;
  x.forEach((length, axis) => {
    const [from, count, step] = [begin[axis] ?? -1, size[axis] ?? 0, strides[axis] ?? 0];
    const last = from + (count - 1) * step;
    if (from < 0 || from >= length || last < 0 || last >= length) {
      throw misfit(operator, `a slice inside axis ${axis} of ${length}`, `${from} to ${last}`);
    }
  });
}

function checkRecurrent(operator: OperatorOf<"lstm" | "gru" | "rnn">, shapes: Shapes, gates: number): void {
  const x = shapes[0]!;
  if (x.length !== 3) throw misfit(operator, "an input [steps, batch, in]", text(x));
  const { hiddenSize: hidden, direction } = operator.attributes;
  const directions = direction === "bidirectional" ? 2 : 1;
  const rows = gates * hidden;
  require(operator, "input weights", shapes[1], [directions, rows, x[2]!]);
  require(operator, "recurrent weights", shapes[2], [directions, rows, hidden]);
  if (shapes[1] === undefined || shapes[2] === undefined) throw misfit(operator, "weights", "none");
  require(operator, "bias", shapes[3], [directions, 2 * rows]);
  for (const place of [4, 5]) require(operator, "initial state", shapes[place], [directions, x[1]!, hidden]);
}

function checkSvdf(operator: OperatorOf<"svdf">, shapes: Shapes): void {
  const x = shapes[0]!;
  const { rank } = operator.attributes;
  const [filters, memory] = [shapes[1]?.[0] ?? 0, shapes[2]?.[1] ?? 0];
  if (x.length !== 2) throw misfit(operator, "an input [batch, in]", text(x));
  if (!(rank >= 1) || filters % rank !== 0)
    throw misfit(operator, `filters of rank ${rank}`, String(filters));
  require(operator, "feature weights", shapes[1], [filters, x[1]!]);
  require(operator, "time weights", shapes[2], [filters, memory]);
  require(operator, "bias", shapes[3], [filters / rank]);
  if (shapes[4] === undefined) throw misfit(operator, "a state", "none");
  require(operator, "state", shapes[4], [x[0]!, filters * memory]);
}

/** Absent operands fit. */
function require(operator: Operator, what: string, got: Shape | undefined, wanted: Shape): void {
  if (got === undefined) return;
  if (got.length !== wanted.length || got.some((length, i) => length !== wanted[i])) {
    throw misfit(operator, `${what} of shape ${text(wanted)}`, text(got));
  }
}

function wrap(operator: Operator, axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(at) && at >= 0 && at < Math.max(rank, 1)) return at;
  throw misfit(operator, `an axis of ${rank}`, String(axis));
}

function text(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

function misfit(operator: Operator, expected: string, got: string): GraphError {
  return new GraphError({
    expected: `${expected} at ${operator.kind} "${operator.name}"`,
    got,
    todo: "Check the model at that node: a reader, a transform or the file itself broke its operands.",
  });
}
