import { Cursor } from "./cursor.js";
import {
  AREA_AT,
  AREA_END,
  CODES_MODE,
  FIELD_EXPONENTS,
  FLOAT32_AT,
  FORM_AT,
  FORM_BITS,
  HIGH_NIBBLE_AT,
  INT32_AT,
  KIND_AT,
  KIND_NODES,
  KINDS,
  type Kind,
  LENGTH_AT,
  lowNibbleAt,
  MAX_GRID,
  MODE_AT,
  MODE_BITS,
  NIBBLE_NODES,
  NUMBER_EXPONENTS,
  OFFSET_AT,
  SCALE_GRID,
  WORDS_MODE,
  WORDS_MODE_AT,
} from "./layout.js";
import type { RangeDecoder } from "./range-decoder.js";
import { outOfRange, readSigned, readUnsigned } from "./read-number.js";
import { decodeForm, type RowForm } from "./row-form.js";
import { RowReader } from "./row-reader.js";

/** Fields of an operation, each one step of the decoder. */
interface Fields {
  mode: number;
  form: number;
  delta: number;
  distance: number;
  rowLength: number;
  length: number;
  factor: number;
}
type Field = keyof Fields;

const FIELDS: Record<Kind, readonly Field[]> = {
  bytes: ["length"],
  copyBase: ["delta", "length"],
  copyResult: ["distance", "length"],
  codes: ["mode", "form", "delta", "rowLength", "length"],
  words: ["mode", "delta", "length"],
  product: ["distance", "length", "factor"],
};
/** Bytes of the result that one unit of `length` stands for (codes: times the row length). */
const UNIT: Record<Kind, number> = { bytes: 1, copyBase: 1, copyResult: 1, codes: 1, words: 4, product: 4 };

/**
 * Decodes operations into `result`. Works in steps of at most one number, and begins a step only when its input is
 * there, so that it can stop and go on at any byte. Every length is checked against base and result before its use.
 */
export class OperationReader {
  readonly #decoder: RangeDecoder;
  readonly #cursor: Cursor;
  #kind: Kind | null = null;
  #isAfterCopy = false;
  #fields: Fields = { ...NO_FIELDS };
  /** Fields of this kind that have been read, or passed over. */
  #fieldAt = 0;
  #form: RowForm | null = null;
  #begin = 0;
  /** End in the result of the operation at hand. */
  #end = 0;
  #rows: RowReader | null = null;
  /** What the area of adaptive bits holds. */
  #area: Kind | null = null;

  constructor(decoder: RangeDecoder, base: Uint8Array, result: Uint8Array) {
    this.#decoder = decoder;
    this.#cursor = new Cursor(base, result);
  }

  get produced(): number {
    return this.#cursor.produced;
  }

