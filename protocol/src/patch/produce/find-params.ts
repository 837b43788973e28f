import type { Column } from "../records.js";
import type { TensorRange } from "./tensor-range.js";

/**
 * Finds the records of a parameter blob (`params.bin`: "MOTP", header of 48 bytes, then what each kernel reads, in its
 * order). The blob does not say what it holds, its code does; but multipliers are words within narrow bounds that come
 * back at equal distances, and give the layout away. Null when the bytes are no such blob.
 */

const HEADER_BYTES = 48;
/** The least that a multiplier of 31 bits is, where a channel is no constant. */
const LEAST_MULTIPLIER = 2 ** 16;
/** Code words of a record at most: an input of 8,192 values, two channels a halfword. */
const MAX_CODE_WORDS = 4096;
/** Chance makes a few multipliers out of weights; a layer has as many as it has channels. */
const LEAST_SCORE = 6;
/** Words between two layers' records: zero points and the like. */
const MAX_GAP_WORDS = 16;
/** Positions after the first that are looked at before the best of them is taken. */
const LOOK_AHEAD_WORDS = 3;

/** What a word must be: "b" bias, "m" multiplier, "o" offset, "s" shift, "z" zero; and its channel in the record. */
type WordRule = `${"b" | "m" | "o" | "s" | "z"}${0 | 1 | 2 | 3}`;

interface RecordForm {
  readonly head: readonly WordRule[];
  readonly tail: readonly WordRule[];
  /** Of the codes; null when any number of words may stand between head and tail. */
  readonly codeWords: number | null;
}

const LONG = (channel: 0 | 1 | 2 | 3): WordRule[] => [`m${channel}`, `o${channel}`, `s${channel}`];

/** The records of the DSP kernels: matrix (two channels), dense (four), depthwise 3x3 (one); short and long forms. */
const FORMS: readonly RecordForm[] = [
  { head: ["b1"], tail: ["b0", "m0", "m1"], codeWords: null },
  { head: ["b1"], tail: ["b0", ...LONG(0), ...LONG(1)], codeWords: null },
  { head: ["b1", "b3"], tail: ["b0", "b2", "m0", "m1", "m2", "m3"], codeWords: null },
  { head: ["b1", "b3"], tail: ["b0", "b2", ...LONG(0), ...LONG(1), ...LONG(2), ...LONG(3)], codeWords: null },
  { head: [], tail: ["b0", "m0", "z0", "z0"], codeWords: 5 },
  { head: [], tail: ["b0", ...LONG(0)], codeWords: 5 },
];

/** Tables of the portable kernels: bias, multiplier of 31 bits, shift; the weights follow as plain bytes. */
const TABLE_COLUMNS: readonly WordRule[] = ["b0", "m0", "s0"];
const TABLE_ROW_BYTES = 12;

interface Found {
  readonly at: number;
  readonly rows: number;
  readonly rowLength: number;
  readonly form: RecordForm;
  readonly score: number;
}

export function findParamsRanges(bytes: Uint8Array): TensorRange[] | null {
  if (bytes.length < HEADER_BYTES || String.fromCharCode(...bytes.subarray(0, 4)) !== "MOTP") return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const tables = findTables(view);
  return tables.length > 0 ? portableRanges(tables, view.byteLength) : recordRanges(view);
}

function recordRanges(view: DataView): TensorRange[] {
  const ranges: TensorRange[] = [];
  let gap = 0;
  for (let at = HEADER_BYTES; at + 8 <= view.byteLength && gap < MAX_GAP_WORDS; ) {
    const found = bestNear(view, at);
    if (found === null) {
      at += 4;
      gap++;
      continue;
    }
    const { form, rowLength, rows } = found;
    ranges.push({
      name: String(ranges.length),
      dtype: "int8",
      offset: found.at,
      length: rows * rowLength,
      rowLength,
      records: {
        head: form.head.length,
        tail: form.tail.length,
        columns: [...form.head, ...form.tail].map(columnOf),
        isPaired: true,
      },
    });
    at = found.at + rows * rowLength;
    gap = 0;
  }
  return ranges;
}

function columnOf(rule: WordRule): Column {
  const named = rule.startsWith("b") ? "bias" : rule.startsWith("m") ? "multiplier" : "plain";
  return { class: named, channel: Number(rule[1]) };
}

