/**
 * Which adaptive bit means what, and the numbers both sides must agree on. C has the same layout in
 * firmware-shims/src/patch.c; protocol/vectors hold both to it.
 *
 * The payload is one range-coded stream of operations, each a kind, its fields and its body, until the result is
 * complete. There is no plan ahead of the data, so a device needs no memory for one.
 */

/** A field or signed number costs at most 33 adaptive bits of 10.1 and 33 plain ones: under 48 bytes. */
export const LOOKAHEAD_BYTES = 64;

/** Operations by their three-bit kind. */
export const KINDS = [
  /** length; body: bytes with no base. */
  "bytes",
  /** base delta, length: as in the base. */
  "copyBase",
  /** distance - 1, length: as `distance` bytes before, overlapping allowed. */
  "copyResult",
  /** length, mode; body: int8 codes with no base. */
  "int8",
  /** base delta, row length, rows, mode; body: int8 codes as residuals. */
  "int8Residual",
  /** base delta, count, mode; body: float32 as residuals of the bit pattern, or on the grid of scales. */
  "float32Residual",
  /** base delta, count, mode; body: int32 as residuals. */
  "int32Residual",
  /**
   * distance - 1, count, factor (32 plain bits, a float32); body: float32 as residuals, of the bit pattern, against the
   * float32 `distance` bytes before times the factor. A bias's scale is such a product: input scale times weight scale.
   */
  "float32Product",
] as const;
export type Kind = (typeof KINDS)[number];

/**
 * The mode of int8 operations, eight plain bits:
 *   bits 0-2  how many of the highest mantissa bits are modelled, at most 6; the rest is plain
 *   bits 3-5  log2 of the step of residuals, at most 4; or 5 and 6 for records (RECORDS below), whose step is 1
 *   bit 6     each row begins with a flag: unchanged
 *   bit 7     each row that changed begins with its ratio: "same values" instead of "same codes"
 * of float32Residual: bit 0, on the grid of scales. Of int32Residual: bits 0-4, shift of residuals.
 */
export const MODE = {
  depthMask: 7,
  maxDepth: 6,
  stepShift: 3,
  stepMask: 7,
  maxStep: 4,
  records: 5,
  pairedRecords: 6,
  rowFlags: 64,
  ratios: 128,
} as const;

/**
 * Records: rows of int8Residual in which int32 words stand before and behind the codes, as kernels read them. After the
 * mode, plain bits: a field of 14 (from the lowest: head words 2, tail words 4, shift of bias residuals 5, ratios 3), then
 * four for each word, head first:
 *   bits 0-1  the channel that the word belongs to, 0 to 3
 *   bits 2-3  0 and 3 plain, 1 bias, 2 multiplier
 * Each record that changed begins with as many ratios r as the field says, one for each channel: its scale went from s to
 * s * (1 + r / SCALE_GRID). What is predicted then: multiplierOf(), biasOf(). A bias whose r is 0 has its residual
 * shifted. The mode's bit 7 is 0. In paired records the codes of two channels share halfwords, low + 256 * high, so that
 * a negative low code takes one from the high one; zeros of high codes have an adaptive bit of their own.
 */
export const RECORDS = {
  fieldBits: 14,
  headMask: 3,
  tailMask: 15,
  shiftMask: 31,
  maxRatios: 7,
  channels: 4,
} as const;
export const COLUMN_CLASSES = ["plain", "bias", "multiplier"] as const;

/** A row's ratio is (RATIO_ONE + r) / RATIO_ONE; a scale on the grid is old * (1 + r / SCALE_GRID). */
export const RATIO_SHIFT = 10;
export const RATIO_ONE = 1 << RATIO_SHIFT;
export const SCALE_GRID = 256;
/** So that r is exact in single precision. */
export const MAX_GRID = 0xffff;
/** Of records: the scale stays positive, and a multiplier times SCALE_GRID + r below 2^46. */
export const RECORD_RATIO = { least: -255, most: 0x7fff } as const;

/** The exponent of a field is unary; positions beyond this share one adaptive bit. */
export const FIELD_EXPONENTS = 16;
export const MAX_EXPONENT = 32;
/** Magnitudes of int8 residuals reach 255: exponents 0 … 7. */
export const INT8_EXPONENTS = 8;

/** Header bits, kept over the whole patch. */
export const KIND_AT = 0;
export const LENGTH_AT = KIND_AT + 8;
export const OFFSET_AT = LENGTH_AT + FIELD_EXPONENTS;
/** Signed numbers of four bytes: zero, sign, exponents. Kept over the whole patch, one set for each type. */
export const NUMBER_EXPONENTS = 24;
export const NUMBER_BITS = 2 + NUMBER_EXPONENTS;
export const FLOAT32_AT = OFFSET_AT + FIELD_EXPONENTS;
export const INT32_AT = FLOAT32_AT + NUMBER_BITS;

/** One area for the body at hand, reset when a tensor begins, and when bytes follow a tensor. */
export const AREA_AT = INT32_AT + NUMBER_BITS;
/** bytes: the high nibble by position modulo 4, then the low nibble by the class of the high one. */
export const HIGH_NIBBLE_AT = AREA_AT;
export const NIBBLE_NODES = 15;
export const LOW_NIBBLE_AT = HIGH_NIBBLE_AT + 4 * NIBBLE_NODES;
export const HIGH_NIBBLE_CLASSES = 11;
/** int8: row flag, zero, sign (by the sign of the old code), exponents, mantissas, row ratio. */
export const ROW_AT = AREA_AT;
export const ZERO_AT = ROW_AT + 2;
export const SIGN_AT = ZERO_AT + 1;
export const EXPONENT_AT = SIGN_AT + 3;
export const MANTISSA_AT = EXPONENT_AT + INT8_EXPONENTS;
/** A magnitude of 2^7 and above reads 2^6 - 1 nodes at most, from 2^7 on. */
export const RATIO_AT = MANTISSA_AT + 192;
export const AREA_END = Math.max(
  LOW_NIBBLE_AT + HIGH_NIBBLE_CLASSES * NIBBLE_NODES,
  RATIO_AT + 2 + FIELD_EXPONENTS,
);

export const CONTEXTS = AREA_END;

/**
 * First adaptive bit of the tree of low nibbles below this high one. Text has a tree for each of its high nibbles; those
 * that it never has share one in pairs, so that the whole model and its decoder fit into 1.5 kB of a device's memory.
 */
export function lowNibbleAt(high: number): number {
  const group = high < 8 ? Math.max(high, 1) - 1 : 3 + (high >> 1);
  return LOW_NIBBLE_AT + NIBBLE_NODES * group;
}
