import type { Sha256 } from "../../bytes.js";
import { encodePatchHeader, PATCH_DIGEST_BYTES } from "../container.js";
import { CONTEXTS } from "../layout.js";
import type { ParamsLayout } from "../params-layout.js";
import { encodeForm, PLAIN_FORM } from "../row-form.js";
import { alignedRanges } from "./aligned-ranges.js";
import { architectureOf } from "./find-params.js";
import { Matcher } from "./match.js";
import type { Operation } from "./operation.js";
import { productCandidates } from "./product-candidates.js";
import { CostCounter, RangeEncoder } from "./range-encoder.js";
import { findTensorRanges } from "./ranges.js";
import { tensorCandidates, variantsOf } from "./tensor-candidates.js";
import type { TensorRange } from "./tensor-range.js";
import { isEqual, OperationWriter } from "./writer.js";

/** Below this, a range of its own costs more than it saves. */
const MIN_TENSOR_BYTES = 4;

export interface MakePatchOptions {
  readonly sha256: Sha256;
  /** Of parameter blobs, for each architecture that may come; without one their bytes are compared place by place. */
  readonly layouts?: readonly ParamsLayout[];
}

/** The best compression of `next` alone. Deterministic: the same bytes give the same patch. */
export function makeFullPatch(next: Uint8Array, { sha256, layouts }: MakePatchOptions): Uint8Array {
  const header = encodePatchHeader({
    codec: "full",
    resultLength: next.length,
    baseDigest: new Uint8Array(PATCH_DIGEST_BYTES),
    resultDigest: sha256(next),
  });
  return join(header, encodePayload(new Uint8Array(0), next, layouts));
}

/** `next` as typed residuals against `base`. Deterministic. */
export function makeTensorPatch(
  base: Uint8Array,
  next: Uint8Array,
  { sha256, layouts }: MakePatchOptions,
): Uint8Array {
  const header = encodePatchHeader({
    codec: "tensor",
    resultLength: next.length,
    baseDigest: sha256(base),
    resultDigest: sha256(next),
  });
  return join(header, encodePayload(base, next, layouts));
}

/** By the tensors that the files are known to hold, or place by place where that is no worse. */
function encodePayload(
  base: Uint8Array,
  next: Uint8Array,
  layouts: readonly ParamsLayout[] | undefined,
): Uint8Array {
  const typed = pairRanges(base, next, layouts);
  const ranges = base.length === 0 ? [] : alignedRanges(base, next);
  const aligned = { ranges, old: ranges };
  // What somebody else says of a file may be wrong.
  const isHearsay = architectureOf(next) !== null;
  const plans = typed.ranges.length === 0 ? [aligned] : isHearsay ? [typed, aligned] : [typed];
  const payloads = plans.map((plan) => encodePlan(base, next, plan));
  return payloads.reduce((best, payload) => (payload.length < best.length ? payload : best));
}

interface Plan {
  readonly ranges: readonly TensorRange[];
  /** Of the base, one for each of `ranges`. */
  readonly old: readonly (TensorRange | null)[];
}

function encodePlan(base: Uint8Array, next: Uint8Array, { ranges, old }: Plan): Uint8Array {
  const encoder = new RangeEncoder(CONTEXTS);
  const planner = new Planner(base, next, new OperationWriter(encoder, base, next));
  ranges.forEach((range, i) => {
    planner.tensor(range, old[i] ?? null, ranges.slice(0, i));
  });
  planner.untyped(next.length);
  return encoder.finish();
}

/** Ranges of `next`, each beside the range of `base` with its name, or with its length and dtype in the same order. */
function pairRanges(base: Uint8Array, next: Uint8Array, layouts: readonly ParamsLayout[] | undefined): Plan {
  const ranges = findTensorRanges(next, layouts);
  const free = new Set(base.length === 0 ? [] : findTensorRanges(base, layouts));
  const old = ranges.map((range) => take(free, range, (other) => other.name === range.name));
  ranges.forEach((range, i) => {
    old[i] ??= take(free, range, () => true);
  });
  return { ranges, old };
}

function take(
  free: Set<TensorRange>,
  range: TensorRange,
  isWanted: (other: TensorRange) => boolean,
): TensorRange | null {
  for (const other of free) {
    if (
      other.dtype === range.dtype &&
      other.length === range.length &&
      isSameForm(other, range) &&
      isWanted(other)
    ) {
      free.delete(other);
      return other;
    }
  }
  return null;
}

function isSameForm(a: TensorRange, b: TensorRange): boolean {
  const isAlike = encodeForm(a.form ?? PLAIN_FORM) === encodeForm(b.form ?? PLAIN_FORM);
  return isAlike && (a.form === undefined || a.rowLength === b.rowLength);
}

/** Walks the result from its start; at each tensor it tries every candidate and writes the cheapest. */
class Planner {
  readonly #base: Uint8Array;
  readonly #next: Uint8Array;
  readonly #writer: OperationWriter;
  readonly #matcher: Matcher;

  constructor(base: Uint8Array, next: Uint8Array, writer: OperationWriter) {
    this.#base = base;
    this.#next = next;
    this.#writer = writer;
    this.#matcher = new Matcher(base, next);
  }

  /** @param before the ranges of the result that lie before this one */
  tensor(range: TensorRange, old: TensorRange | null, before: readonly TensorRange[]): void {
    if (range.length < MIN_TENSOR_BYTES) return;
    // What did not change is left to a copy that may reach over many tensors and what lies between them.
    if (old !== null && isEqual(this.#base, old.offset, this.#next, range.offset, range.length)) return;
    const candidates = [
      ...tensorCandidates(this.#base, this.#next, old, range),
      ...productCandidates(this.#next, range, before),
    ];
    if (candidates.length === 0) return;
    this.untyped(range.offset);
    const asBytes = this.#matcher.match(range.offset, range.offset + range.length, this.#writer.baseAt);
    const typed = this.#cheapest(candidates.map((candidate) => [candidate]));
    const variants = variantsOf(typed[0]!).map((variant) => [variant]);
    this.#write(this.#cheapest([asBytes, typed, ...variants]));
  }

  /** Everything up to `end`, without types. */
  untyped(end: number): void {
    this.#write(this.#matcher.match(this.#writer.produced, end, this.#writer.baseAt));
  }

  #write(operations: readonly Operation[]): void {
    for (const operation of operations) this.#writer.write(operation);
  }

  #cheapest(ways: readonly (readonly Operation[])[]): readonly Operation[] {
    const costs = ways.map((way) => this.#cost(way));
    return ways[costs.indexOf(Math.min(...costs))]!;
  }

  #cost(operations: readonly Operation[]): number {
    const counter = new CostCounter(this.#writer.sink.bits);
    const trial = this.#writer.fork(counter);
    for (const operation of operations) trial.write(operation);
    return counter.cost;
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}
