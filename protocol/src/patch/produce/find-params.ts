import type { Column } from "../records.js";
import { findRecords, type RecordForm, type WordRule } from "./find-records.js";
import type { TensorRange } from "./tensor-range.js";

/**
 * Finds what a parameter blob holds (`params.bin`: "MOTP", header of 48 bytes, then what each kernel reads, in its
 * order). The blob does not say it, its code does; but multipliers are words within bounds that come back at equal
 * distances, and give the layout away. Null when the bytes are no such blob.
 */

const HEADER_BYTES = 48;

const LONG = (channel: 0 | 1 | 2 | 3): WordRule[] => [`m${channel}`, `o${channel}`, `s${channel}`];

/** The records of the DSP kernels: matrix (two channels), dense (four), depthwise 3x3 (one); short and long forms. */
const FORMS: readonly RecordForm[] = [
  { head: ["b1"], tail: ["b0", "m0", "m1"], codeWords: null },
  { head: ["b1"], tail: ["b0", ...LONG(0), ...LONG(1)], codeWords: null },
  { head: ["b1", "b3"], tail: ["b0", "b2", "m0", "m1", "m2", "m3"], codeWords: null },
  {
    head: ["b1", "b3"],
    tail: ["b0", "b2", ...LONG(0), ...LONG(1), ...LONG(2), ...LONG(3)],
    codeWords: null,
  },
  { head: [], tail: ["b0", "m0", "z0", "z0"], codeWords: 5 },
  { head: [], tail: ["b0", ...LONG(0)], codeWords: 5 },
];

/** Tables of the portable kernels: bias, multiplier of 31 bits, shift; the weights follow as plain bytes. */
const TABLE_COLUMNS: readonly WordRule[] = ["b0", "m0", "s0"];
const TABLE_ROW_BYTES = 12;

export function findParamsRanges(bytes: Uint8Array): TensorRange[] | null {
  if (bytes.length < HEADER_BYTES || String.fromCharCode(...bytes.subarray(0, 4)) !== "MOTP") return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const tables = findTables(view);
  return tables.length > 0 ? portableRanges(tables, view.byteLength) : recordRanges(view);
}

function recordRanges(view: DataView): TensorRange[] {
  return findRecords(view, HEADER_BYTES, FORMS).map(({ at, rows, rowLength, form }, i) => ({
    name: String(i),
    dtype: "int8",
    offset: at,
    length: rows * rowLength,
    rowLength,
    records: {
      head: form.head.length,
      tail: form.tail.length,
      columns: [...form.head, ...form.tail].map(columnOf),
      isPaired: true,
    },
  }));
}

function columnOf(rule: WordRule): Column {
  const named = rule.startsWith("b") ? "bias" : rule.startsWith("m") ? "multiplier" : "plain";
  return { class: named, channel: Number(rule[1]) };
}

interface Table {
  readonly offset: number;
  readonly rows: number;
}

/** Runs of two and more rows whose multiplier has its highest bit and whose shift is one. */
function findTables(view: DataView): Table[] {
  const isRow = (at: number): boolean => {
    if (at + TABLE_ROW_BYTES > view.byteLength) return false;
    const multiplier = view.getUint32(at + 4, true);
    return multiplier >= 2 ** 30 && multiplier < 2 ** 31 && Math.abs(view.getInt32(at + 8, true)) < 32;
  };
  const tables: Table[] = [];
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
function portableRanges(tables: readonly Table[], end: number): TensorRange[] {
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
