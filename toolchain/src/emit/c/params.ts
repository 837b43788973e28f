import { encodeForm, type ParamsRange, type RowForm, utf8 } from "@mote/protocol";

/**
 * The parameter blob of a compiled model (`params.bin`), all integers little-endian:
 *
 *   0  "MOTP"              magic
 *   4  u16                 version of this format
 *   6  u16                 bytes of this header (48)
 *   8  u32                 bytes of the whole blob
 *  12  u32                 0, reserved
 *  16  32 bytes            architecture hash of the code that may read it
 *  48  …                   tensors in the order in which the kernels read them
 */
export const PARAMS_HEADER_BYTES = 48;
export const PARAMS_VERSION = 1;
const MAGIC = utf8("MOTP");

/** Where a tensor lies: bytes from the start of the blob, header included. */
export type ParamOffset = number;

/** Rows of codes and what stands beside them: what a patch must know to code them well. */
export interface Rows {
  readonly rowBytes: number;
  readonly form: RowForm;
}

/**
 * Lays tensors out one after the other; each begins on the alignment that its element needs. Keeps account of what lies
 * where: the layout that patches are made by.
 */
export class ParamWriter {
  #bytes = new Uint8Array(4096);
  #length = PARAMS_HEADER_BYTES;
  readonly #ranges: ParamsRange[] = [];

  get length(): number {
    return this.#length;
  }

  /** In ascending order. */
  get ranges(): readonly ParamsRange[] {
    return this.#ranges;
  }

  bytes(data: Int8Array | Uint8Array, rows: Rows): ParamOffset {
    const offset = this.#reserve(data.length, 4);
    this.#bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.length), offset);
    this.#note(offset, rows);
    return offset;
  }

  /** Values are taken modulo 2^32. @param rows where they are more than single numbers */
  int32s(values: Iterable<number>, rows?: Rows): ParamOffset {
    const list = [...values];
    const offset = this.#reserve(list.length * 4, 4);
    const view = new DataView(this.#bytes.buffer);
    list.forEach((value, index) => {
      view.setInt32(offset + 4 * index, value | 0, true);
    });
    if (rows !== undefined) this.#note(offset, rows);
    else if (list.length > 0) this.#ranges.push({ at: offset, count: list.length, dtype: "int32" });
    return offset;
  }

  float32(value: number): ParamOffset {
    const offset = this.#reserve(4, 4);
    new DataView(this.#bytes.buffer).setFloat32(offset, value, true);
    this.#ranges.push({ at: offset, count: 1, dtype: "float32" });
    return offset;
  }

  /** @param architectureHash 32 bytes */
  finish(architectureHash: Uint8Array): Uint8Array {
    this.#reserve(0, 4);
    const out = this.#bytes.slice(0, this.#length);
    const view = new DataView(out.buffer);
    out.set(MAGIC, 0);
    view.setUint16(4, PARAMS_VERSION, true);
    view.setUint16(6, PARAMS_HEADER_BYTES, true);
    view.setUint32(8, out.length, true);
    out.set(architectureHash, 16);
    return out;
  }

  /** What was written since `at` is whole rows. */
  #note(at: ParamOffset, { rowBytes, form }: Rows): void {
    const rows = (this.#length - at) / rowBytes;
    if (rows > 0) this.#ranges.push({ at, rows, rowBytes, form: encodeForm(form) });
  }

  #reserve(count: number, alignment: number): number {
    const offset = Math.ceil(this.#length / alignment) * alignment;
    this.#length = offset + count;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(2 ** Math.ceil(Math.log2(this.#length + 1)));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    return offset;
  }
}
