import type { NumberData } from "./kernel.js";

/** Weights [rows, columns] laid out for `multiply`. */
export interface FilterBank {
  readonly rows: number;
  readonly columns: number;
  readonly weights: Float64Array;
  /** Two rows to a double (8-bit activations) or one (16-bit ones). */
  readonly isPaired: boolean;
}

/** Above this many columns a partial sum of 9-bit by 8-bit products could leave its 26 bits: 255 * 128 * 1024 < 2^25. */
const BLOCK = 1024;
const HIGH = 2 ** 26;
/** Pairs of rows that are summed side by side; rows are padded with zeros to a multiple. */
const PAIRS = 4;

/**
 * 8-bit weights two rows to a double, w0 + w1 * 2^26: one multiplication by a field element in [-255, 255] gives two
 * exact products, and a double holds both sums. For 16-bit activations rows stay apart; doubles are exact up to 2^53.
 */
export function filterBank(
  matrix: NumberData,
  offset: number,
  rows: number,
  columns: number,
  isPaired: boolean,
): FilterBank {
  const at = (row: number, column: number): number =>
    row < rows ? matrix[offset + row * columns + column]! : 0;
  const perDouble = isPaired ? 2 : 1;
  const count = isPaired ? Math.ceil(rows / (2 * PAIRS)) * PAIRS : rows;
  const weights = new Float64Array(count * columns);
  for (let line = 0; line < count; line++) {
    for (let i = 0; i < columns; i++) {
      const low = at(line * perDouble, i);
      weights[line * columns + i] = isPaired ? low + at(line * 2 + 1, i) * HIGH : low;
    }
  }
  return { rows, columns, weights, isPaired };
}

/** sums[0..rows) = weights . field. */
export function multiply(bank: FilterBank, field: Float64Array, sums: Float64Array): void {
  if (!bank.isPaired) {
    multiplyRows(bank, field, sums);
    return;
  }
  const { rows, columns, weights } = bank;
  sums.fill(0);
  for (let from = 0; from < columns; from += BLOCK) {
    const to = Math.min(columns, from + BLOCK);
    for (let row = 0; row < rows; row += 2 * PAIRS) {
      const a = (row >> 1) * columns;
      const b = a + columns;
      const c = b + columns;
      const d = c + columns;
      let p = 0;
      let q = 0;
      let r = 0;
      let s = 0;
      for (let i = from; i < to; i++) {
        const x = field[i]!;
        p += weights[a + i]! * x;
        q += weights[b + i]! * x;
        r += weights[c + i]! * x;
        s += weights[d + i]! * x;
      }
      addPair(sums, row, rows, p);
      addPair(sums, row + 2, rows, q);
      addPair(sums, row + 4, rows, r);
      addPair(sums, row + 6, rows, s);
    }
  }
}

function addPair(sums: Float64Array, row: number, rows: number, both: number): void {
  const high = Math.round(both / HIGH);
  if (row < rows) sums[row]! += both - high * HIGH;
  if (row + 1 < rows) sums[row + 1]! += high;
}

function multiplyRows({ rows, columns, weights }: FilterBank, field: Float64Array, sums: Float64Array): void {
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    let sum = 0;
    for (let i = 0; i < columns; i++) sum += weights[start + i]! * field[i]!;
    sums[row] = sum;
  }
}