  /** Goes on until the result is complete or fewer than `lookahead` bytes of input are left. */
  advance(lookahead: number): void {
    const cursor = this.#cursor;
    while (cursor.produced < cursor.result.length && this.#decoder.available >= lookahead) {
      if (this.#kind === null) this.#readKind();
      else if (this.#fieldAt < FIELDS[this.#kind].length) this.#readField(this.#kind);
      else {
        this.#readBody(this.#kind, lookahead);
        if (cursor.produced === this.#end) this.#kind = null;
      }
    }
  }

  #readKind(): void {
    const tree = KIND_AT + (this.#isAfterCopy ? KIND_NODES : 0);
    let node = 1;
    for (let i = 0; i < 3; i++) node = (node << 1) | this.#decoder.bit(tree + node);
    const kind = KINDS[node & 7];
    if (kind === undefined) throw outOfRange("one of six kinds of operation");
    this.#kind = kind;
    this.#isAfterCopy = kind === "copyBase";
    this.#fields = { ...NO_FIELDS };
    this.#fieldAt = 0;
  }

  #readField(kind: Kind): void {
    const field = FIELDS[kind][this.#fieldAt++]!;
    if (this.#hasField(kind, field)) this.#fields[field] = this.#readValue(kind, field);
    if (this.#fieldAt === FIELDS[kind].length) this.#open(kind);
  }

  #hasField(kind: Kind, field: Field): boolean {
    if (kind !== "codes") return true;
    if (field === "form") return (this.#fields.mode & CODES_MODE.form) !== 0;
    return field !== "delta" || (this.#fields.mode & CODES_MODE.base) !== 0;
  }

  #readValue(kind: Kind, field: Field): number {
    const decoder = this.#decoder;
    switch (field) {
      case "mode":
        return kind === "words"
          ? readBits(decoder, WORDS_MODE_AT, WORDS_MODE.bits)
          : readBits(decoder, MODE_AT, MODE_BITS);
      case "form":
        return readBits(decoder, FORM_AT, FORM_BITS);
      case "delta": {
        // Zig-zag: 0, -1, 1, -2 …
        const value = readUnsigned(decoder, OFFSET_AT, FIELD_EXPONENTS);
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      }
      case "distance":
        return readUnsigned(decoder, OFFSET_AT, FIELD_EXPONENTS) + 1;
      case "factor":
        return float32Of(decoder);
      default:
        return readUnsigned(decoder, LENGTH_AT, FIELD_EXPONENTS) + 1;
    }
  }

  #open(kind: Kind): void {
    const cursor = this.#cursor;
    const { mode, form, delta, distance, rowLength } = this.#fields;
    const left = cursor.result.length - cursor.produced;
    const isRest = kind === "copyBase" && this.#fields.length === 1;
    // Fields are below 2^32: a product may lose its last digits, never the comparison with a length below 2^32.
    const length = isRest ? left : this.#fields.length * UNIT[kind] * rowLength;
    if (length > left) throw outOfRange(`an operation of at most the ${left} B left of the result`);
    if (kind === "copyResult" || kind === "product") {
      if (distance > cursor.produced || distance < UNIT[kind]) throw outOfRange("bytes already made");
    } else if (kind !== "bytes") {
      const hasBase = kind !== "codes" || (mode & CODES_MODE.base) !== 0;
      cursor.baseAt += delta;
      if (hasBase && (cursor.baseAt < 0 || cursor.baseAt + length > cursor.base.length)) {
        throw outOfRange("bytes within the base");
      }
    }
    this.#begin = cursor.produced;
    this.#end = cursor.produced + length;
    if (kind === "codes") {
      this.#form = decodeForm(form);
      if (this.#form === null) throw outOfRange("a form of rows");
      this.#rows = new RowReader(this.#decoder, cursor, { mode, form: this.#form, rowLength });
      this.#enterArea(kind, (mode & CODES_MODE.keep) === 0);
    } else if (kind === "bytes") this.#enterArea(kind, false);
  }

  #enterArea(kind: Kind, isFresh: boolean): void {
    if (isFresh || this.#area !== kind) this.#decoder.bits.reset(AREA_AT, AREA_END);
    else if (kind === "codes") this.#decoder.bits.loosen(AREA_AT, AREA_END);
    this.#area = kind;
  }

  #readBody(kind: Kind, lookahead: number): void {
    const cursor = this.#cursor;
    const left = this.#end - cursor.produced;
    switch (kind) {
      case "bytes":
        this.#readBytes(lookahead);
        return;
      case "copyBase":
        cursor.result.set(cursor.base.subarray(cursor.baseAt, cursor.baseAt + left), cursor.produced);
        cursor.advance(left);
        return;
      case "copyResult":
        for (let at = cursor.produced; at < this.#end; at++) {
          cursor.result[at] = cursor.result[at - this.#fields.distance]!;
        }
        cursor.advance(left);
        return;
      case "codes":
        this.#rows!.read(this.#end, lookahead);
        return;
      case "words":
        this.#readWords(lookahead);
        return;
      case "product":
        this.#readProducts(lookahead);
        return;
    }
  }

  #readBytes(lookahead: number): void {
    const [decoder, cursor] = [this.#decoder, this.#cursor];
    while (cursor.produced < this.#end && decoder.available >= lookahead) {
      const highAt = HIGH_NIBBLE_AT - 1 + NIBBLE_NODES * ((cursor.produced - this.#begin) & 3);
      let high = 1;
      for (let i = 0; i < 4; i++) high = (high << 1) | decoder.bit(highAt + high);
      const lowAt = lowNibbleAt(high & 15) - 1;
      let low = 1;
      for (let i = 0; i < 4; i++) low = (low << 1) | decoder.bit(lowAt + low);
      cursor.result[cursor.produced] = ((high & 15) << 4) | (low & 15);
      cursor.advance(1);
    }
  }

  #readWords(lookahead: number): void {
    const { baseView, resultView } = this.#cursor;
    const { mode } = this.#fields;
    const cursor = this.#cursor;
    const at = (mode & WORDS_MODE.isFloat) !== 0 ? FLOAT32_AT : INT32_AT;
    while (cursor.produced < this.#end && this.#decoder.available >= lookahead) {
      const residual = readSigned(this.#decoder, at, NUMBER_EXPONENTS);
      if ((mode & WORDS_MODE.isGrid) === 0) {
        const old = baseView.getUint32(cursor.baseAt, true);
        resultView.setUint32(cursor.produced, old + (residual << (mode & WORDS_MODE.shiftMask)), true);
      } else {
        if (Math.abs(residual) > MAX_GRID) throw outOfRange("a scale on the grid");
        const scale = Math.fround(1 + residual / SCALE_GRID);
        resultView.setFloat32(cursor.produced, baseView.getFloat32(cursor.baseAt, true) * scale, true);
      }
      cursor.advance(4);
    }
  }

  /** A product that is no number keeps no particular bits: an encoder does not write one. */
  #readProducts(lookahead: number): void {
    const { resultView } = this.#cursor;
    const cursor = this.#cursor;
    const { distance, factor } = this.#fields;
    while (cursor.produced < this.#end && this.#decoder.available >= lookahead) {
      const residual = readSigned(this.#decoder, FLOAT32_AT, NUMBER_EXPONENTS);
      const product = resultView.getFloat32(cursor.produced - distance, true) * factor;
      resultView.setFloat32(cursor.produced, product, true);
      resultView.setUint32(cursor.produced, resultView.getUint32(cursor.produced, true) + residual, true);
      cursor.advance(4);
    }
  }
}

/** What a kind without the field has. */
const NO_FIELDS: Fields = { mode: 0, form: 0, delta: 0, distance: 0, rowLength: 1, length: 0, factor: 0 };

/** The lowest first. */
function readBits(decoder: RangeDecoder, at: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) value |= decoder.bit(at + i) << i;
  return value;
}

function float32Of(decoder: RangeDecoder): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(2, decoder.direct(16), true);
  view.setUint16(0, decoder.direct(16), true);
  return view.getFloat32(0, true);
}
