import type { Operation, OperationOf } from "./operation.js";
import type { TensorRange } from "./tensor-range.js";

/** Tensors before this one among which a factor is looked for. */
const LOOKED_AT = 12;
/** Elements whose quotient is tried as the factor, with its neighbours of one bit. */
const QUOTIENTS = 3;

/**
 * A vector of float32 as an earlier one of the same length times a factor, because the scale of a bias is the input's
 * times the weight's. `before` are ranges of `next` that end before this one begins.
 */
export function productCandidates(
  next: Uint8Array,
  range: TensorRange,
  before: readonly TensorRange[],
): Operation[] {
  if (range.dtype !== "float32" || range.length < 8) return [];
  const products = before
    .filter(({ dtype, length }) => dtype === "float32" && length === range.length)
    .slice(-LOOKED_AT)
    .map((source) => bestProduct(next, range, source))
    .filter((product) => product !== null);
  products.sort((a, b) => a.error - b.error);
  return products.slice(0, 1).map(({ operation }) => operation);
}

interface Product {
  readonly operation: OperationOf<"product">;
  /** About the bits of all residuals. */
  readonly error: number;
}

function bestProduct(next: Uint8Array, range: TensorRange, source: TensorRange): Product | null {
  const view = new DataView(next.buffer, next.byteOffset, next.length);
  const count = range.length / 4;
  const value = ({ offset }: TensorRange, i: number): number => view.getFloat32(offset + 4 * i, true);
  const scratch = new DataView(new ArrayBuffer(4));
  const bitsOf = (float: number): number => {
    scratch.setFloat32(0, float);
    return scratch.getInt32(0);
  };
  const neighbour = (float: number, ulps: number): number => {
    scratch.setInt32(0, bitsOf(float) + ulps);
    return scratch.getFloat32(0);
  };
  let best: Product | null = null;
  for (let i = 0; i < Math.min(count, QUOTIENTS); i++) {
    const quotient = Math.fround(value(range, i) / value(source, i));
    for (const factor of [quotient, neighbour(quotient, 1), neighbour(quotient, -1)]) {
      let error = 0;
      for (let k = 0; k < count; k++) {
        const product = Math.fround(value(source, k) * factor);
        if (!Number.isFinite(product)) error = Number.POSITIVE_INFINITY;
        error += Math.log2(1 + Math.abs(bitsOf(value(range, k)) - bitsOf(product)));
      }
      if (!(error < (best?.error ?? Number.POSITIVE_INFINITY))) continue;
      best = {
        operation: {
          kind: "product",
          distance: range.offset - source.offset,
          length: range.length,
          factor,
        },
        error,
      };
    }
  }
  return best;
}
