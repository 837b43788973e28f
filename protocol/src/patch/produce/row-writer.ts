import type { Cursor } from "../cursor.js";
import {
  EXTRA_ZERO_AT,
  FIELD_EXPONENTS,
  FLAG_AT,
  FLOAT32_AT,
  INT32_AT,
  NUMBER_EXPONENTS,
  RATIO_AT,
  ZERO_AT,
} from "../layout.js";
import {
  biasOf,
  codeOf,
  laneAt,
  lanesOf,
  multiplierOf,
  type RowForm,
  type Word,
  wordsBefore,
  wordsBehind,
  wordsOf,
} from "../row-form.js";
import type { Codes } from "./operation.js";
import type { BitSink } from "./range-encoder.js";
import { writeInt8, writeSigned } from "./write-number.js";

/** The other side of RowReader: all rows of one operation, from the cursor on. */
export function writeRows(sink: BitSink, cursor: Cursor, codes: Codes): void {
  const { offset, length, rowLength, form, hasFlags, ratios } = codes;
  const words = wordsOf(form);
  const [from, to] = [4 * wordsBefore(form), rowLength - 4 * wordsBehind(form)];
  const { channels } = form;
  let before = 0;
  for (let row = 0; row < length / rowLength; row++) {
    const newAt = cursor.produced + row * rowLength;
    const oldAt = offset === null ? null : offset + row * rowLength;
    const rowOf = { cursor, oldAt, newAt, moved: 0 };
    let unchanged = 0;
    if (hasFlags) {
      unchanged = unchangedLanes(rowOf, form, from, to);
      for (let lane = 0; lane < lanesOf(form); lane++) {
        sink.bit(FLAG_AT + 2 * (lane & 1) + ((before >> lane) & 1), (unchanged >> lane) & 1);
      }
      before = unchanged;
    }
    const own = ratios?.subarray(row * channels, (row + 1) * channels) ?? null;
    own?.forEach((ratio) => {
      writeSigned(sink, RATIO_AT, FIELD_EXPONENTS, ratio);
    });
    const head = words.slice(0, wordsBefore(form));
    writeWords(sink, rowOf, 0, head, own, form);
    writeCodes(sink, rowOf, { codes, from, to, unchanged, ratios: own });
    writeWords(sink, rowOf, to, words.slice(head.length), own, form);
  }
}

interface Row {
  readonly cursor: Cursor;
  /** null without a base. */
  readonly oldAt: number | null;
  readonly newAt: number;
  /** By how much the bias before moved. */
  moved: number;
}

function signed(byte: number, lift: number): number {
  return ((byte ^ lift) << 24) >> 24;
}

/** Lanes whose codes are those of the base (without one: all zero), a bit each. */
function unchangedLanes({ cursor, oldAt, newAt }: Row, form: RowForm, from: number, to: number): number {
  const lift = form.isLifted ? 128 : 0;
  const isPaired = form.codes === "pairs";
  let unchanged = (1 << lanesOf(form)) - 1;
  let borrow = 0;
  for (let at = from; at < to; at++) {
    const lane = laneAt(form, at - from);
    const old = oldAt === null ? 0 : signed(cursor.base[oldAt + at]!, lift);
    const next = signed(cursor.result[newAt + at]!, lift);
    const predicted = old + (isPaired && (lane & 1) === 1 ? borrow : 0);
    if (((next - predicted) & 255) !== 0) unchanged &= ~(1 << lane);
    borrow = (old < 0 ? 1 : 0) - (next < 0 ? 1 : 0);
  }
  return unchanged;
}

function writeCodes(
  sink: BitSink,
  { cursor, oldAt, newAt }: Row,
  {
    codes: { form, depth },
    from,
    to,
    unchanged,
    ratios,
  }: {
    readonly codes: Codes;
    readonly from: number;
    readonly to: number;
    readonly unchanged: number;
    readonly ratios: Int16Array | null;
  },
): void {
  if (unchanged === (1 << lanesOf(form)) - 1) return;
  const lift = form.isLifted ? 128 : 0;
  const isPaired = form.codes === "pairs";
  let borrow = 0;
  for (let at = from; at < to; at++) {
    const lane = laneAt(form, at - from);
    const isHigh = isPaired && (lane & 1) === 1;
    const old = oldAt === null ? 0 : signed(cursor.base[oldAt + at]!, lift);
    const next = signed(cursor.result[newAt + at]!, lift);
    if (((unchanged >> lane) & 1) === 0) {
      const ratio = form.keepsValues ? (ratios?.[lane & (form.channels - 1)] ?? 0) : 0;
      const predicted = codeOf(old, ratio) + (isHigh ? borrow : 0);
      // Modulo 256, because the reader takes the sum so.
      const residual = ((next - predicted) << 24) >> 24;
      writeInt8(sink, residual, Math.sign(old), depth, isHigh ? ZERO_AT + 1 : ZERO_AT);
    }
    borrow = (old < 0 ? 1 : 0) - (next < 0 ? 1 : 0);
  }
}

function writeWords(
  sink: BitSink,
  row: Row,
  from: number,
  words: readonly Word[],
  ratios: Int16Array | null,
  form: RowForm,
): void {
  const { cursor, oldAt, newAt } = row;
  words.forEach((word, i) => {
    const at = from + 4 * i;
    const old = oldAt === null ? 0 : cursor.baseView.getUint32(oldAt + at, true);
    const next = cursor.resultView.getUint32(newAt + at, true);
    const ratio = ratios?.[word.channel] ?? 0;
    if (word.class === "bias") {
      const residual = (next - biasOf(old | 0, ratio)) | 0;
      writeSigned(sink, INT32_AT, NUMBER_EXPONENTS, ratio === 0 ? residual >> form.words!.shift : residual);
      row.moved = (next - old) | 0;
    } else if (word.class === "multiplier") {
      writeSigned(sink, FLOAT32_AT, NUMBER_EXPONENTS, (next - multiplierOf(old, ratio)) | 0);
    } else {
      const predicted = old + (form.words!.extrasFollow ? row.moved : 0);
      writeSigned(sink, FLOAT32_AT, NUMBER_EXPONENTS, (next - predicted) | 0, EXTRA_ZERO_AT);
    }
  });
}
