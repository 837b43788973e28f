import type { TensorRange } from "./ranges.js";

/**
 * For files without a known format (a compiled model's params.bin) of unchanged length: stretches that changed densely
 * are taken as int8 codes against the same place of the base, everything else is left to copies.
 */

const BLOCK_BYTES = 64;
/** Changed bytes in a block from which residuals are tried. */
const DENSE = 4;

export function alignedRanges(base: Uint8Array, next: Uint8Array): TensorRange[] {
  if (base.length !== next.length) return [];
  const ranges: TensorRange[] = [];
  let start = -1;
  for (let at = 0; at <= next.length; at += BLOCK_BYTES) {
    const isDense = at < next.length && countChanged(base, next, at) >= DENSE;
    if (isDense && start < 0) start = at;
    if (!isDense && start >= 0) {
      const length = Math.min(at, next.length) - start;
      const rowLength = length % BLOCK_BYTES === 0 ? BLOCK_BYTES : length;
      ranges.push({ name: `@${start}`, dtype: "int8", offset: start, length, rowLength });
      start = -1;
    }
  }
  if (start >= 0) {
    const length = next.length - start;
    ranges.push({ name: `@${start}`, dtype: "int8", offset: start, length, rowLength: length });
  }
  return ranges;
}

function countChanged(base: Uint8Array, next: Uint8Array, at: number): number {
  let changed = 0;
  for (let i = at; i < Math.min(at + BLOCK_BYTES, next.length); i++) if (base[i] !== next[i]) changed++;
  return changed;
}
