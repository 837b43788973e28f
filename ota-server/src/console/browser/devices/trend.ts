import type { TrendPoint } from "@mote/protocol";

/** A figure over time as a line; where the release changes a mark stands. Pure; places are in a box of WIDTH x HEIGHT. */

export const WIDTH = 600;
export const HEIGHT = 100;
const PADDING = 8;

export interface Line {
  /** SVG path; a gap where nothing was measured. */
  readonly path: string;
  readonly dots: readonly { readonly x: number; readonly y: number }[];
  readonly marks: readonly { readonly x: number; readonly sequence: number }[];
  readonly least: number;
  readonly most: number;
  readonly last: number;
}

/** Null when there is no point. */
export function lineOf(
  points: readonly TrendPoint[],
  value: (point: TrendPoint) => number | null,
): Line | null {
  const values = points.map(value);
  const known = values.filter((one) => one !== null);
  if (known.length === 0) return null;
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const [fromMs, toMs] = [points[0]!.atMs, points.at(-1)!.atMs];
  const x = (ms: number) => (toMs === fromMs ? WIDTH / 2 : (WIDTH * (ms - fromMs)) / (toMs - fromMs));
  const y = (one: number) =>
    most === least
      ? HEIGHT / 2
      : HEIGHT - PADDING - ((HEIGHT - 2 * PADDING) * (one - least)) / (most - least);
  let path = "";
  let isOpen = false;
  for (const [i, one] of values.entries()) {
    if (one === null) {
      isOpen = false;
      continue;
    }
    path += `${isOpen ? "L" : "M"}${x(points[i]!.atMs).toFixed(1)} ${y(one).toFixed(1)}`;
    isOpen = true;
  }
  const lone = known.length === 1 ? values.findIndex((one) => one !== null) : -1;
  return {
    path,
    dots: lone < 0 ? [] : [{ x: x(points[lone]!.atMs), y: y(known[0]!) }],
    marks: points.flatMap((point, i) => {
      const before = points[i - 1];
      if (before === undefined || before.releaseSequence === point.releaseSequence) return [];
      return [{ x: x(point.atMs), sequence: point.releaseSequence }];
    }),
    least,
    most,
    last: known.at(-1)!,
  };
}
