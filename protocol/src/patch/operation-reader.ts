import {
  AREA_AT,
  AREA_END,
  FIELD_EXPONENTS,
  FLOAT32_AT,
  HIGH_NIBBLE_AT,
  INT32_AT,
  KIND_AT,
  KINDS,
  type Kind,
  LENGTH_AT,
  lowNibbleAt,
  MAX_GRID,
  MODE,
  NIBBLE_NODES,
  NUMBER_EXPONENTS,
  OFFSET_AT,
  RATIO_AT,
  RATIO_ONE,
  RATIO_SHIFT,
  ROW_AT,
  SCALE_GRID,
} from "./layout.js";
import type { RangeDecoder } from "./range-decoder.js";
import { outOfRange, readField, readInt8, readSigned, stepOf } from "./read-number.js";
import { isRecords, RecordReader } from "./record-reader.js";

/** Fields of each kind, in their order; each is one step of the decoder. */
type Field = "delta" | "length" | "rowLength" | "distance" | "mode" | "factor";
export const FIELDS: Record<Kind, readonly Field[]> = {
  bytes: ["length"],
  copyBase: ["delta", "length"],
  copyResult: ["distance", "length"],
  int8: ["length", "mode"],
  int8Residual: ["delta", "rowLength", "length", "mode"],
  float32Residual: ["delta", "length", "mode"],
  int32Residual: ["delta", "length", "mode"],
  float32Product: ["distance", "length", "factor"],
};
/** Bytes of the result that one unit of `length` stands for (int8Residual: times the row length). */
export const UNIT: Record<Kind, number> = {
  bytes: 1,
  copyBase: 1,
  copyResult: 1,
  int8: 1,
  int8Residual: 1,
  float32Residual: 4,
  int32Residual: 4,
  float32Product: 4,
};

/**
 * Decodes operations into `result`. Works in steps of at most one number, and begins a step only when its input is
 * there, so that it can stop and go on at any byte. Every length is checked against base and result before its use.
 */
export class OperationReader {
  produced = 0;
  readonly #decoder: RangeDecoder;
  readonly #base: Uint8Array;
  readonly #baseView: DataView;
  readonly #result: Uint8Array;
  readonly #resultView: DataView;
  /** Where the base goes on when it has the layout of the result. */
  #baseAt = 0;
  #kind: Kind | null = null;
  #values: number[] = [];
  /** End in `result` of the operation at hand; equals `produced` between operations. */
  #end = 0;
  #begin = 0;
  #mode = 0;
  #rowLength = 0;
  #rowEnd = 0;
  #isRowUnchanged = false;
  #ratio = 0;
  #records: RecordReader | null = null;
  #wasTensor = true;

  constructor(decoder: RangeDecoder, base: Uint8Array, result: Uint8Array) {
    this.#decoder = decoder;
    this.#base = base;
    this.#baseView = new DataView(base.buffer, base.byteOffset, base.length);
    this.#result = result;
    this.#resultView = new DataView(result.buffer, result.byteOffset, result.length);
  }

