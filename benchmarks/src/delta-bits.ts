import { inspectPatch, patchHeaderLength } from "@mote/protocol";
// The decoder's parts, which nobody needs who only applies patches.
import {
  AREA_AT,
  CONTEXTS,
  FLOAT32_AT,
  KIND_AT,
  KIND_NODES,
  KINDS,
  RATIO_AT,
} from "../../protocol/dist/src/patch/layout.js";
import { OperationReader } from "../../protocol/dist/src/patch/operation-reader.js";
import { RangeDecoder } from "../../protocol/dist/src/patch/range-decoder.js";

/**
 * Where the bytes of a patch (full or tensor) go. What a bit costs is the binary logarithm of the probability that the
 * coder gave it; the sum over all of them is the payload but for what the range coder itself loses.
 */
export interface PatchBytes {
  readonly header: number;
  /** Kinds, offsets, lengths, modes, forms and factors of operations: what lies where, and how it is told. */
  readonly naming: number;
  /** int8 codes: flags of rows, and residuals. */
  readonly codes: number;
  /** Biases, multipliers and scales, with the ratios of rows that stand for them. */
  readonly words: number;
  /** What is coded as bytes of no type. */
  readonly untyped: number;
  /** What the range coder itself adds: its last byte, and what its rounding takes from one bit and gives to the other. */
  readonly coder: number;
}

type Part = "naming" | "codes" | "words" | "untyped";

/** Plain bits at once that only a factor has: of a code there are fewer. */
const FACTOR_BITS = 16;

class CountingDecoder extends RangeDecoder {
  readonly bitsOf: Record<Part, number> = { naming: 0, codes: 0, words: 0, untyped: 0 };
  #kindNode = 1;
  #isBytes = false;

  override bit(index: number): number {
    const zero = this.bits.probability[index]! / 65536;
    const bit = super.bit(index);
    this.bitsOf[this.#partOf(index)] -= Math.log2(bit === 0 ? zero : 1 - zero);
    if (index < KIND_AT + 2 * KIND_NODES) this.#noteKind(bit);
    return bit;
  }

  override direct(count: number): number {
    this.bitsOf[count === FACTOR_BITS ? "naming" : "codes"] += count;
    return super.direct(count);
  }

  #partOf(index: number): Part {
    if (index < FLOAT32_AT) return "naming";
    if (index < AREA_AT) return "words";
    if (this.#isBytes) return "untyped";
    return index < RATIO_AT ? "codes" : "words";
  }

  /** The three bits of a kind, the only ones below its contexts' end. */
  #noteKind(bit: number): void {
    this.#kindNode = (this.#kindNode << 1) | bit;
    if (this.#kindNode < KIND_NODES) return;
    this.#isBytes = KINDS[this.#kindNode & 7] === "bytes";
    this.#kindNode = 1;
  }
}

/** Decodes the patch, which must be one that makeTensorPatch or makeFullPatch made against `base`. */
export function patchBytes(base: Uint8Array, patch: Uint8Array): PatchBytes {
  const { codec, resultLength } = inspectPatch(patch);
  const header = patchHeaderLength(patch)!;
  const payload = patch.subarray(header);
  const decoder = new CountingDecoder(CONTEXTS);
  decoder.append(payload);
  decoder.start();
  const reader = new OperationReader(
    decoder,
    codec === "full" ? new Uint8Array(0) : base,
    new Uint8Array(resultLength),
  );
  reader.advance(0);
  const { naming, codes, words, untyped } = decoder.bitsOf;
  const coder = payload.length - (naming + codes + words + untyped) / 8;
  return { header, naming: naming / 8, codes: codes / 8, words: words / 8, untyped: untyped / 8, coder };
}
