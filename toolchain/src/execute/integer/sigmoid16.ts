/**
 * sigmoid and tanh of 16-bit codes: reference_integer_ops::Logistic and ::Tanh, which interpolate in one table of
 * sigmoid(i / 24) in 0.16 format and fold the negative half over.
 */

const sigmoid = (step: number): number => 65536 / (1 + Math.exp(-step / 24));

/** Each entry takes on half of the error that interpolation makes in the middle of its step; the last one saturates. */
const TABLE = Uint16Array.from({ length: 256 }, (_, i) => {
  if (i === 255) return 65535;
  const error = sigmoid(i + 0.5) - (sigmoid(i) + sigmoid(i + 1)) / 2;
  return Math.round(sigmoid(i) + error / 2);
});

/** The input in units of 1 / (3 * 4096), which spans sigmoid's +-10.7: code * multiplier >> shift, rounded. */
export interface SigmoidInput {
  readonly multiplier: number;
  readonly shift: number;
}

/** SigmoidPrepare and TanhPrepare: how codes of `scale` come to the table's units. */
export function sigmoidInput(scale: number): SigmoidInput {
  const log2 = Math.log2(scale);
  const isPowerOfTwo = Math.abs(log2 - Math.round(log2)) < 1e-3;
  const left = 12 + Math.round(log2);
  if (isPowerOfTwo && (left === 0 || left === 1)) return { multiplier: 3 << left, shift: 0 };
  let multiplier = scale * 4096 * 3;
  let shift = 0;
  while (multiplier <= 32767 / 2 && shift <= 30) {
    shift += 1;
    multiplier *= 2;
  }
  return { multiplier: Math.trunc(multiplier), shift };
}

function scaled(code: number, { multiplier, shift }: SigmoidInput): number {
  // Up to 31 bits; the sum with the rounding term may pass them, so no 32-bit shift.
  return shift === 0 ? code * multiplier : Math.floor((code * multiplier + 2 ** (shift - 1)) / 2 ** shift);
}

/** sigmoid of a code, at scale 1/32768. */
export function sigmoid16(code: number, input: SigmoidInput): number {
  const x = scaled(code, input);
  const magnitude = Math.abs(x);
  const index = Math.floor(magnitude / 512);
  let result = 0x7fff * 1024;
  if (index < 255) {
    const here = TABLE[index]!;
    result = here * 512 + (magnitude & 0x1ff) * (TABLE[index + 1]! - here);
  }
  return (x >= 0 ? result + 512 : 2 ** 25 - result + 511) >> 10;
}

/** tanh of a code, at scale 1/32768: 2 * sigmoid(2x) - 1. */
export function tanh16(code: number, input: SigmoidInput): number {
  const x = scaled(code, input);
  const magnitude = Math.abs(x);
  const index = Math.floor(magnitude / 256);
  let result = 0xffff * 256;
  if (index < 255) {
    const here = TABLE[index]!;
    result = here * 256 + (magnitude & 0xff) * (TABLE[index + 1]! - here);
  }
  return (x >= 0 ? result - 2 ** 23 + 128 : 2 ** 23 - result + 127) >> 8;
}
