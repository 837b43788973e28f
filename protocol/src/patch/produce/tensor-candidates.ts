import { codeCandidates, codeVariants } from "./code-candidates.js";
import type { Operation } from "./operation.js";
import type { TensorRange } from "./tensor-range.js";
import { gridStep } from "./writer.js";

/**
 * Ways to code a range that are worth a try; the planner counts what each would cost and takes the cheapest, and then
 * the cheapest of that one's variants.
 */
export function tensorCandidates(
  base: Uint8Array,
  next: Uint8Array,
  old: TensorRange | null,
  range: TensorRange,
): Operation[] {
  if (range.dtype === "int8") return codeCandidates(base, next, old, range);
  if (old === null) return [];
  const { dtype } = range;
  const { offset, length } = old;
  const shift = dtype === "int32" ? commonShift(base, next, old, range) : 0;
  const words = { kind: "words", offset, length, dtype, shift, isGrid: false } as const;
  return dtype === "float32" && isOnGrid(base, next, old, range)
    ? [words, { ...words, isGrid: true }]
    : [words];
}

export function variantsOf(operation: Operation): Operation[] {
  return operation.kind === "codes" ? codeVariants(operation) : [];
}

function commonShift(base: Uint8Array, next: Uint8Array, old: TensorRange, range: TensorRange): number {
  const baseView = new DataView(base.buffer, base.byteOffset + old.offset, old.length);
  const nextView = new DataView(next.buffer, next.byteOffset + range.offset, range.length);
  let seen = 0x10000;
  for (let i = 0; i < range.length; i += 4) seen |= nextView.getInt32(i, true) - baseView.getInt32(i, true);
  return 31 - Math.clz32(seen & -seen);
}

function isOnGrid(base: Uint8Array, next: Uint8Array, old: TensorRange, range: TensorRange): boolean {
  const baseView = new DataView(base.buffer, base.byteOffset + old.offset, old.length);
  const nextView = new DataView(next.buffer, next.byteOffset + range.offset, range.length);
  for (let i = 0; i < range.length; i += 4) {
    if (gridStep(baseView.getFloat32(i, true), nextView.getFloat32(i, true)) === null) return false;
  }
  return true;
}
