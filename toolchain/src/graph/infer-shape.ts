import { GraphError } from "../errors.js";
import type { Operator, Window2d } from "./graph.js";
import { elementCount } from "./size.js";

type Shape = readonly number[];

/** Shapes of an operator's outputs from those of its inputs. Throws GraphError naming the operator where they don't fit. */
export function inferShapes(operator: Operator, inputs: readonly (Shape | undefined)[]): Shape[] {
  const first = inputs[0];
  if (first === undefined) throw misfit(operator, "at least one input with a known shape", "none");
  switch (operator.kind) {
    case "conv2d": {
      const [n, h, w] = rank4(operator, first);
      const [out, kernelH, kernelW] = rank4(operator, inputs[1]);
      const { dilationH, dilationW } = operator.attributes;
      return [
        [
          n,
          ...windows(
            operator,
            operator.attributes,
            h,
            w,
            (kernelH - 1) * dilationH + 1,
            (kernelW - 1) * dilationW + 1,
          ),
          out,
        ],
      ];
    }
    case "depthwiseConv2d": {
      const [n, h, w] = rank4(operator, first);
      const [, kernelH, kernelW, out] = rank4(operator, inputs[1]);
      const { dilationH, dilationW } = operator.attributes;
      return [
        [
          n,
          ...windows(
            operator,
            operator.attributes,
            h,
            w,
            (kernelH - 1) * dilationH + 1,
            (kernelW - 1) * dilationW + 1,
          ),
          out,
        ],
      ];
    }
    case "transposeConv2d": {
      const [n, h, w] = rank4(operator, first);
      const [out, kernelH, kernelW] = rank4(operator, inputs[1]);
      const a = operator.attributes;
      const length = (
        size: number,
        stride: number,
        kernel: number,
        dilation: number,
        before: number,
        after: number,
        extra: number,
      ) => (size - 1) * stride + (kernel - 1) * dilation + 1 - before - after + extra;
      return [
        [
          n,
          length(h, a.strideH, kernelH, a.dilationH, a.padding.top, a.padding.bottom, a.outputPaddingH),
          length(w, a.strideW, kernelW, a.dilationW, a.padding.left, a.padding.right, a.outputPaddingW),
          out,
        ],
      ];
    }
    case "maxPool2d":
    case "averagePool2d": {
      const [n, h, w, c] = rank4(operator, first);
      const { kernelH, kernelW } = operator.attributes;
      return [[n, ...windows(operator, operator.attributes, h, w, kernelH, kernelW), c]];
    }
    case "fullyConnected": {
      const weights = inputs[1];
      if (weights?.length !== 2) throw misfit(operator, "weights [out, in]", text(weights));
      const [out, width] = weights as [number, number];
      const count = elementCount(first);
      if (count % width !== 0) throw misfit(operator, `an input of rows of ${width}`, text(first));
      return [operator.attributes.keepDims ? [...first.slice(0, -1), out] : [count / width, out]];
    }
    case "matMul":
      return [matMul(operator, first, inputs[1], operator.attributes)];
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "minimum":
    case "maximum":
    case "pow":
    case "prelu":
      return [broadcast(operator, first, inputs[1])];
    case "mean":
    case "sum":
    case "reduceMax":
    case "reduceMin":
      return [reduce(first, operator.attributes.axes, operator.attributes.keepDims)];
    case "argMax":
    case "argMin":
      return [reduce(first, [operator.attributes.axis], operator.attributes.keepDims)];
    case "concat": {
      const axis = wrap(operator.attributes.axis, first.length);
      const total = inputs.reduce((sum, shape) => sum + (shape?.[axis] ?? 0), 0);
      return [first.map((length, i) => (i === axis ? total : length))];
    }
    case "split": {
      const axis = wrap(operator.attributes.axis, first.length);
      return operator.attributes.sizes.map((size) => first.map((length, i) => (i === axis ? size : length)));
    }
    case "slice":
      return [operator.attributes.size];
    case "pad":
      return [
        first.map((length, i) => length + operator.attributes.before[i]! + operator.attributes.after[i]!),
      ];
    case "reshape": {
      const { shape } = operator.attributes;
      if (elementCount(shape) !== elementCount(first)) {
        throw misfit(
          operator,
          `a shape of ${elementCount(first)} elements (from ${text(first)})`,
          text(shape),
        );
      }
      return [shape];
    }
    case "transpose":
      return [operator.attributes.permutation.map((axis) => first[axis]!)];
    case "resizeNearest":
    case "resizeBilinear": {
      const [n, , , c] = rank4(operator, first);
      return [[n, operator.attributes.height, operator.attributes.width, c]];
    }
    case "gather": {
      const axis = wrap(operator.attributes.axis, first.length);
      return [[...first.slice(0, axis), ...(inputs[1] ?? []), ...first.slice(axis + 1)]];
    }
    case "expand":
      return [broadcast(operator, first, operator.attributes.shape)];
    case "tile":
      return [first.map((length, i) => length * operator.attributes.repeats[i]!)];
    case "lstm":
    case "gru":
    case "rnn": {
      const [steps, batch] = first as [number, number];
      const directions = operator.attributes.direction === "bidirectional" ? 2 : 1;
      const { hiddenSize } = operator.attributes;
      const state = [directions, batch, hiddenSize];
      return [[steps, directions, batch, hiddenSize], state, state].slice(0, operator.outputs.length);
    }
    case "svdf":
      return [[first[0]!, elementCount(inputs[1] ?? []) / first[1]! / operator.attributes.rank]];
    default:
      // Element-wise operators and norms keep their input's shape.
      return [first];
  }
}

