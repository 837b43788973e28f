import { clamp, roundAwayFromZero } from "../execute/integer/fixed-point.js";
import type { Quantization } from "../graph/graph.js";

/** Least and greatest real value that a tensor is to represent. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

export type ActivationDType = "int8" | "int16";

/** One scale and one zero point for a whole tensor. */
export function perTensor(scale: number, zeroPoint: number): Quantization {
  return { scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zeroPoint), axis: null };
}

/**
 * How far beyond what calibration saw int16 reaches. One bit of sixteen buys that samples a little larger than any seen
 * are not cut off, which would cost more than all rounding together.
 */
export const INT16_HEADROOM = 2;

/**
 * Codes for a range, as TFLite's converter chooses them: zero is always exact; int8 uses all 256 codes, int16 is
 * symmetric around zero. A tensor that was never anything but zero gets scale 1.
 */
export function quantizationOf({ min, max }: Range, dtype: ActivationDType): Quantization {
  const low = Math.min(min, 0);
  const high = Math.max(max, 0);
  if (low === high) return perTensor(1, 0);
  if (dtype === "int16") return perTensor((INT16_HEADROOM * Math.max(-low, high)) / 32767, 0);
  const scale = Math.fround((high - low) / 255);
  return perTensor(scale, clamp(roundAwayFromZero(-128 - low / scale), -128, 127));
}

export function union(a: Range | undefined, b: Range): Range {
  return a === undefined ? b : { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}
