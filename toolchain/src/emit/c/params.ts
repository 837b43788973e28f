import { utf8 } from "@mote/protocol";

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

/** Lays tensors out one after the other; each begins on the alignment that its element needs. */
export class ParamWriter {
  #bytes = new Uint8Array(4096);
  #length = PARAMS_HEADER_BYTES;

  get length(): number {
    return this.#length;
  }

  bytes(data: Int8Array | Uint8Array, alignment = 4): ParamOffset {
    const offset = this.#reserve(data.length, alignment);
    this.#bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.length), offset);
    return offset;
  }

  int16s(values: Iterable<number>): ParamOffset {
    const list = [...values];
    const offset = this.#reserve(list.length * 2, 4);
    const view = new DataView(this.#bytes.buffer);
    list.forEach((value, index) => {
      view.setInt16(offset + 2 * index, value, true);
    });
    return offset;
  }

  /** Values are taken modulo 2^32. */
  int32s(values: Iterable<number>): ParamOffset {
    const list = [...values];
    const offset = this.#reserve(list.length * 4, 4);
    const view = new DataView(this.#bytes.buffer);
    list.forEach((value, index) => {
      view.setInt32(offset + 4 * index, value | 0, true);
    });
    return offset;
  }

  float32(value: number): ParamOffset {
    const offset = this.#reserve(4, 4);
    new DataView(this.#bytes.buffer).setFloat32(offset, value, true);
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
