import { RATIO, SCALE_GRID } from "../layout.js";
import { multiplierOf, type RowForm, wordsBefore, wordsOf } from "../row-form.js";
import type { TensorRange } from "./tensor-range.js";

/** A word of two ranges of rows with words, by row. */
interface WordPair {
  readonly row: number;
  readonly class: "bias" | "multiplier" | "extra";
  readonly channel: number;
  readonly old: number;
  readonly next: number;
}

function* wordPairs(
  base: Uint8Array,
  next: Uint8Array,
  old: TensorRange,
  range: TensorRange,
  form: RowForm,
): Generator<WordPair> {
  const oldView = new DataView(base.buffer, base.byteOffset + old.offset, old.length);
  const nextView = new DataView(next.buffer, next.byteOffset + range.offset, range.length);
  const { rowLength } = range;
  const words = wordsOf(form);
  const before = wordsBefore(form);
  for (let row = 0; row < range.length / rowLength; row++) {
    for (const [index, word] of words.entries()) {
      const at = row * rowLength + (index < before ? 4 * index : rowLength - 4 * (words.length - index));
      yield { row, ...word, old: oldView.getUint32(at, true), next: nextView.getUint32(at, true) };
    }
  }
}

/** How the scale of each row's channels moved, read off their multipliers; null when none did. */
export function wordRatios(
  base: Uint8Array,
  next: Uint8Array,
  old: TensorRange,
  range: TensorRange,
  form: RowForm,
): Int16Array | null {
  const ratios = new Int16Array((range.length / range.rowLength) * form.channels);
  for (const word of wordPairs(base, next, old, range, form)) {
    if (word.class === "multiplier")
      ratios[word.row * form.channels + word.channel] = ratioOf(word.old, word.next);
  }
  return ratios.some((ratio) => ratio !== 0) ? ratios : null;
}

/** The ratio whose prediction comes closest; the multiplier may have been halved on the way. */
function ratioOf(old: number, next: number): number {
  if (old === 0 || next === 0 || old === next) return 0;
  const tries = [next / old, (2 * next) / old].map((quotient) =>
    Math.max(RATIO.least, Math.min(RATIO.most, Math.round((quotient - 1) * SCALE_GRID))),
  );
  const error = (ratio: number): number => Math.abs(multiplierOf(old, ratio) - next);
  return tries.reduce((best, ratio) => (error(ratio) < error(best) ? ratio : best), 0);
}

/** Zeros at the end of all residuals of biases whose scale stayed. */
export function commonShift(
  base: Uint8Array,
  next: Uint8Array,
  old: TensorRange,
  range: TensorRange,
  form: RowForm,
  ratios: Int16Array | null,
): number {
  let seen = 0;
  for (const word of wordPairs(base, next, old, range, form)) {
    const ratio = ratios?.[word.row * form.channels + word.channel] ?? 0;
    if (word.class === "bias" && ratio === 0) seen |= word.next - word.old;
  }
  return seen === 0 ? 0 : 31 - Math.clz32(seen & -seen);
}
