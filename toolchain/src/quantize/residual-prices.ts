/**
 * What a weight's residual costs, as the patch codes it: a zero flag, a sign by the sign of the old code, a unary exponent
 * and a mantissa, each an adaptive bit, all learnt anew for each tensor.
 */
const OFFSET = 254;
const SIZE = 2 * OFFSET + 1;
const EXPONENTS = 8;

/** Adaptive bits: how often each was 0 and 1. */
interface Counts {
  readonly zeros: Float64Array;
  readonly ones: Float64Array;
}

const ZERO = 0;
const SIGN = 1;
const EXPONENT = 4;
const MANTISSA = EXPONENT + EXPONENTS;
const BITS = MANTISSA + 256;

function emptyCounts(): Counts {
  return { zeros: new Float64Array(BITS), ones: new Float64Array(BITS) };
}

/** Calls `take` with every adaptive bit of a residual. */
function binarize(residual: number, oldSign: number, take: (at: number, bit: number) => void): void {
  take(ZERO, residual === 0 ? 0 : 1);
  if (residual === 0) return;
  take(SIGN + 1 + oldSign, residual < 0 ? 1 : 0);
  const magnitude = Math.abs(residual);
  const exponent = 31 - Math.clz32(magnitude);
  for (let i = 0; i < exponent; i++) take(EXPONENT + i, 1);
  if (exponent < EXPONENTS - 1) take(EXPONENT + exponent, 0);
  let node = 1;
  for (let i = exponent - 1; i >= 0; i--) {
    const bit = (magnitude >> i) & 1;
    take(MANTISSA + (exponent === 7 ? 0 : 1 << exponent) + node - 1, bit);
    node = Math.min(127, (node << 1) | bit);
  }
}

/** Bits of a residual given the sign of the old code. */
export type Price = (residual: number, oldSign: number) => number;

function count(codes: readonly Int32Array[], old: readonly Int32Array[], step: number): Counts {
  const counts = emptyCounts();
  const add = (at: number, bit: number): void => {
    const side = bit === 0 ? counts.zeros : counts.ones;
    side[at]! += 1;
  };
  for (let channel = 0; channel < codes.length; channel++) {
    const [row, before] = [codes[channel]!, old[channel]!];
    for (let tap = 0; tap < row.length; tap++)
      binarize((row[tap]! - before[tap]!) / step, Math.sign(before[tap]!), add);
  }
  return counts;
}

/** Prices by the residuals as they are now; what did not occur stays possible. Residuals are multiples of `step`. */
export function pricesOf(codes: readonly Int32Array[], old: readonly Int32Array[], step = 1): Price {
  const { zeros, ones } = count(codes, old, step);
  const cost = (hits: number, misses: number): number => -Math.log2((hits + 0.4) / (hits + misses + 0.8));
  const costs = [
    Float64Array.from(zeros, (hits, at) => cost(hits, ones[at]!)),
    Float64Array.from(ones, (hits, at) => cost(hits, zeros[at]!)),
  ] as const;
  const table = new Float64Array(3 * SIZE);
  let bits = 0;
  const add = (at: number, bit: number): void => {
    bits += costs[bit as 0 | 1][at]!;
  };
  for (let sign = -1; sign <= 1; sign++) {
    for (let residual = -OFFSET; residual <= OFFSET; residual++) {
      bits = 0;
      binarize(residual, sign, add);
      table[(sign + 1) * SIZE + residual + OFFSET] = bits;
    }
  }
  return (residual, oldSign) => table[(oldSign + 1) * SIZE + residual / step + OFFSET]!;
}

/** Bits of all residuals under an adaptive coder that learns as it goes: what the patch comes close to. */
export function adaptiveBits(codes: readonly Int32Array[], old: readonly Int32Array[], step = 1): number {
  const { zeros, ones } = count(codes, old, step);
  let bits = 0;
  for (let at = 0; at < BITS; at++) {
    // Krichevsky and Trofimov: the order of zeros and ones does not matter.
    bits +=
      (logGamma(zeros[at]! + ones[at]! + 1) - logGamma(zeros[at]! + 0.5) - logGamma(ones[at]! + 0.5)) /
      Math.LN2;
    bits += (2 * logGamma(0.5)) / Math.LN2;
  }
  return bits;
}

/** Stirling's series after a shift; good to nine digits for x >= 0.5. */
function logGamma(x: number): number {
  let shift = 0;
  let y = x;
  for (; y < 7; y++) shift += Math.log(y);
  const inverse = 1 / y;
  const series = inverse * (1 / 12 - inverse ** 2 * (1 / 360 - inverse ** 2 / 1260));
  return (y - 0.5) * Math.log(y) - y + Math.log(2 * Math.PI) / 2 + series - shift;
}
