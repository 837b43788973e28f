import { MODE, RATIO_ONE } from "../layout.js";
import { scaleCode } from "../operation-reader.js";
import type { Operation } from "./operation.js";
import { recordCandidates } from "./record-candidates.js";
import type { TensorRange } from "./tensor-range.js";
import { gridStep, isEqual } from "./writer.js";

/**
 * Ways to code a range that are worth a try; the planner counts what each would cost and takes the cheapest, and then
 * the cheapest of that one's depthVariants.
 */
export function tensorCandidates(
  base: Uint8Array,
  next: Uint8Array,
  old: TensorRange | null,
  range: TensorRange,
): Operation[] {
  if (range.dtype === "int8") {
    const plain = { kind: "int8", length: range.length, depth: DEPTH } as const;
    if (old === null) return [plain];
    return range.records === undefined
      ? [plain, ...int8Residuals(base, next, old, range)]
      : [plain, ...recordCandidates(base, next, old, range, range.records, DEPTH)];
  }
  if (old === null) return [];
  const { offset, length } = old;
  if (range.dtype === "int32") {
    return [{ kind: "int32Residual", offset, length, shift: commonShift(base, next, old, range) }];
  }
  const isGrid = isOnGrid(base, next, old, range);
  const bits = { kind: "float32Residual", offset, length, isGrid: false } as const;
  return isGrid ? [{ ...bits, isGrid: true }, bits] : [bits];
}

/** Modelled mantissa bits: few for small tensors, which can't teach many adaptive bits; all for clustered codes. */
const DEPTH = 3;
const OTHER_DEPTHS = [1, 2, MODE.maxDepth] as const;

export function depthVariants(operation: Operation): Operation[] {
  return operation.kind === "int8" || operation.kind === "int8Residual"
    ? OTHER_DEPTHS.map((depth) => ({ ...operation, depth }))
    : [];
}

function int8Residuals(
  base: Uint8Array,
  next: Uint8Array,
  old: TensorRange,
  range: TensorRange,
): Operation[] {
  const { offset, length } = old;
  const { rowLength } = range;
  const hasRows = rowLength < length;
  const sameCodes = { ratios: null, step: commonStep(base, next, old, range) };
  const predictions: { ratios: Int16Array | null; step: number }[] = [sameCodes];
  if (hasRows) predictions.push({ ratios: rowRatios(base, next, old, range), step: 1 });
  return predictions.flatMap(({ ratios, step }) =>
    (hasRows ? [false, true] : [false]).map(
      (hasRowFlags) =>
        ({
          kind: "int8Residual",
          offset,
          length,
          rowLength,
          depth: DEPTH,
          step,
          hasRowFlags,
          ratios,
          records: null,
        }) as const,
    ),
  );
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}

/** The greatest step of 16, 8, 4, 2, 1 that divides every residual. */
function commonStep(base: Uint8Array, next: Uint8Array, old: TensorRange, range: TensorRange): number {
  let seen = 16;
  for (let i = 0; i < range.length; i++) {
    seen |= Math.abs(signed(next[range.offset + i]!) - signed(base[old.offset + i]!));
  }
  return seen & -seen;
}

function commonShift(base: Uint8Array, next: Uint8Array, old: TensorRange, range: TensorRange): number {
  const baseView = new DataView(base.buffer, base.byteOffset + old.offset, old.length);
  const nextView = new DataView(next.buffer, next.byteOffset + range.offset, range.length);
  let seen = 0x10000;
  for (let i = 0; i < range.length; i += 4) seen |= nextView.getInt32(i, true) - baseView.getInt32(i, true);
  return 31 - Math.clz32(seen & -seen);
}

function isOnGrid(base: Uint8Array, next: Uint8Array, old: TensorRange, range: TensorRange): boolean {
  const baseView = new DataView(base.buffer, base.byteOffset + old.offset, old.length);
  const nextView = new DataView(next.buffer, next.byteOffset + range.offset, range.length);
  for (let i = 0; i < range.length; i += 4) {
    if (gridStep(baseView.getFloat32(i, true), nextView.getFloat32(i, true)) === null) return false;
  }
  return true;
}

/**
 * "Same values": when a row's scale moved, its codes moved in proportion. The ratio is found from the codes themselves
 * (least squares, then the neighbours that leave fewest residuals), so that no format's scales need be understood.
 */
function rowRatios(base: Uint8Array, next: Uint8Array, old: TensorRange, range: TensorRange): Int16Array {
  const { rowLength } = range;
  return Int16Array.from({ length: range.length / rowLength }, (_, row) => {
    const oldAt = old.offset + row * rowLength;
    const newAt = range.offset + row * rowLength;
    if (isEqual(base, oldAt, next, newAt, rowLength)) return 0;
    let product = 0;
    let square = 0;
    for (let i = 0; i < rowLength; i++) {
      product += signed(base[oldAt + i]!) * signed(next[newAt + i]!);
      square += signed(base[oldAt + i]!) ** 2;
    }
    const middle = square === 0 ? 0 : Math.round((product / square - 1) * RATIO_ONE);
    let best = 0;
    let bestCost = ratioCost(base, oldAt, next, newAt, rowLength, 0) - 6;
    for (let ratio = middle - 24; ratio <= middle + 24; ratio += 2) {
      if (Math.abs(ratio) >= RATIO_ONE) continue;
      const cost = ratioCost(base, oldAt, next, newAt, rowLength, ratio);
      if (cost < bestCost) {
        best = ratio;
        bestCost = cost;
      }
    }
    return best;
  });
}

/** A rough cost in bits of a row's residuals. */
function ratioCost(
  base: Uint8Array,
  oldAt: number,
  next: Uint8Array,
  newAt: number,
  rowLength: number,
  ratio: number,
): number {
  let cost = 0;
  for (let i = 0; i < rowLength; i++) {
    const residual = signed(next[newAt + i]!) - scaleCode(signed(base[oldAt + i]!), ratio);
    cost += residual === 0 ? 0.7 : 2 + 1.6 * Math.log2(Math.abs(residual) + 1);
  }
  return cost;
}
