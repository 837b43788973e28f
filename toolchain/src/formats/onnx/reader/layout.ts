/**
 * Which axis of the file's tensor each axis of the graph's tensor holds; -1 is an axis of length 1 that the file does
 * not have. [0, 2, 3, 1] is a channels-first image held channels-last; the reader moves such orders through the graph
 * instead of data, and transposes only where an operator leaves no choice.
 */
export type Order = readonly number[];

export const CHANNELS_LAST: Order = [0, 2, 3, 1];
/** [N, C, W] held as an image of height 1. */
export const CHANNELS_LAST_1D: Order = [0, -1, 2, 1];

export function identityOrder(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis);
}

/** Channels-last for any rank: [0, 2, …, rank-1, 1]. */
export function channelsLastOrder(rank: number): number[] {
  return rank < 3 ? identityOrder(rank) : [0, ...identityOrder(rank).slice(2), 1];
}

export function sameOrder(a: Order, b: Order): boolean {
  return a.length === b.length && a.every((axis, i) => axis === b[i]);
}

/** Shape of the graph's tensor that holds `shape` in `order`. */
export function orderedShape(shape: readonly number[], order: Order): number[] {
  return order.map((axis) => (axis < 0 ? 1 : shape[axis]!));
}

/** Whether row-major data are the same bytes in both orders: axes of length 1 may stand anywhere. */
export function sameBytes(shape: readonly number[], a: Order, b: Order): boolean {
  const long = (order: Order) => order.filter((axis) => axis >= 0 && shape[axis]! > 1);
  return sameOrder(long(a), long(b));
}
