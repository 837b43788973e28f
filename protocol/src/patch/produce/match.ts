import type { Operation } from "./operation.js";

/**
 * Untyped bytes: greedy search for copies, in the base and in what the result already has. The place where the base
 * goes on is tried first, because files of one layout need no other and its offset costs next to nothing.
 */

/** Shortest copies, in bytes, that are cheaper than coding the bytes. */
const MIN_LENGTH = { onward: 4, elsewhere: 5 } as const;
const KEY_BYTES = 6;
const HASH_BITS = 16;
const MAX_PROBES = 64;
/** Bytes that a copy from farther away must be longer by. */
const FARTHER = 1;
/** Good enough to stop looking. */
const LONG = 512;

class PositionIndex {
  readonly #heads = new Int32Array(1 << HASH_BITS).fill(-1);
  readonly #previous: Int32Array;
  readonly #bytes: Uint8Array;
  #indexed = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#previous = new Int32Array(bytes.length);
  }

  /** Makes positions below `end` known. */
  extend(end: number): void {
    const last = Math.min(end, this.#bytes.length - KEY_BYTES + 1);
    for (; this.#indexed < last; this.#indexed++) {
      const key = hash(this.#bytes, this.#indexed);
      this.#previous[this.#indexed] = this.#heads[key]!;
      this.#heads[key] = this.#indexed;
    }
  }

  /** The longest match of next[at…end) among the newest positions with the same key. */
  find(next: Uint8Array, at: number, end: number): { position: number; length: number } {
    let best = { position: 0, length: 0 };
    if (at + KEY_BYTES > end) return best;
    let position = this.#heads[hash(next, at)]!;
    for (let probe = 0; position >= 0 && probe < MAX_PROBES && best.length < LONG; probe++) {
      const length = matchLength(this.#bytes, position, next, at, end);
      // Older positions are farther away: one more byte does not pay for that.
      if (length > best.length + (best.length > 0 ? FARTHER : 0)) best = { position, length };
      position = this.#previous[position]!;
    }
    return best;
  }
}

function hash(bytes: Uint8Array, at: number): number {
  const low = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  const high = bytes[at + 4]! | (bytes[at + 5]! << 8);
  return (Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b) >>> (32 - HASH_BITS)) & 0xffff;
}

function matchLength(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, bEnd: number): number {
  const most = Math.min(bEnd - bAt, a.length - aAt);
  let length = 0;
  while (length < most && a[aAt + length] === b[bAt + length]) length++;
  return length;
}

type Copy = Exclude<Operation, { kind: "bytes" }>;

/** Bytes that a copy saves, about: what names its place costs nothing where the base goes on. */
function gain(copy: Copy): number {
  return copy.length - (copy.kind === "copyResult" ? (13 + 2 * Math.log2(copy.distance)) / 8 : 1);
}

export class Matcher {
  readonly #base: Uint8Array;
  readonly #next: Uint8Array;
  readonly #inBase: PositionIndex;
  readonly #inResult: PositionIndex;

  constructor(base: Uint8Array, next: Uint8Array) {
    this.#base = base;
    this.#next = next;
    this.#inBase = new PositionIndex(base);
    this.#inBase.extend(base.length);
    this.#inResult = new PositionIndex(next);
  }

  /** Operations for next[start…end), when the base would go on at `baseAt`. */
  match(start: number, end: number, baseAt: number): Operation[] {
    const operations: Operation[] = [];
    let onward = baseAt;
    let at = start;
    let literal = start;
    const flush = (): void => {
      if (literal < at) operations.push({ kind: "bytes", length: at - literal });
    };
    while (at < end) {
      const copy = this.#best(at, end, onward);
      // A copy that begins a byte later and reaches farther is the better one.
      const later = copy === null || copy.length >= LONG ? null : this.#best(at + 1, end, onward + 1);
      if (copy === null || (later !== null && gain(later) > gain(copy) + 1)) {
        at++;
        onward++;
        continue;
      }
      flush();
      operations.push(copy);
      at += copy.length;
      onward = copy.kind === "copyBase" ? copy.offset + copy.length : onward + copy.length;
      literal = at;
    }
    flush();
    return operations;
  }

  #best(at: number, end: number, onward: number): Copy | null {
    this.#inResult.extend(at);
    const straight =
      onward >= 0 && onward < this.#base.length ? matchLength(this.#base, onward, this.#next, at, end) : 0;
    if (straight >= LONG) return { kind: "copyBase", offset: onward, length: straight };
    const base = this.#inBase.find(this.#next, at, end);
    const result = this.#inResult.find(this.#next, at, end);
    const elsewhere = Math.max(base.length, result.length);
    if (elsewhere >= MIN_LENGTH.elsewhere && elsewhere > straight + MIN_LENGTH.elsewhere) {
      return base.length >= result.length
        ? { kind: "copyBase", offset: base.position, length: base.length }
        : { kind: "copyResult", distance: at - result.position, length: result.length };
    }
    return straight >= MIN_LENGTH.onward ? { kind: "copyBase", offset: onward, length: straight } : null;
  }
}