/** Numpy's rule. */
export function broadcast(operator: Operator, a: Shape, b: Shape | undefined): number[] {
  if (b === undefined) throw misfit(operator, "two inputs", "one");
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      throw misfit(operator, "shapes that broadcast", `${text(a)} and ${text(b)}`);
    return x === 1 ? y : x;
  });
}

function reduce(shape: Shape, axes: readonly number[], keepDims: boolean): number[] {
  const wanted = new Set(axes.map((axis) => wrap(axis, shape.length)));
  return shape.flatMap((length, i) => (wanted.has(i) ? (keepDims ? [1] : []) : [length]));
}

function matMul(
  operator: Operator,
  a: Shape,
  b: Shape | undefined,
  { transposeA, transposeB }: { transposeA: boolean; transposeB: boolean },
): number[] {
  if (b === undefined || a.length < 2 || b.length < 2) {
    throw misfit(operator, "two matrices", `${text(a)} and ${text(b)}`);
  }
  const [rows, inner] = transposeA ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!];
  const [inner2, columns] = transposeB ? [b.at(-1)!, b.at(-2)!] : [b.at(-2)!, b.at(-1)!];
  if (inner !== inner2) throw misfit(operator, "matching inner lengths", `${text(a)} and ${text(b)}`);
  return [...broadcast(operator, a.slice(0, -2), b.slice(0, -2)), rows, columns];
}

function windows(
  operator: Operator,
  { strideH, strideW, padding }: Window2d,
  height: number,
  width: number,
  extentH: number,
  extentW: number,
): [number, number] {
  const h = Math.floor((height + padding.top + padding.bottom - extentH) / strideH) + 1;
  const w = Math.floor((width + padding.left + padding.right - extentW) / strideW) + 1;
  if (h < 1 || w < 1)
    throw misfit(
      operator,
      "a window no larger than its padded input",
      `${height}x${width} under ${extentH}x${extentW}`,
    );
  return [h, w];
}

function rank4(operator: Operator, shape: Shape | undefined): [number, number, number, number] {
  if (shape?.length !== 4) throw misfit(operator, "a tensor of rank 4", text(shape));
  const [n, h, w, c] = shape as [number, number, number, number];
  return [n, h, w, c];
}

function wrap(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

function text(shape: Shape | undefined): string {
  return shape === undefined ? "nothing" : `[${shape.join(", ")}]`;
}

function misfit(operator: Operator, expected: string, got: string): GraphError {
  return new GraphError({
    expected: `${expected} at ${operator.kind} "${operator.name}"`,
    got,
    todo: "Check the model at that node: a reader, a transform or the file itself broke its shapes.",
  });
}
