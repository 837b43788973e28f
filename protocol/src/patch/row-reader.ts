import type { Cursor } from "./cursor.js";
import {
  CODES_MODE,
  EXTRA_ZERO_AT,
  FIELD_EXPONENTS,
  FLAG_AT,
  FLOAT32_AT,
  INT32_AT,
  NUMBER_EXPONENTS,
  RATIO,
  RATIO_AT,
  ZERO_AT,
} from "./layout.js";
import type { RangeDecoder } from "./range-decoder.js";
import { outOfRange, readInt8, readSigned } from "./read-number.js";
import {
  biasOf,
  codeOf,
  laneAt,
  lanesOf,
  MAX_CHANNELS,
  multiplierOf,
  type RowForm,
  type Word,
  wordsBefore,
  wordsBehind,
  wordsOf,
} from "./row-form.js";

export interface RowShape {
  readonly mode: number;
  readonly form: RowForm;
  readonly rowLength: number;
}

/** The body of one operation of codes, row by row. */
export class RowReader {
  readonly #decoder: RangeDecoder;
  readonly #cursor: Cursor;
  readonly #form: RowForm;
  readonly #mode: number;
  readonly #rowLength: number;
  readonly #lanes: number;
  readonly #words: readonly Word[];
  /** Bytes of the row where codes begin and end. */
  readonly #codesFrom: number;
  readonly #codesTo: number;
  readonly #hasBase: boolean;
  /** What turns a stored code into a signed one. */
  readonly #lift: number;
  readonly #ratios = new Int32Array(MAX_CHANNELS);
  /** Of the row at hand: bytes done; the row's length between rows. */
  #at: number;
  /** Flags and ratios of the row that have been read. */
  #flagAt = 0;
  #ratioAt = 0;
  /** Lanes without a change, a bit each. */
  #unchanged = 0;
  #wordIndex = 0;
  /** By how much the bias before moved. */
  #moved = 0;
  /** What a low code gives to the high one of its pair. */
  #borrow = 0;

  /** @throws PatchFormatError where the words do not fit into the row. */
  constructor(decoder: RangeDecoder, cursor: Cursor, { mode, form, rowLength }: RowShape) {
    if ((mode & CODES_MODE.depthMask) > CODES_MODE.maxDepth) throw outOfRange("at most 6 modelled bits");
    this.#decoder = decoder;
    this.#cursor = cursor;
    this.#form = form;
    this.#mode = mode;
    this.#rowLength = rowLength;
    this.#lanes = lanesOf(form);
    this.#words = wordsOf(form);
    this.#codesFrom = 4 * wordsBefore(form);
    this.#codesTo = rowLength - 4 * wordsBehind(form);
    if (this.#codesTo < this.#codesFrom) throw outOfRange("words that fit into their row");
    this.#hasBase = (mode & CODES_MODE.base) !== 0;
    this.#lift = form.isLifted ? 128 : 0;
    this.#at = rowLength;
  }

  /** Up to `end` of the result, or until fewer than `lookahead` bytes of input are left. */
  read(end: number, lookahead: number): void {
    const [decoder, cursor] = [this.#decoder, this.#cursor];
    while (cursor.produced < end && decoder.available >= lookahead) {
      if (this.#at === this.#rowLength) this.#begin();
      else if (this.#flagAt < this.#lanes && (this.#mode & CODES_MODE.flags) !== 0) this.#readFlag();
      else if (this.#ratioAt < this.#form.channels && (this.#mode & CODES_MODE.ratios) !== 0)
        this.#readRatio();
      else if (this.#at >= this.#codesFrom && this.#at < this.#codesTo) this.#readCodes(lookahead);
      else this.#readWord();
    }
  }

  #begin(): void {
    this.#at = 0;
    this.#flagAt = 0;
    this.#ratioAt = 0;
    this.#wordIndex = 0;
    this.#moved = 0;
    this.#borrow = 0;
  }

  #readFlag(): void {
    const lane = this.#flagAt++;
    const before = (this.#unchanged >> lane) & 1;
    const flag = this.#decoder.bit(FLAG_AT + 2 * (lane & 1) + before);
    this.#unchanged ^= (before ^ flag) << lane;
  }

  #readRatio(): void {
    const ratio = readSigned(this.#decoder, RATIO_AT, FIELD_EXPONENTS);
    if (ratio < RATIO.least || ratio > RATIO.most) throw outOfRange("a scale that stays positive");
    this.#ratios[this.#ratioAt++] = ratio;
  }

  #readCodes(lookahead: number): void {
    const [decoder, cursor, form] = [this.#decoder, this.#cursor, this.#form];
    const { base, result } = cursor;
    const [lift, unchanged] = [this.#lift, this.#unchanged];
    const depth = this.#mode & CODES_MODE.depthMask;
    const isPaired = form.codes === "pairs";
    const ratios = this.#ratios;
    const channelMask = form.channels - 1;
    const { keepsValues } = form;
    if (unchanged === (1 << this.#lanes) - 1) {
      const count = this.#codesTo - this.#at;
      if (this.#hasBase) {
        result.set(base.subarray(cursor.baseAt, cursor.baseAt + count), cursor.produced);
      } else result.fill(lift, cursor.produced, cursor.produced + count);
      cursor.advance(count);
      this.#at += count;
      return;
    }
    const start = this.#at;
    const baseShift = cursor.baseAt - start;
    const resultShift = cursor.produced - start;
    let borrow = this.#borrow;
    let at = start;
    for (; at < this.#codesTo && decoder.available >= lookahead; at++) {
      const lane = laneAt(form, at - this.#codesFrom);
      const old = this.#hasBase ? ((base[at + baseShift]! ^ lift) << 24) >> 24 : 0;
      let code = old;
      const isHigh = isPaired && (lane & 1) === 1;
      if (((unchanged >> lane) & 1) === 0) {
        code = keepsValues ? codeOf(old, ratios[lane & channelMask]!) : old;
        code += readInt8(decoder, old > 0 ? 1 : old < 0 ? -1 : 0, depth, isHigh ? ZERO_AT + 1 : ZERO_AT);
      }
      if (isHigh) code += borrow;
      result[at + resultShift] = code ^ lift;
      borrow = (old < 0 ? 1 : 0) - ((code >> 7) & 1);
    }
    this.#borrow = borrow;
    this.#at = at;
    cursor.advance(at - start);
  }

  /** Modulo 2^32. */
  #readWord(): void {
    const [decoder, cursor] = [this.#decoder, this.#cursor];
    const word = this.#words[this.#wordIndex++]!;
    const ratio = this.#ratios[word.channel]!;
    const old = this.#hasBase ? cursor.baseView.getUint32(cursor.baseAt, true) : 0;
    let next: number;
    if (word.class === "bias") {
      const residual = readSigned(decoder, INT32_AT, NUMBER_EXPONENTS);
      next = biasOf(old | 0, ratio) + (ratio === 0 ? residual << this.#form.words!.shift : residual);
      this.#moved = (next - old) | 0;
    } else if (word.class === "multiplier") {
      next = multiplierOf(old, ratio) + readSigned(decoder, FLOAT32_AT, NUMBER_EXPONENTS);
    } else {
      next = old + (this.#form.words!.extrasFollow ? this.#moved : 0);
      next += readSigned(decoder, FLOAT32_AT, NUMBER_EXPONENTS, EXTRA_ZERO_AT);
    }
    cursor.resultView.setUint32(cursor.produced, next, true);
    cursor.advance(4);
    this.#at += 4;
  }
}
