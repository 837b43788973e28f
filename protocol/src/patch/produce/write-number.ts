import { EXPONENT_AT, INT8_EXPONENTS, MANTISSA_AT, SIGN_AT, ZERO_AT } from "../layout.js";
import type { BitSink } from "./range-encoder.js";

/** How numbers become bits, encoder's side of ../read-number.ts. */

export function writeUnsigned(sink: BitSink, at: number, exponents: number, value: number): void {
  const exponent = 31 - Math.clz32(value + 1);
  for (let i = 0; i < exponent; i++) sink.bit(at + Math.min(i, exponents - 1), 1);
  sink.bit(at + Math.min(exponent, exponents - 1), 0);
  for (let i = exponent - 1; i >= 0; i--) sink.bit(at + exponents, ((value + 1) >>> i) & 1);
}

export function writeSigned(
  sink: BitSink,
  at: number,
  exponents: number,
  value: number,
  zeroAt: number = at,
): void {
  sink.bit(zeroAt, value === 0 ? 0 : 1);
  if (value === 0) return;
  sink.bit(at + 1, value < 0 ? 1 : 0);
  writeUnsigned(sink, at + 2, exponents, Math.abs(value) - 1);
}

export function writeInt8(sink: BitSink, value: number, sign: number, depth: number, zeroAt = ZERO_AT): void {
  sink.bit(zeroAt, value === 0 ? 0 : 1);
  if (value === 0) return;
  sink.bit(SIGN_AT + 1 + sign, value < 0 ? 1 : 0);
  const magnitude = Math.abs(value);
  const exponent = 31 - Math.clz32(magnitude);
  for (let i = 0; i < exponent; i++) sink.bit(EXPONENT_AT + i, 1);
  if (exponent < INT8_EXPONENTS - 1) sink.bit(EXPONENT_AT + exponent, 0);
  for (let left = exponent; left > 0; left--) {
    if (exponent - left === depth) {
      sink.direct(magnitude & ((1 << left) - 1), left);
      return;
    }
    const read = magnitude >>> left;
    sink.bit(MANTISSA_AT + (1 << exponent) + read, (magnitude >>> (left - 1)) & 1);
  }
}
