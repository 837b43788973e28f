import { clamp, roundAwayFromZero } from "../execute/integer/fixed-point.js";

/**
 * Rounding that knows what the device already holds. Per layer it minimises
 *
 *   sum over output channels o of  G_o * e_o' H e_o  +  lambda * bits(codes - old codes)
 *
 * where e is the weight error, H the covariance of the layer's inputs and G_o how strongly the logits follow the
 * channel. Coordinate descent: one weight after the other takes the best of a few codes; the price of a residual is
 * read off the residuals of the sweep before.
 */
export interface DescentProblem {
  /** Float weights, [channel][tap]. */
  readonly target: readonly Float64Array[];
  /** What devices hold, [channel][tap]. */
  readonly old: readonly Int32Array[];
  readonly scale: ArrayLike<number>;
  /** Covariance of the inputs of a channel's taps, row-major [taps, taps]; channels may share one. */
  readonly covariance: (channel: number) => Float64Array;
  readonly importance: ArrayLike<number>;
}

export interface DescentResult {
  readonly codes: readonly Int32Array[];
  /** Expected squared change of the logits. */
  readonly loss: number;
  /** Bits of the residuals at their own empirical distribution. */
  readonly bits: number;
}

const SWEEPS = 10;

/** From "all old" alone it can converge badly, silently: start from both ends and keep the better. */
export function roundTowards(problem: DescentProblem, lambda: number): DescentResult {
  const nearest = problem.target.map((row, channel) =>
    Int32Array.from(row, (w) => clamp(roundAwayFromZero(w / problem.scale[channel]!), -127, 127)),
  );
  const fromNearest = descend(problem, nearest, lambda);
  const fromOld = descend(
    problem,
    problem.old.map((row) => row.slice()),
    lambda,
  );
  const cost = (result: DescentResult): number => result.loss + lambda * result.bits;
  return cost(fromOld) < cost(fromNearest) ? fromOld : fromNearest;
}

/** Changes `codes` in place: sweeps until nothing changes, ten times at most. */
export function descend(problem: DescentProblem, codes: Int32Array[], lambda: number): DescentResult {
  const { target, old, scale, covariance, importance } = problem;
  const gradients = codes.map((row, channel) => {
    const error = Float64Array.from(row, (q, tap) => q * scale[channel]! - target[channel]![tap]!);
    return timesSymmetric(covariance(channel), error);
  });
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const price = pricesOf(codes, old);
    let changed = 0;
    for (let channel = 0; channel < codes.length; channel++) {
      changed += sweepChannel({
        codes: codes[channel]!,
        old: old[channel]!,
        gradient: gradients[channel]!,
        covariance: covariance(channel),
        scale: scale[channel]!,
        importance: importance[channel]!,
        lambda,
        price,
      });
    }
    if (changed === 0) break;
  }
  let loss = 0;
  for (let channel = 0; channel < codes.length; channel++) {
    let energy = 0;
    for (let tap = 0; tap < codes[channel]!.length; tap++) {
      const error = codes[channel]![tap]! * scale[channel]! - target[channel]![tap]!;
      energy += error * gradients[channel]![tap]!;
    }
    loss += importance[channel]! * energy;
  }
  return { codes, loss, bits: entropyBits(codes, old) };
}

interface ChannelSweep {
  readonly codes: Int32Array;
  readonly old: Int32Array;
  /** covariance * error, kept up to date. */
  readonly gradient: Float64Array;
  readonly covariance: Float64Array;
  readonly scale: number;
  readonly importance: number;
  readonly lambda: number;
  readonly price: (residual: number) => number;
}

/** One pass over the taps of a channel; how many changed. */
function sweepChannel(sweep: ChannelSweep): number {
  const { codes, old, gradient, covariance, scale, importance, lambda, price } = sweep;
  const taps = codes.length;
  let changed = 0;
  for (let tap = 0; tap < taps; tap++) {
    const curvature = covariance[tap * taps + tap]!;
    const now = codes[tap]!;
    // The code that is best for the loss alone, given all other codes.
    const best =
      curvature > 0 ? clamp(Math.round(now - gradient[tap]! / (curvature * scale)), -127, 127) : now;
    const toward = Math.sign(old[tap]! - best);
    let [chosen, least] = [now, lambda * price(now - old[tap]!)];
    for (const candidate of [old[tap]!, best, best + toward, best + 2 * toward]) {
      const beyondOld = toward !== 0 && (candidate - old[tap]!) * toward > 0;
      if (candidate === now || beyondOld) continue;
      const step = (candidate - now) * scale;
      const loss = importance * step * (2 * gradient[tap]! + step * curvature);
      const cost = loss + lambda * price(candidate - old[tap]!);
      if (cost < least) [chosen, least] = [candidate, cost];
    }
    if (chosen === now) continue;
    const step = (chosen - now) * scale;
    const row = tap * taps;
    for (let i = 0; i < taps; i++) gradient[i]! += step * covariance[row + i]!;
    codes[tap] = chosen;
    changed++;
  }
  return changed;
}

function timesSymmetric(matrix: Float64Array, vector: Float64Array): Float64Array {
  const n = vector.length;
  const product = new Float64Array(n);
  for (let row = 0; row < n; row++) {
    let sum = 0;
    for (let column = 0; column < n; column++) sum += matrix[row * n + column]! * vector[column]!;
    product[row] = sum;
  }
  return product;
}

/** Residuals lie in [-254, 254]. */
const RESIDUAL_OFFSET = 254;

function histogram(
  codes: readonly Int32Array[],
  old: readonly Int32Array[],
): { counts: Float64Array; total: number } {
  const counts = new Float64Array(2 * RESIDUAL_OFFSET + 1);
  let total = 0;
  for (let channel = 0; channel < codes.length; channel++) {
    for (let tap = 0; tap < codes[channel]!.length; tap++) {
      counts[codes[channel]![tap]! - old[channel]![tap]! + RESIDUAL_OFFSET]! += 1;
      total++;
    }
  }
  return { counts, total };
}

/**
 * Bits of a residual. Residuals that did not occur are priced as a little less likely than the rarest, growing with their
 * size, so that they stay possible.
 */
function pricesOf(codes: readonly Int32Array[], old: readonly Int32Array[]): (residual: number) => number {
  const { counts, total } = histogram(codes, old);
  const bits = counts.map((count, i) => {
    const size = Math.abs(i - RESIDUAL_OFFSET);
    return -Math.log2((count + 0.5 / (1 + size)) / (total + 3));
  });
  return (residual) => bits[residual + RESIDUAL_OFFSET]!;
}

/** Bits of all residuals at their own order-0 distribution: what the adaptive coder comes close to. */
export function entropyBits(codes: readonly Int32Array[], old: readonly Int32Array[]): number {
  const { counts, total } = histogram(codes, old);
  return counts.reduce((bits, count) => (count === 0 ? bits : bits - count * Math.log2(count / total)), 0);
}
