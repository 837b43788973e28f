import type { NumberData } from "./kernel.js";

/**
 * sums[0..count) = bias + filters . field for `count` successive filters. Four filters at a time, so that an element of
 * the field is read once for four products.
 */
export type DotRows = (
  filters: NumberData,
  offset: number,
  field: Int32Array,
  bias: Float64Array,
  sums: Float64Array,
  first: number,
  count: number,
) => void;

/** Wraps at 32 bits as the reference does. */
export const dotRowsInt32: DotRows = (filters, offset, field, bias, sums, first, count) => {
  const size = field.length;
  let row = 0;
  for (; row + 4 <= count; row += 4) {
    const a = offset + row * size;
    const b = a + size;
    const c = b + size;
    const d = c + size;
    let [p, q, r, s] = [0, 0, 0, 0];
    for (let i = 0; i < size; i++) {
      const x = field[i]!;
      p = (p + Math.imul(filters[a + i]!, x)) | 0;
      q = (q + Math.imul(filters[b + i]!, x)) | 0;
      r = (r + Math.imul(filters[c + i]!, x)) | 0;
      s = (s + Math.imul(filters[d + i]!, x)) | 0;
    }
    sums[row] = (p + bias[first + row]!) | 0;
    sums[row + 1] = (q + bias[first + row + 1]!) | 0;
    sums[row + 2] = (r + bias[first + row + 2]!) | 0;
    sums[row + 3] = (s + bias[first + row + 3]!) | 0;
  }
  for (; row < count; row++) {
    const a = offset + row * size;
    let p = 0;
    for (let i = 0; i < size; i++) p = (p + Math.imul(filters[a + i]!, field[i]!)) | 0;
    sums[row] = (p + bias[first + row]!) | 0;
  }
};

/** In doubles, exact up to 2^53: the 64-bit accumulators of int16x8. */
export const dotRowsWide: DotRows = (filters, offset, field, bias, sums, first, count) => {
  const size = field.length;
  for (let row = 0; row < count; row++) {
    const a = offset + row * size;
    let p = bias[first + row]!;
    for (let i = 0; i < size; i++) p += filters[a + i]! * field[i]!;
    sums[row] = p;
  }
};
