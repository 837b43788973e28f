import { elementCount, strides } from "./kernel.js";

/**
 * For each element of `to`, the index of the element of `from` that numpy's broadcasting pairs with it; null where
 * the two shapes hold the same elements in the same order.
 */
export function broadcastIndex(from: readonly number[], to: readonly number[]): Int32Array | null {
  if (elementCount(from) === elementCount(to)) return null;
  const padded = [...new Array<number>(to.length - from.length).fill(1), ...from];
  const step = strides(padded).map((stride, axis) => (padded[axis] === 1 ? 0 : stride));
  const extent = strides(to);
  const index = new Int32Array(elementCount(to));
  for (let i = 0; i < index.length; i++) {
    let rest = i;
    let at = 0;
    for (let axis = 0; axis < to.length; axis++) {
      const position = Math.floor(rest / extent[axis]!);
      rest -= position * extent[axis]!;
      at += position * step[axis]!;
    }
    index[i] = at;
  }
  return index;
}
