import type { Planes, TurnedWindow } from "./geometry.js";

/** Padded rows of the input in scratch, as many as a window has: what both direct convolutions read. */
export interface RowRing {
  /** Elements of one padded row, slack for the last group included. */
  readonly width: number;
  readonly rows: number;
}

/** Index of channel 0 of a tap among a channel's weights [kh, kw, depth]. */
export function tapIndex(
  window: TurnedWindow,
  isTurned: boolean,
  i: number,
  j: number,
  depth: number,
): number {
  const [y, x, width] = isTurned ? [j, i, window.kernelMajor] : [i, j, window.kernelMinor];
  return (y * width + x) * depth;
}

/** Rows enter a ring as code + 128 with their padding, so that neither the gathering nor the sums know borders. */
export function ringLoad(window: TurnedWindow, source: Planes, rowsName: string): string {
  return `        for (; loaded < oi * ${window.strideMajor} - ${window.beforeMajor} + ${window.kernelMajor}; loaded++) {
            uint8_t *const row = ring + (loaded + ${window.kernelMajor}) % ${window.kernelMajor} * ${rowsName};
            if (loaded < 0 || loaded >= ${source.major}) {
                memset(row, padding, ${rowsName});
                continue;
            }
`;
}
