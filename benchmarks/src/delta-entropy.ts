import {
  findTensorRanges,
  laneAt,
  PLAIN_FORM,
  type TensorRange,
  wordsBefore,
  wordsBehind,
  wordsOf,
} from "@mote/protocol";
import type { Pair } from "./delta-pairs.js";

/**
 * What an update must say, whatever the coder: the order-0 entropy of the residuals of all numbers that a container
 * holds. Codes count by tensor; biases, multipliers and scales by kind over the whole file, because a histogram of 64
 * numbers that all differ would be a poor measure of what they cost. Bytes.
 */
export interface ResidualEntropy {
  readonly codes: number;
  readonly words: number;
}

type Histogram = Map<number, number>;

/** null where old and new are not laid out alike. */
export function residualEntropy({ base, next, layouts }: Pair): ResidualEntropy | null {
  const olds = findTensorRanges(base, layouts);
  const news = findTensorRanges(next, layouts);
  const isAlike = base.length === next.length && news.every(({ offset }, i) => olds[i]?.offset === offset);
  if (!isAlike || news.length === 0) return null;
  const words = new Map<string, Histogram>();
  let codes = 0;
  for (const range of news) {
    const own: Histogram = new Map();
    const count = (kind: string, residual: number): void => {
      if (kind !== "code" && !words.has(kind)) words.set(kind, new Map());
      const histogram = kind === "code" ? own : words.get(kind)!;
      histogram.set(residual, (histogram.get(residual) ?? 0) + 1);
    };
    const old = new DataView(base.buffer, base.byteOffset + range.offset, range.length);
    const made = new DataView(next.buffer, next.byteOffset + range.offset, range.length);
    if (range.dtype === "int8") countRows(old, made, range, count);
    else for (let at = 0; at < range.length; at += 4) count(range.dtype, wordResidual(old, made, at));
    codes += entropyBytes(own);
  }
  return { codes, words: [...words.values()].reduce((sum, histogram) => sum + entropyBytes(histogram), 0) };
}

function countRows(
  old: DataView,
  made: DataView,
  { length, rowLength, form = PLAIN_FORM }: TensorRange,
  count: (kind: string, residual: number) => void,
): void {
  const [from, to] = [4 * wordsBefore(form), rowLength - 4 * wordsBehind(form)];
  const lift = form.isLifted ? 128 : 0;
  const codeAt = (view: DataView, at: number): number => ((view.getUint8(at) ^ lift) << 24) >> 24;
  for (let row = 0; row < length; row += rowLength) {
    let borrow = 0;
    for (let at = from; at < to; at++) {
      const [was, is] = [codeAt(old, row + at), codeAt(made, row + at)];
      const isHigh = form.codes === "pairs" && (laneAt(form, at - from) & 1) === 1;
      count("code", ((is - was - (isHigh ? borrow : 0)) << 24) >> 24);
      borrow = Number(was < 0) - Number(is < 0);
    }
    let moved = 0;
    wordsOf(form).forEach((word, i) => {
      const residual = wordResidual(old, made, row + (4 * i < from ? 0 : to - from) + 4 * i);
      if (word.class === "bias") moved = residual;
      count(
        word.class,
        word.class === "extra" && form.words!.extrasFollow ? (residual - moved) | 0 : residual,
      );
    });
  }
}

function wordResidual(old: DataView, made: DataView, at: number): number {
  return (made.getInt32(at, true) - old.getInt32(at, true)) | 0;
}

function entropyBytes(histogram: Histogram): number {
  const total = [...histogram.values()].reduce((sum, count) => sum + count, 0);
  let bits = 0;
  for (const count of histogram.values()) bits -= count * Math.log2(count / total);
  return bits / 8;
}
