import { PatchFormatError, PatchTooLargeError, PatchTruncatedError } from "../errors.js";

/**
 * bzip2 decompression (Seward's format, 1.0). Written here because a patch is hostile input: the output is bounded
 * before it grows, every code is checked, and it needs no Buffer, so that it runs in a browser too. Block randomisation,
 * dead since 0.9.5, is refused. Block and stream checksums are not read: the patch names a SHA-256 of the result.
 */

const BLOCK_MAGIC_HIGH = 0x314159;
const BLOCK_MAGIC_LOW = 0x265359;
const END_MAGIC_HIGH = 0x177245;
const END_MAGIC_LOW = 0x385090;
const GROUP_SIZE = 50;
const MAX_CODE_BITS = 20;

function broken(what: string): PatchFormatError {
  return new PatchFormatError({
    expected: "a bzip2 stream",
    got: what,
    todo: "Fetch the patch again; if it stays so, it was not made by bsdiff.",
  });
}

class BitReader {
  readonly #bytes: Uint8Array;
  #position = 0;
  #held = 0;
  #heldBits = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Up to 24 bits. */
  read(count: number): number {
    while (this.#heldBits < count) {
      const byte = this.#bytes[this.#position++];
      if (byte === undefined) {
        throw new PatchTruncatedError({
          expected: "more of a bzip2 stream",
          got: "its end",
          todo: "Fetch the patch again.",
        });
      }
      this.#held = ((this.#held << 8) | byte) >>> 0;
      this.#heldBits += 8;
    }
    this.#heldBits -= count;
    const value = this.#held >>> this.#heldBits;
    this.#held &= (1 << this.#heldBits) - 1;
    return value;
  }
}

/** Canonical Huffman: for each length the first code past it, left-aligned by value, and where its symbols begin. */
interface HuffmanTable {
  readonly limit: Int32Array;
  readonly offset: Int32Array;
  readonly symbols: Uint16Array;
}

function buildTable(lengths: Uint8Array): HuffmanTable {
  const counts = new Int32Array(MAX_CODE_BITS + 1);
  for (const length of lengths) counts[length]!++;
  const limit = new Int32Array(MAX_CODE_BITS + 1);
  const offset = new Int32Array(MAX_CODE_BITS + 1);
  const symbols = new Uint16Array(lengths.length);
  let code = 0;
  let index = 0;
  for (let length = 1; length <= MAX_CODE_BITS; length++) {
    offset[length] = index - code;
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] === length) symbols[index++] = symbol;
    }
    code += counts[length]!;
    limit[length] = code;
    code <<= 1;
  }
  return { limit, offset, symbols };
}

function readSymbol(bits: BitReader, table: HuffmanTable): number {
  let code = 0;
  for (let length = 1; length <= MAX_CODE_BITS; length++) {
    code = (code << 1) | bits.read(1);
    if (code < table.limit[length]!) {
      const symbol = table.symbols[code + table.offset[length]!];
      if (symbol === undefined) break;
      return symbol;
    }
  }
  throw broken("a code that no symbol has");
}

function readUsedBytes(bits: BitReader): Uint8Array {
  const groups = bits.read(16);
  const used: number[] = [];
  for (let group = 0; group < 16; group++) {
    if ((groups & (0x8000 >> group)) === 0) continue;
    const map = bits.read(16);
    for (let i = 0; i < 16; i++) if ((map & (0x8000 >> i)) !== 0) used.push(16 * group + i);
  }
  if (used.length === 0) throw broken("a block that uses no byte");
  return Uint8Array.from(used);
}

function readSelectors(bits: BitReader, tableCount: number): Uint8Array {
  const selectors = new Uint8Array(bits.read(15));
  const order = Array.from({ length: tableCount }, (_, i) => i);
  for (let i = 0; i < selectors.length; i++) {
    let index = 0;
    while (bits.read(1) === 1)
      if (++index >= tableCount) throw broken("a selector of a table that is not there");
    const [table] = order.splice(index, 1);
    order.unshift(table!);
    selectors[i] = table!;
  }
  return selectors;
}

