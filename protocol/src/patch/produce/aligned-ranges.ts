import type { TensorRange } from "./tensor-range.js";

/** Long enough that the flags of unchanged rows cost next to nothing, short enough to skip most of a quiet stretch. */
const ROW_BYTES = 64;

/**
 * For files without a known format and of unchanged length: from the first changed byte to the last, all are taken as
 * int8 codes against the same place of the base.
 */
export function alignedRanges(base: Uint8Array, next: Uint8Array): TensorRange[] {
  if (base.length !== next.length) return [];
  const isChanged = (byte: number, i: number): boolean => byte !== base[i];
  const offset = next.findIndex(isChanged);
  if (offset < 0) return [];
  const changed = next.findLastIndex(isChanged) + 1 - offset;
  const padded = Math.ceil(changed / ROW_BYTES) * ROW_BYTES;
  const length = offset + padded <= next.length ? padded : changed;
  return [{ name: "", dtype: "int8", offset, length, rowLength: length === padded ? ROW_BYTES : length }];
}
