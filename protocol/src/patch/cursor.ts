/** Where a decoder stands in both files. */
export class Cursor {
  readonly base: Uint8Array;
  readonly baseView: DataView;
  readonly result: Uint8Array;
  readonly resultView: DataView;
  /** Bytes of the result so far. */
  produced = 0;
  /** Where the base goes on when it has the layout of the result. */
  baseAt = 0;

  constructor(base: Uint8Array, result: Uint8Array) {
    this.base = base;
    this.baseView = new DataView(base.buffer, base.byteOffset, base.length);
    this.result = result;
    this.resultView = new DataView(result.buffer, result.byteOffset, result.length);
  }

  advance(bytes: number): void {
    this.produced += bytes;
    this.baseAt += bytes;
  }
}
