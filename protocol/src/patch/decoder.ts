import { equalBytes, type Sha256, toHex } from "../bytes.js";
import { PatchBaseError, PatchFormatError, PatchResultError } from "../errors.js";
import { applyBsdiff } from "./bsdiff.js";
import {
  decodePatchHeader,
  PATCH_HEADER_MAX_BYTES,
  PATCH_LIMITS,
  type PatchHeader,
  patchHeaderLength,
} from "./container.js";
import { CONTEXTS, LOOKAHEAD_BYTES } from "./layout.js";
import { OperationReader } from "./operation-reader.js";
import { RangeDecoder } from "./range-decoder.js";

export interface PatchOptions {
  readonly sha256: Sha256;
  /** Bytes; a patch that claims more is refused before anything is allocated. Give the manifest's length. */
  readonly maxResultBytes?: number;
}

/**
 * Streams a patch: push() takes chunks of any size, cut at any byte, and the result grows in `result`. Whatever the
 * bytes are, only subclasses of PatchError are thrown, and time and memory are bounded by the lengths of the base, the
 * patch and the result. After an error the decoder is spent. To go on after a restart, push the stored bytes again.
 */
export class PatchDecoder {
  readonly #base: Uint8Array;
  readonly #options: PatchOptions;
  #headerBytes: Uint8Array = new Uint8Array(0);
  #header: PatchHeader | null = null;
  #result: Uint8Array = new Uint8Array(0);
  #reader: OperationReader | null = null;
  #bsdiff: Uint8Array[] = [];
  #bsdiffLength = 0;
  readonly #decoder = new RangeDecoder(CONTEXTS);
  #isStarted = false;

  /** @param base the file that the patch is applied to; empty for the codec full. */
  constructor(base: Uint8Array, options: PatchOptions) {
    this.#base = base;
    this.#options = options;
  }

  /** Null until it is complete. */
  get header(): PatchHeader | null {
    return this.#header;
  }

  /** Bytes of the result so far; not to be trusted before finish() returns. */
  get produced(): number {
    return this.#reader?.produced ?? 0;
  }

  push(chunk: Uint8Array): void {
    let rest = chunk;
    if (this.#header === null) {
      const before = this.#headerBytes.length;
      this.#headerBytes = concat(this.#headerBytes, chunk.subarray(0, PATCH_HEADER_MAX_BYTES - before));
      const length = patchHeaderLength(this.#headerBytes);
      if (length === null) return;
      rest = chunk.subarray(length - before);
      this.#open();
    }
    if (this.#header?.codec === "bsdiff") {
      this.#pushBsdiff(rest);
      return;
    }
    this.#decoder.append(rest);
    if (this.#isStarted || this.#decoder.available >= LOOKAHEAD_BYTES) this.#decode(LOOKAHEAD_BYTES);
  }

  /** The whole result, its digest checked. */
  finish(): Uint8Array {
    const header = this.#header ?? decodePatchHeader(this.#headerBytes);
    if (header.codec === "bsdiff") {
      this.#result = applyBsdiff(this.#base, concat(...this.#bsdiff), header.resultLength);
    } else {
      this.#decode(0);
      if (!this.#decoder.isAtEnd) {
        throw new PatchFormatError({
          expected: "a payload that ends with its last operation",
          got: "other bytes at its end",
          todo: "Fetch the patch again.",
        });
      }
    }
    const sha256 = this.#options.sha256(this.#result);
    if (!hasDigest(sha256, header.resultDigest)) {
      throw new PatchResultError({
        expected: `a result with SHA-256 ${toHex(header.resultDigest)}…`,
        got: toHex(sha256),
        todo: "Fetch the patch again, or the whole artifact.",
      });
    }
    return this.#result;
  }

  #open(): void {
    const header = decodePatchHeader(this.#headerBytes, this.#options.maxResultBytes);
    if (header.codec !== "full") {
      const sha256 = this.#options.sha256(this.#base);
      if (!hasDigest(sha256, header.baseDigest)) {
        throw new PatchBaseError({
          expected: `a base with SHA-256 ${toHex(header.baseDigest)}…`,
          got: `${toHex(sha256)}, ${this.#base.length} B`,
          todo: "Take the patch that was made for what this device holds, or the whole artifact.",
        });
      }
    }
    this.#header = header;
    if (header.codec === "bsdiff") return;
    this.#result = new Uint8Array(header.resultLength);
    const base = header.codec === "full" ? new Uint8Array(0) : this.#base;
    this.#reader = new OperationReader(this.#decoder, base, this.#result);
  }

  #decode(lookahead: number): void {
    if (!this.#isStarted) {
      this.#decoder.start();
      this.#isStarted = true;
    }
    this.#reader?.advance(lookahead);
  }

  #pushBsdiff(chunk: Uint8Array): void {
    this.#bsdiffLength += chunk.length;
    if (this.#bsdiffLength > PATCH_LIMITS.maxBsdiffBytes) {
      throw new PatchFormatError({
        expected: `a bsdiff payload of at most ${PATCH_LIMITS.maxBsdiffBytes} B`,
        got: `${this.#bsdiffLength} B or more`,
        todo: "Fetch the whole artifact instead.",
      });
    }
    // Not slice(): that of a Buffer is a view, which its owner may fill with the next chunk.
    this.#bsdiff.push(new Uint8Array(chunk));
  }
}

/** Applies a whole patch. Throws subclasses of PatchError only; `base` is empty for the codec full. */
export function applyPatch(base: Uint8Array, patch: Uint8Array, options: PatchOptions): Uint8Array {
  const decoder = new PatchDecoder(base, options);
  decoder.push(patch);
  return decoder.finish();
}

/** The header of a patch that is there as a whole or in part. */
export function inspectPatch(patch: Uint8Array): PatchHeader {
  return decodePatchHeader(patch.subarray(0, PATCH_HEADER_MAX_BYTES));
}

function hasDigest(sha256: Uint8Array, first: Uint8Array): boolean {
  return equalBytes(sha256.subarray(0, first.length), first);
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
