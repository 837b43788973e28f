import { GraphError, UnsupportedError } from "../../../errors.js";
import type { Operator, OperatorOf, Tensor } from "../../../graph/graph.js";
import { requantizeCode } from "../convert.js";
import { type FilterBank, filterBank, multiply } from "../dot.js";
import { clamp, quantizeMultiplier, requantizer } from "../fixed-point.js";
import { affine, input, type KernelContext, sameAffine } from "../kernel.js";

export type Recurrent = OperatorOf<"lstm" | "gru" | "rnn">;

/** Codes a gate's sum takes before its function: Q3.12. */
export const GATE_SCALE = 1 / 4096;

export const saturate16 = (x: number): number => clamp(x, -32768, 32767);

/**
 * One matrix product of a recurrent layer: rows of int8 weights times a vector of codes less their zero point, plus a
 * bias, each row requantized by its own multiplier.
 */
export interface Product {
  /** sums[row] for the vector's codes at `offset` of `codes`; not saturated. */
  run(codes: ArrayLike<number>, offset: number, sums: Int32Array): void;
}

interface ProductParts {
  readonly operator: Recurrent;
  readonly weights: Tensor;
  readonly direction: number;
  /** Scale and zero point of the codes that are multiplied. */
  readonly vector: { readonly scale: number; readonly zeroPoint: number; readonly is16Bit: boolean };
  /** Which half of the bias [directions, 2 * rows] belongs to this product. */
  readonly biasHalf: 0 | 1;
  /** Scale of the sums. */
  readonly sumScale: number;
}

export function prepareProduct(parts: ProductParts, context: KernelContext): Product {
  const { operator, weights, direction, vector } = parts;
  const [, rows, columns] = weights.shape as [number, number, number];
  const scales = weights.quantization?.scale;
  if (weights.data === undefined || scales === undefined || (scales.length !== 1 && scales.length !== rows)) {
    throw new UnsupportedError({
      expected: `constant weights "${weights.name}" of ${operator.kind} "${operator.name}" with 1 or ${rows} scales`,
      got: scales === undefined ? "none" : `${scales.length}`,
      todo: "Quantize them per tensor or along axis 1.",
    });
  }
  const bank: FilterBank = filterBank(
    context.buffer(weights.name),
    direction * rows * columns,
    rows,
    columns,
    !vector.is16Bit,
  );
  const multipliers = Array.from({ length: rows }, (_, row) => {
    // TensorFlow Lite's LSTM computes these in float32.
    const product = Math.fround(scales[scales.length === 1 ? 0 : row]! * vector.scale);
    return quantizeMultiplier(Math.fround(product / parts.sumScale), context.rounding);
  });
  const requantize = requantizer(context.rounding);
  const bias = biasOf(operator, context, rows);
  const offset = (2 * direction + parts.biasHalf) * rows;
  const field = new Float64Array(columns);
  const accumulators = new Float64Array(rows);
  return {
    run(codes, at, sums) {
      for (let i = 0; i < columns; i++) field[i] = codes[at + i]! - vector.zeroPoint;
      multiply(bank, field, accumulators);
      for (let row = 0; row < rows; row++) {
        const sum = accumulators[row]! + (bias === null ? 0 : bias[offset + row]!);
        const { multiplier, shift } = multipliers[row]!;
        sums[row] = requantize(sum | 0, multiplier, shift);
      }
    },
  };
}

function biasOf(operator: Recurrent, context: KernelContext, rows: number): Float64Array | null {
  const name = operator.inputs[3] ?? "";
  const bias = context.constant(name);
  if (name !== "" && bias === null) {
    throw new UnsupportedError({
      expected: `a constant bias of ${operator.kind} "${operator.name}"`,
      got: `"${name}", which is computed`,
      todo: "Export the model with constant weights.",
    });
  }
  if (bias !== null && bias.length % (2 * rows) !== 0) {
    throw new GraphError({
      expected: `a bias of ${2 * rows} values per direction for ${operator.kind} "${operator.name}"`,
      got: `${bias.length}`,
      todo: "Export the model again.",
    });
  }
  return bias;
}

/** What all recurrent layers read off their operator. x is [steps, batch, in]. */
export interface Dimensions {
  readonly steps: number;
  readonly batch: number;
  readonly width: number;
  readonly hidden: number;
  /** For each direction, whether it runs from the last step to the first. */
  readonly reversed: readonly boolean[];
}

export function dimensionsOf(operator: Recurrent, context: KernelContext): Dimensions {
  const [steps, batch, width] = context.tensor(input(operator, 0)).shape as [number, number, number];
  const { hiddenSize, direction } = operator.attributes;
  const reversed = direction === "bidirectional" ? [false, true] : direction === "reverse" ? [true] : [false];
  return { steps, batch, width, hidden: hiddenSize, reversed };
}

/** Whether the tensor's codes have 16 bits; other than int8 and int16 there are none here. */
export function vectorOf(tensor: Tensor): { scale: number; zeroPoint: number; is16Bit: boolean } {
  return { ...affine(tensor), is16Bit: tensor.dtype === "int16" };
}

/** Codes of an initial state in those of the layer's output; its zero point where there is none. */
export function initialCodes(
  name: string | undefined,
  target: Tensor,
  context: KernelContext,
): (at: number) => number {
  const { zeroPoint } = affine(target);
  if (name === undefined || name === "") return () => zeroPoint;
  const source = context.tensor(name);
  const codes = context.buffer(name);
  if (sameAffine(source, target)) return (at) => codes[at]!;
  const convert = requantizeCode(source, target, context.rounding);
  return (at) => convert(codes[at]!);
}

/** The name of an output that is asked for; undefined where it is absent. */
export function outputName(operator: Operator, index: number): string | undefined {
  const name = operator.outputs[index];
  return name === "" ? undefined : name;
}
