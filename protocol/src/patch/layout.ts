/**
 * Which adaptive bit means what, and the numbers both sides must agree on. C has the same layout in
 * firmware-shims/src/patch/layout.h; protocol/vectors hold both to it.
 *
 * The payload is one range-coded stream of operations, each a kind, its fields and its body, until the result is
 * complete. There is no plan ahead of the data, so a device needs no memory for one.
 */

/**
 * More than a field or signed number can take, at the worst of all probabilities (layout.test.ts counts it), with the 3
 * bytes that the range may owe.
 */
export const LOOKAHEAD_BYTES = 63;

/** Operations by their three-bit kind. */
export const KINDS = [
  /** length; body: bytes with no base. */
  "bytes",
  /** base delta, length: as in the base; a length of 1 stands for all that is left of the result. */
  "copyBase",
  /** distance - 1, length: as `distance` bytes before, overlapping allowed. */
  "copyResult",
  /** mode, form if the mode has one, base delta if the mode has a base, row length, rows; body: rows of int8 codes. */
  "codes",
  /** mode, base delta, count; body: int32 or float32 as residuals of their bit pattern. */
  "words",
  /**
   * distance - 1, count, factor (32 plain bits, a float32); body: float32 as residuals, of the bit pattern, against the
   * float32 `distance` bytes before times the factor. A bias's scale is such a product: input scale times weight scale.
   */
  "product",
] as const;
export type Kind = (typeof KINDS)[number];

/**
 * The mode of codes, eight bits:
 *   bits 0-2  how many of the highest mantissa bits are modelled, at most 6; the rest is plain
 *   bit 3     adaptive bits go on from the codes before; else they begin afresh
 *   bit 4     codes and words are residuals against the base; else against zero
 *   bit 5     each channel of a row begins with a flag: unchanged (without a base: all zero)
 *   bit 6     each row begins with a ratio r for each channel: its scale went from s to s * (1 + r / SCALE_GRID), and what
 *             is predicted then is in row-form.ts
 *   bit 7     a form follows
 */
export const CODES_MODE = {
  depthMask: 7,
  maxDepth: 6,
  keep: 8,
  base: 16,
  flags: 32,
  ratios: 64,
  form: 128,
} as const;

/** The mode of words, seven bits: shift of residuals, float32, on the grid of scales. */
export const WORDS_MODE = { shiftMask: 31, isFloat: 32, isGrid: 64, bits: 7 } as const;
export const MODE_BITS = 8;

/** A scale on the grid is old * (1 + r / SCALE_GRID). */
export const SCALE_GRID = 256;
/** So that r is exact in single precision. */
export const MAX_GRID = 0xffff;
/** Of a row's channels: the scale stays positive, and a multiplier times SCALE_GRID + r below 2^46. */
export const RATIO = { least: -255, most: 0x7fff } as const;

/**
 * Numbers are Elias gamma codes: an exponent in unary, whose positions beyond the last share one adaptive bit, then a
 * mantissa, whose bits share another one: lengths are mostly round.
 */
export const FIELD_EXPONENTS = 12;
export const FIELD_BITS = FIELD_EXPONENTS + 1;
export const MAX_EXPONENT = 32;
/** Magnitudes of int8 residuals reach 128: exponents 0 … 7. */
export const INT8_EXPONENTS = 8;

/** Header bits, kept over the whole patch. Two trees of kinds: behind a copy comes no copy. */
export const KIND_AT = 0;
export const KIND_NODES = 8;
export const LENGTH_AT = KIND_AT + 2 * KIND_NODES;
export const OFFSET_AT = LENGTH_AT + FIELD_BITS;
/** An adaptive bit for each bit of mode and form: layers of one model are alike. */
export const MODE_AT = OFFSET_AT + FIELD_BITS;
export const WORDS_MODE_AT = MODE_AT + MODE_BITS;
export const FORM_BITS = 16;
export const FORM_AT = WORDS_MODE_AT + WORDS_MODE.bits;
/** Signed numbers of four bytes: zero, sign, exponents, mantissa. Kept over the whole patch, one set for each type. */
export const NUMBER_EXPONENTS = 16;
export const NUMBER_BITS = 2 + NUMBER_EXPONENTS + 1;
export const FLOAT32_AT = FORM_AT + FORM_BITS;
export const INT32_AT = FLOAT32_AT + NUMBER_BITS;
/** The zero flag of words behind a multiplier, which have the rest of FLOAT32. */
export const EXTRA_ZERO_AT = INT32_AT + NUMBER_BITS;

/** One area for the body at hand, begun afresh when codes follow bytes, and bytes codes. */
export const AREA_AT = EXTRA_ZERO_AT + 1;
/** bytes: the high nibble by position modulo 4, then the low nibble by the class of the high one. */
export const HIGH_NIBBLE_AT = AREA_AT;
export const NIBBLE_NODES = 15;
export const LOW_NIBBLE_AT = HIGH_NIBBLE_AT + 4 * NIBBLE_NODES;
export const HIGH_NIBBLE_CLASSES = 10;
/** codes: flags (of even and odd channels, by the flag before), zero (even, odd), sign (by the sign of the old code) … */
export const FLAG_AT = AREA_AT;
export const ZERO_AT = FLAG_AT + 4;
export const SIGN_AT = ZERO_AT + 2;
export const EXPONENT_AT = SIGN_AT + 3;
/** … mantissas: 2^exponent + what is read, from 3 to 191, because of a magnitude of 2^7 the last bit is plain; ratio of a row. */
export const MANTISSA_AT = EXPONENT_AT + INT8_EXPONENTS - 3;
export const RATIO_AT = MANTISSA_AT + 192;
export const AREA_END = Math.max(
  LOW_NIBBLE_AT + HIGH_NIBBLE_CLASSES * NIBBLE_NODES,
  RATIO_AT + 2 + FIELD_BITS,
);

export const CONTEXTS = AREA_END;

/**
 * First adaptive bit of the tree of low nibbles below this high one. Text has a tree for each of its high nibbles; those
 * that it never has share some, so that the whole model and its decoder fit into 1.5 kB of a device's memory.
 */
export function lowNibbleAt(high: number): number {
  const group = high < 8 ? Math.max(high, 1) - 1 : Math.max(high >> 1, 5) + 2;
  return LOW_NIBBLE_AT + NIBBLE_NODES * group;
}
