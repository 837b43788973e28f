import { CODES_MODE, RATIO, SCALE_GRID } from "../layout.js";
import { codeOf, encodeForm, lanesOf, PLAIN_FORM, wordsOf } from "../row-form.js";
import type { Codes } from "./operation.js";
import type { TensorRange } from "./tensor-range.js";
import { commonShift, wordRatios } from "./word-ratios.js";
import { isEqual } from "./writer.js";

/** Ways to code a range of int8 codes that are worth a try: against zero and against the base, by what moved. */
export function codeCandidates(
  base: Uint8Array,
  next: Uint8Array,
  old: TensorRange | null,
  range: TensorRange,
): Codes[] {
  const { length, rowLength, form = PLAIN_FORM } = range;
  const alone = { kind: "codes", offset: null, length, rowLength, form, ...USUAL, ratios: null } as const;
  const hasRows = rowLength < length || lanesOf(form) > 1;
  const flags = hasRows ? [false, true] : [false];
  const candidates: Codes[] = flags.map((hasFlags) => ({ ...alone, hasFlags }));
  if (old === null || encodeForm(old.form ?? PLAIN_FORM) !== encodeForm(form)) return candidates;
  const hasWords = wordsOf(form).length > 0;
  const ratios = !hasRows
    ? null
    : hasWords
      ? wordRatios(base, next, old, range, form)
      : codeRatios(base, next, old, range);
  for (const predicted of ratios === null ? [null] : [null, ratios]) {
    const shift = hasWords ? commonShift(base, next, old, range, form, predicted) : 0;
    const own = hasWords ? { ...form, words: { ...form.words!, shift } } : form;
    for (const keepsValues of predicted === null ? [false] : hasWords ? [false, true] : [true]) {
      for (const hasFlags of flags) {
        const way = { ...own, keepsValues };
        candidates.push({ ...alone, offset: old.offset, form: way, hasFlags, ratios: predicted });
      }
    }
  }
  return candidates;
}

/** Modelled mantissa bits: few for small tensors, which can't teach many adaptive bits; all for clustered codes. */
const USUAL = { depth: 3, keeps: true } as const;
const OTHER_DEPTHS = [1, 2, CODES_MODE.maxDepth] as const;

/** The same way with other mantissas and adaptive bits. */
export function codeVariants(codes: Codes): Codes[] {
  const fresh = { ...codes, keeps: false };
  return [
    fresh,
    ...OTHER_DEPTHS.flatMap((depth) => [
      { ...codes, depth },
      { ...fresh, depth },
    ]),
  ];
}

/** On either side of what least squares say. */
const RATIO_TRIES = 6;

function signed(byte: number): number {
  return (byte << 24) >> 24;
}

/**
 * "Same values": when a row's scale moved, its codes moved in proportion. The ratio is found from the codes themselves
 * (least squares, then the neighbours that leave fewest residuals), so that no format's scales need be understood. null
 * where rows hold several channels.
 */
function codeRatios(
  base: Uint8Array,
  next: Uint8Array,
  old: TensorRange,
  range: TensorRange,
): Int16Array | null {
  const { rowLength } = range;
  if (range.form !== undefined) return null;
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
    const middle = product <= 0 ? 0 : Math.round((square / product - 1) * SCALE_GRID);
    let best = 0;
    let bestCost = ratioCost(base, oldAt, next, newAt, rowLength, 0) - 6;
    for (let ratio = middle - RATIO_TRIES; ratio <= middle + RATIO_TRIES; ratio++) {
      if (ratio < RATIO.least || ratio > RATIO.most) continue;
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
    const residual = signed(next[newAt + i]!) - codeOf(signed(base[oldAt + i]!), ratio);
    cost += residual === 0 ? 0.7 : 2 + 1.6 * Math.log2(Math.abs(residual) + 1);
  }
  return cost;
}
