import { UnsupportedError } from "../../errors.js";
import type { OperatorOf } from "../../graph/graph.js";
import { quantizeMultiplier, requantizer, roundAwayFromZero, roundingDivideByPot } from "./fixed-point.js";
import { inverseSquareRoot } from "./gemmlowp.js";
import { affine, clampTo, elementCount, input, type KernelContext, output, realConstant } from "./kernel.js";

/** Fractional bits of a normalised value; it is at most sqrt(n), so 2^28 values still fit. */
const NORMAL_BITS = 16;
/** Bits by which a result is finer than a code when the shift is added. */
const SHIFT_BITS = 8;

/**
 * Mote's integer layer norm; no other defines one for 8-bit codes. For a row of n codes q: d = n * q - sum(q), which is n
 * times the difference from the mean and free of the zero point; w = floor(sum(d^2) / n) + round(n^2 * epsilon / s_x^2),
 * at least 1, so that d / sqrt(w) is the normalised value. docs/integers.md gives every step.
 */
export function prepareLayerNorm(operator: OperatorOf<"layerNorm">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const rank = source.shape.length;
  const { epsilon } = operator.attributes;
  const axis = operator.attributes.axis < 0 ? operator.attributes.axis + rank : operator.attributes.axis;
  const n = elementCount(source.shape.slice(axis));
  const limit = source.dtype === "int16" ? 2 ** 15 : 2 ** 23;
  if (n >= limit) {
    throw new UnsupportedError({
      expected: `fewer than ${limit} values in a row of layerNorm "${operator.name}"`,
      got: String(n),
      todo: "Normalise over fewer axes, or keep the layer in floating point.",
    });
  }
  const [x, y] = [affine(source), affine(target)];
  const scale = realConstant(operator, 1, n, context) ?? new Float64Array(n).fill(1);
  const shift = realConstant(operator, 2, n, context) ?? new Float64Array(n);
  const multipliers = Array.from(scale, (value) => ({
    ...quantizeMultiplier((Math.abs(value) / y.scale) * 2 ** (SHIFT_BITS - NORMAL_BITS), context.rounding),
    sign: value < 0 ? -1 : 1,
  }));
  const shifts = Int32Array.from(shift, (value) => roundAwayFromZero((value / y.scale) * 2 ** SHIFT_BITS));
  const floor = roundAwayFromZero((n * n * epsilon) / x.scale ** 2);
  const requantize = requantizer(context.rounding);
  const clamp = clampTo(target);
  const codes = context.buffer(source.name);
  const result = context.buffer(target.name);
  return () => {
    for (let start = 0; start < codes.length; start += n) {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += codes[start + i]!;
      let squares = 0n;
      for (let i = 0; i < n; i++) {
        const difference = n * codes[start + i]! - sum;
        squares += BigInt(difference) ** 2n;
      }
      const w = squares / BigInt(n) + BigInt(floor);
      const { multiplier, shift: rootShift } = inverseSquareRootOfWide(w < 1n ? 1n : w);
      for (let i = 0; i < n; i++) {
        const difference = n * codes[start + i]! - sum;
        const normal = requantize(difference, multiplier, rootShift + NORMAL_BITS);
        const { sign, ...by } = multipliers[i]!;
        const fine = sign * requantize(normal, by.multiplier, by.shift) + shifts[i]!;
        result[start + i] = clamp(roundingDivideByPot(fine, SHIFT_BITS) + y.zeroPoint);
      }
    }
  };
}

/** 1 / sqrt(w) of a whole number of any width: the number cut to 31 bits by an even shift, which the root halves. */
function inverseSquareRootOfWide(w: bigint): { multiplier: number; shift: number } {
  let halves = 0;
  let rest = w;
  while (rest >= 1n << 31n) {
    rest >>= 2n;
    halves += 1;
  }
  const { multiplier, shift } = inverseSquareRoot(Number(rest));
  return { multiplier, shift: shift - halves };
}
