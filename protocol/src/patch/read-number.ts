import { PatchFormatError } from "../errors.js";
import { EXPONENT_AT, INT8_EXPONENTS, MANTISSA_AT, MAX_EXPONENT, SIGN_AT, ZERO_AT } from "./layout.js";
import type { RangeDecoder } from "./range-decoder.js";

/** How numbers become bits, decoder's side. produce/write-number.ts is the other side, in the same order. */

/** Elias gamma of value + 1: unary exponent by adaptive bits from `at`, then the mantissa by the one behind them. */
export function readUnsigned(decoder: RangeDecoder, at: number, exponents: number): number {
  let exponent = 0;
  while (decoder.bit(at + Math.min(exponent, exponents - 1)) === 1) {
    exponent++;
    if (exponent === MAX_EXPONENT) throw outOfRange("a number below 2^32");
  }
  // Up to 2^32, where shifts end.
  let value = 1;
  for (; exponent > 0; exponent--) value = 2 * value + decoder.bit(at + exponents);
  return value - 1;
}

/** Zero flag, sign, gamma of the magnitude. `at` holds 3 + exponents adaptive bits; the zero flag may stand elsewhere. */
export function readSigned(decoder: RangeDecoder, at: number, exponents: number, zeroAt = at): number {
  if (decoder.bit(zeroAt) === 0) return 0;
  const negative = decoder.bit(at + 1) === 1;
  const magnitude = readUnsigned(decoder, at + 2, exponents) + 1;
  return negative ? -magnitude : magnitude;
}

/** An int8 residual or code, -128 … 127. `sign` is the sign of the old code; `zeroAt` the adaptive bit of "not zero". */
export function readInt8(decoder: RangeDecoder, sign: number, depth: number, zeroAt = ZERO_AT): number {
  if (decoder.bit(zeroAt) === 0) return 0;
  const negative = decoder.bit(SIGN_AT + 1 + sign) === 1;
  let exponent = 0;
  while (exponent < INT8_EXPONENTS - 1 && decoder.bit(EXPONENT_AT + exponent) === 1) exponent++;
  let magnitude = 1;
  for (let left = exponent; left > 0; left--) {
    if (exponent - left === depth) {
      magnitude = (magnitude << left) | decoder.direct(left);
      break;
    }
    // A tree of 2^exponent - 1 nodes for each exponent: 2^exponent + 2^(bits read) + their value, below 256.
    magnitude = (magnitude << 1) | decoder.bit(MANTISSA_AT + (1 << exponent) + magnitude);
  }
  return negative ? -magnitude : magnitude;
}

export function outOfRange(expected: string): PatchFormatError {
  return new PatchFormatError({
    expected,
    got: "a payload that says otherwise",
    todo: "Fetch the patch again; if it stays so, it was not made by Mote.",
  });
}