function bestNear(view: DataView, at: number): Found | null {
  let best: Found | null = null;
  for (let ahead = 0; ahead <= LOOK_AHEAD_WORDS; ahead++) {
    for (const form of FORMS) {
      const found = bestOf(view, at + 4 * ahead, form);
      if (found !== null && found.score > (best?.score ?? LEAST_SCORE - 1)) best = found;
    }
  }
  return best;
}

function bestOf(view: DataView, at: number, form: RecordForm): Found | null {
  const [least, most] = form.codeWords === null ? [1, MAX_CODE_WORDS] : [form.codeWords, form.codeWords];
  const words = form.head.length + form.tail.length;
  let best: Found | null = null;
  for (let codeWords = least; codeWords <= most; codeWords++) {
    const rowLength = 4 * (words + codeWords);
    if (at + rowLength > view.byteLength) break;
    const { rows, score } = countRows(view, at, rowLength, form);
    if (score > (best?.score ?? 0)) best = { at, rows, rowLength, form, score };
  }
  return best;
}

/** Records from `at` on that keep every rule; the score counts what chance would hardly make. */
function countRows(
  view: DataView,
  at: number,
  rowLength: number,
  form: RecordForm,
): { rows: number; score: number } {
  let [rows, score] = [0, 0];
  for (let row = at; row + rowLength <= view.byteLength; row += rowLength) {
    const gained = scoreOf(view, row, rowLength, form);
    if (gained < 0) break;
    score += gained;
    rows++;
  }
  return { rows, score };
}

/** -1 where a rule is broken. */
function scoreOf(view: DataView, row: number, rowLength: number, { tail, codeWords }: RecordForm): number {
  const tailAt = row + rowLength - 4 * tail.length;
  let score = 0;
  for (const [i, rule] of tail.entries()) {
    const word = view.getUint32(tailAt + 4 * i, true);
    const isGood = RULES[rule.charAt(0)];
    if (isGood !== undefined && !isGood(word)) return -1;
    if (isGood !== undefined && word !== 0) score++;
  }
  // Only depthwise kernels have a fixed number of code words: halfwords whose low byte is empty.
  for (let k = 0; k < (codeWords ?? 0); k++) {
    if ((view.getUint32(tailAt - 4 - 4 * k, true) & 0x00ff00ff) !== 0) return -1;
  }
  return score + (codeWords === null ? 0 : 1);
}

const RULES: Readonly<Record<string, (word: number) => boolean>> = {
  m: (word) => word === 0 || (word >= LEAST_MULTIPLIER && word < 2 ** 31),
  o: (word) => word < 2 ** 31,
  s: (word) => word >= 8 && word < 32,
  z: (word) => word === 0,
};

/** Runs of two and more rows whose multiplier has its highest bit and whose shift is one. */
function findTables(view: DataView): { offset: number; rows: number }[] {
  const isRow = (at: number): boolean => {
    if (at + TABLE_ROW_BYTES > view.byteLength) return false;
    const multiplier = view.getUint32(at + 4, true);
    return multiplier >= 2 ** 30 && multiplier < 2 ** 31 && Math.abs(view.getInt32(at + 8, true)) < 32;
  };
  const tables: { offset: number; rows: number }[] = [];
  for (let at = HEADER_BYTES; at < view.byteLength; ) {
    let end = at;
    while (isRow(end)) end += TABLE_ROW_BYTES;
    const rows = (end - at) / TABLE_ROW_BYTES;
    if (rows >= 2) tables.push({ offset: at, rows });
    at = rows >= 2 ? end : at + 4;
  }
  return tables;
}

/** Each table, then its weights: up to the next table, as many whole rows as that leaves. */
function portableRanges(tables: readonly { offset: number; rows: number }[], end: number): TensorRange[] {
  return tables.flatMap(({ offset, rows }, i) => {
    const weights = offset + rows * TABLE_ROW_BYTES;
    const rowLength = Math.floor(((tables[i + 1]?.offset ?? end) - weights) / rows);
    const table: TensorRange = {
      name: `${i}#table`,
      dtype: "int8",
      offset,
      length: rows * TABLE_ROW_BYTES,
      rowLength: TABLE_ROW_BYTES,
      records: { head: 3, tail: 0, columns: TABLE_COLUMNS.map(columnOf), isPaired: false },
    };
    const codes: TensorRange = {
      name: String(i),
      dtype: "int8",
      offset: weights,
      length: rows * rowLength,
      rowLength,
    };
    return rowLength > 0 ? [table, codes] : [table];
  });
}