  /** Goes on until the result is complete or fewer than `lookahead` bytes of input are left. */
  advance(lookahead: number): void {
    while (this.produced < this.#result.length && this.#decoder.available >= lookahead) {
      if (this.#kind === null) this.#readKind();
      else if (this.#values.length < FIELDS[this.#kind].length) this.#readField(this.#kind);
      else this.#readBody(this.#kind, lookahead);
      if (this.#kind !== null && this.#end > 0 && this.produced === this.#end) this.#close();
    }
  }

  #readKind(): void {
    let node = 1;
    for (let i = 0; i < 3; i++) node = (node << 1) | this.#decoder.bit(KIND_AT + node);
    const kind = KINDS[node & 7];
    if (kind === undefined) throw outOfRange("one of seven kinds of operation");
    this.#kind = kind;
    this.#values = [];
    this.#end = 0;
  }

  #readField(kind: Kind): void {
    const fields = FIELDS[kind];
    const field = fields[this.#values.length];
    if (field === "delta") this.#values.push(this.#readDelta());
    else if (field === "mode") this.#values.push(this.#decoder.direct(8));
    else if (field === "factor") this.#values.push(float32Of(this.#decoder));
    else if (field === "distance") this.#values.push(readField(this.#decoder, OFFSET_AT));
    else this.#values.push(readField(this.#decoder, LENGTH_AT));
    if (this.#values.length === fields.length) this.#open(kind);
  }

  /** Zig-zag: 0, -1, 1, -2 … */
  #readDelta(): number {
    const value = readField(this.#decoder, OFFSET_AT);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #open(kind: Kind): void {
    const value = (field: Field): number => this.#values[FIELDS[kind].indexOf(field)] ?? 0;
    const left = this.#result.length - this.produced;
    // Fields are below 2^32: a product may lose its last digits, never the comparison with a length below 2^32.
    this.#rowLength = kind === "int8Residual" ? value("rowLength") + 1 : 1;
    const length = (value("length") + 1) * UNIT[kind] * this.#rowLength;
    if (length > left) throw outOfRange(`an operation of at most the ${left} B left of the result`);
    this.#mode = value("mode");
    if (FIELDS[kind][0] === "distance") {
      const distance = value("distance") + 1;
      if (distance > this.produced || distance < UNIT[kind]) throw outOfRange("bytes already made");
    } else if (FIELDS[kind][0] === "delta") {
      this.#baseAt += value("delta");
      if (this.#baseAt < 0 || this.#baseAt + length > this.#base.length) {
        throw outOfRange("bytes within the base");
      }
    }
    if ((kind === "int8" || kind === "int8Residual") && (this.#mode & MODE.depthMask) > MODE.maxDepth)
      throw outOfRange("at most 6 modelled bits");
    const step = (this.#mode >>> MODE.stepShift) & MODE.stepMask;
    if (kind === "int8Residual" && step > MODE.pairedRecords) throw outOfRange("a step up to 16, or records");
    this.#begin = this.produced;
    this.#end = this.produced + length;
    this.#rowEnd = this.produced;
    this.#isRowUnchanged = false;
    this.#ratio = 0;
    this.#records = null;
    if (kind === "int8" || kind === "int8Residual" || (kind === "bytes" && this.#wasTensor)) {
      this.#decoder.bits.reset(AREA_AT, AREA_END);
      this.#wasTensor = kind !== "bytes";
    }
  }

  #close(): void {
    this.#baseAt += this.#end - this.#begin;
    this.#kind = null;
  }

  #readBody(kind: Kind, lookahead: number): void {
    switch (kind) {
      case "bytes":
        this.#readBytes(lookahead);
        return;
      case "copyBase": {
        const from = this.#baseAt;
        this.#result.set(this.#base.subarray(from, from + this.#end - this.produced), this.produced);
        this.produced = this.#end;
        return;
      }
      case "copyResult": {
        const distance = this.#values[0]! + 1;
        for (; this.produced < this.#end; this.produced++) {
          this.#result[this.produced] = this.#result[this.produced - distance]!;
        }
        return;
      }
      case "int8":
        this.#readCodes(lookahead);
        return;
      case "int8Residual":
        this.#readRows(lookahead);
        return;
      case "float32Residual":
        this.#readFloat32s(lookahead);
        return;
      case "int32Residual":
        this.#readInt32s(lookahead);
        return;
      case "float32Product":
        this.#readProducts(lookahead);
        return;
    }
  }

  #readBytes(lookahead: number): void {
    const decoder = this.#decoder;
    while (this.produced < this.#end && decoder.available >= lookahead) {
      const highAt = HIGH_NIBBLE_AT - 1 + NIBBLE_NODES * ((this.produced - this.#begin) & 3);
      let high = 1;
      for (let i = 0; i < 4; i++) high = (high << 1) | decoder.bit(highAt + high);
      const lowAt = lowNibbleAt(high & 15) - 1;
      let low = 1;
      for (let i = 0; i < 4; i++) low = (low << 1) | decoder.bit(lowAt + low);
      this.#result[this.produced++] = ((high & 15) << 4) | (low & 15);
    }
  }

  #readCodes(lookahead: number): void {
    const depth = this.#mode & MODE.depthMask;
    while (this.produced < this.#end && this.#decoder.available >= lookahead) {
      this.#result[this.produced++] = readInt8(this.#decoder, 0, depth);
    }
  }

  #readRows(lookahead: number): void {
    if (isRecords(this.#mode)) {
      this.#readRecords(lookahead);
      return;
    }
    const decoder = this.#decoder;
    const depth = this.#mode & MODE.depthMask;
    const step = stepOf(this.#mode);
    const baseShift = this.#baseAt - this.#begin;
    while (this.produced < this.#end && decoder.available >= lookahead) {
      if (this.produced === this.#rowEnd) {
        this.#beginRow(baseShift);
        continue;
      }
      const old = (this.#base[this.produced + baseShift]! << 24) >> 24;
      const predicted = this.#ratio === 0 ? old : scaleCode(old, this.#ratio);
      const residual = readInt8(decoder, Math.sign(old), depth);
      this.#result[this.produced++] = predicted + step * residual;
    }
  }

  #readRecords(lookahead: number): void {
    const baseShift = this.#baseAt - this.#begin;
    while (this.produced < this.#end && this.#decoder.available >= lookahead) {
      if (this.#records === null) {
        this.#records = new RecordReader(this.#decoder, this.#rowLength, this.#mode);
      } else if (this.produced === this.#rowEnd) {
        this.#beginRow(baseShift);
        this.#records.begin();
      } else if (!this.#records.readRatio()) {
        const at = this.produced - this.#rowEnd + this.#rowLength;
        const from = this.produced + baseShift;
        if (this.#records.isWord(at)) {
          const word = this.#records.readWord(at, this.#baseView.getUint32(from, true));
          this.#resultView.setUint32(this.produced, word, true);
          this.produced += 4;
        } else {
          this.#result[this.produced++] = this.#records.readCode(at, this.#baseView.getInt8(from));
        }
      }
    }
  }

  /** The row's flag and, but for records, its ratio; an unchanged row is copied at once. */
  #beginRow(baseShift: number): void {
    const end = this.#rowEnd + this.#rowLength;
    if ((this.#mode & MODE.rowFlags) !== 0) {
      this.#isRowUnchanged = this.#decoder.bit(ROW_AT + (this.#isRowUnchanged ? 1 : 0)) === 1;
    }
    if (this.#isRowUnchanged) {
      this.#result.set(this.#base.subarray(this.produced + baseShift, end + baseShift), this.produced);
      this.produced = end;
    } else if ((this.#mode & MODE.ratios) !== 0) {
      this.#ratio = readSigned(this.#decoder, RATIO_AT, FIELD_EXPONENTS);
      if (Math.abs(this.#ratio) >= RATIO_ONE) throw outOfRange("a ratio between 0 and 2");
    }
    this.#rowEnd = end;
  }

  #readFloat32s(lookahead: number): void {
    const isGrid = (this.#mode & 1) !== 0;
    while (this.produced < this.#end && this.#decoder.available >= lookahead) {
      const from = this.#baseAt + this.produced - this.#begin;
      const residual = readSigned(this.#decoder, FLOAT32_AT, NUMBER_EXPONENTS);
      if (isGrid) {
        if (Math.abs(residual) > MAX_GRID) throw outOfRange("a scale on the grid");
        const scale = Math.fround(1 + residual / SCALE_GRID);
        this.#resultView.setFloat32(this.produced, this.#baseView.getFloat32(from, true) * scale, true);
      } else {
        this.#resultView.setUint32(this.produced, this.#baseView.getUint32(from, true) + residual, true);
      }
      this.produced += 4;
    }
  }

  #readInt32s(lookahead: number): void {
    const shift = this.#mode & 31;
    while (this.produced < this.#end && this.#decoder.available >= lookahead) {
      const from = this.#baseAt + this.produced - this.#begin;
      const residual = readSigned(this.#decoder, INT32_AT, NUMBER_EXPONENTS) << shift;
      this.#resultView.setUint32(this.produced, this.#baseView.getUint32(from, true) + residual, true);
      this.produced += 4;
    }
  }

  /** A product that is no number keeps no particular bits: an encoder does not write one. */
  #readProducts(lookahead: number): void {
    const distance = this.#values[0]! + 1;
    const factor = this.#values[2]!;
    while (this.produced < this.#end && this.#decoder.available >= lookahead) {
      const residual = readSigned(this.#decoder, FLOAT32_AT, NUMBER_EXPONENTS);
      const product = this.#resultView.getFloat32(this.produced - distance, true) * factor;
      this.#resultView.setFloat32(this.produced, product, true);
      const bits = this.#resultView.getUint32(this.produced, true);
      this.#resultView.setUint32(this.produced, bits + residual, true);
      this.produced += 4;
    }
  }
}

function float32Of(decoder: RangeDecoder): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(2, decoder.direct(16), true);
  view.setUint16(0, decoder.direct(16), true);
  return view.getFloat32(0, true);
}

/** An old code under a row's ratio, rounded half up and held within int8. */
export function scaleCode(old: number, ratio: number): number {
  const scaled = (old * (RATIO_ONE + ratio) + RATIO_ONE / 2) >> RATIO_SHIFT;
  return Math.max(-128, Math.min(127, scaled));
}