function readLengths(bits: BitReader, symbolCount: number): Uint8Array {
  const lengths = new Uint8Array(symbolCount);
  let length = bits.read(5);
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    for (;;) {
      if (length < 1 || length > MAX_CODE_BITS) throw broken(`a code of ${length} bits`);
      if (bits.read(1) === 0) break;
      length += bits.read(1) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  return lengths;
}

/** Huffman, run lengths and move-to-front undone: the last column of the sorted rotations. */
function readColumn(bits: BitReader, blockSize: number): Uint8Array {
  const used = readUsedBytes(bits);
  const endOfBlock = used.length + 1;
  const tableCount = bits.read(3);
  if (tableCount < 2 || tableCount > 6) throw broken(`${tableCount} tables`);
  const selectors = readSelectors(bits, tableCount);
  const tables = Array.from({ length: tableCount }, () => buildTable(readLengths(bits, used.length + 2)));
  const column = new Uint8Array(blockSize);
  let filled = 0;
  let run = 0;
  let runWeight = 1;
  for (const selector of selectors) {
    for (let i = 0; i < GROUP_SIZE; i++) {
      const symbol = readSymbol(bits, tables[selector]!);
      if (symbol <= 1) {
        run += runWeight << symbol;
        runWeight <<= 1;
        if (run > blockSize - filled) throw broken("a run beyond its block");
        continue;
      }
      if (run > 0) {
        column.fill(used[0]!, filled, filled + run);
        filled += run;
        run = 0;
        runWeight = 1;
      }
      if (symbol === endOfBlock) return column.subarray(0, filled);
      if (filled === blockSize) throw broken("a block longer than it claims");
      const byte = used[symbol - 1]!;
      used.copyWithin(1, 0, symbol - 1);
      used[0] = byte;
      column[filled++] = byte;
    }
  }
  throw broken("a block without an end");
}

/** Where the row that starts with each position's byte goes on: byte in the low 8 bits, next row above. */
function linkRows(column: Uint8Array): Uint32Array {
  const starts = new Uint32Array(257);
  for (const byte of column) starts[byte + 1]!++;
  for (let i = 0; i < 256; i++) starts[i + 1]! += starts[i]!;
  const rows = new Uint32Array(column.length);
  for (let i = 0; i < column.length; i++) {
    const row = starts[column[i]!]!++;
    rows[row]! |= i << 8;
    rows[i]! |= column[i]!;
  }
  return rows;
}

/** A length that the output must have, or a limit when only the stream knows it; nothing beyond either is made. */
export type Bunzip2Length = number | { readonly atMost: number };

export function bunzip2(bytes: Uint8Array, length: Bunzip2Length): Uint8Array {
  const bits = new BitReader(bytes);
  const level = bits.read(16) === 0x425a && bits.read(8) === 0x68 ? bits.read(8) - 0x30 : 0;
  if (level < 1 || level > 9) throw broken("another first four bytes than BZh1 … BZh9");
  const output = new Output(length);
  for (;;) {
    const high = bits.read(24);
    const low = bits.read(24);
    if (high === END_MAGIC_HIGH && low === END_MAGIC_LOW) break;
    if (high !== BLOCK_MAGIC_HIGH || low !== BLOCK_MAGIC_LOW) throw broken("neither a block nor an end");
    bits.read(16);
    bits.read(16);
    if (bits.read(1) !== 0) throw broken("a randomised block, which no bzip2 since 1999 writes");
    const origin = bits.read(24);
    const column = readColumn(bits, level * 100_000);
    if (column.length === 0 || origin >= column.length) throw broken("a first row beyond its block");
    unwind(linkRows(column), origin, output);
  }
  if (typeof length === "number" && output.length !== length) {
    throw broken(`${output.length} B where ${length} B were named`);
  }
  return output.bytes();
}

/** Grows by doubling up to its limit; of a known length it is allocated once. */
class Output {
  length = 0;
  readonly #limit: number;
  #bytes: Uint8Array;

  constructor(length: Bunzip2Length) {
    this.#limit = typeof length === "number" ? length : length.atMost;
    this.#bytes = new Uint8Array(typeof length === "number" ? length : Math.min(length.atMost, 4096));
  }

  fill(byte: number, count: number): void {
    const end = this.length + count;
    if (end > this.#limit) {
      throw new PatchTooLargeError({
        expected: `at most ${this.#limit} B from a bzip2 stream`,
        got: "more",
        todo: "Refuse this patch.",
      });
    }
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(this.#limit, Math.max(end, 2 * this.#bytes.length)));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    if (count === 1) this.#bytes[this.length] = byte;
    else this.#bytes.fill(byte, this.length, end);
    this.length = end;
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}

/** Walks the rows, undoing the first run-length layer: four equal bytes are followed by a count of more. */
function unwind(rows: Uint32Array, origin: number, output: Output): void {
  let row = rows[origin]! >>> 8;
  let last = -1;
  let equal = 0;
  for (let i = 0; i < rows.length; i++) {
    const entry = rows[row]!;
    const byte = entry & 255;
    row = entry >>> 8;
    if (equal === 4) {
      output.fill(last, byte);
      equal = 0;
      last = -1;
    } else {
      output.fill(byte, 1);
      equal = byte === last ? equal + 1 : 1;
      last = byte;
    }
  }
}
