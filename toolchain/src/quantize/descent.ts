import { clamp, roundAwayFromZero } from "../execute/integer/fixed-point.js";
import { adaptiveBits, type Price, pricesOf } from "./residual-prices.js";

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
  /** Residuals are multiples of it; 1 where it is left out. */
  readonly step?: number;
}

export interface DescentResult {
  readonly codes: readonly Int32Array[];
  /** Expected squared change of the logits. */
  readonly loss: number;
  /** Bits of the residuals as an adaptive coder would write them. */
  readonly bits: number;
}

const SWEEPS = 10;
/** Residuals are tried from the best one for the loss toward the old code, so many at most. */
const TRIED = 4;

/** From "all old" alone it can converge badly, silently: start from both ends and keep the better. */
export function roundTowards(problem: DescentProblem, lambda: number): DescentResult {
  const fromNearest = descend(problem, nearestCodes(problem), lambda);
  const fromOld = descend(
    problem,
    problem.old.map((row) => row.slice()),
    lambda,
  );
  const cost = (result: DescentResult): number => result.loss + lambda * result.bits;
  return cost(fromOld) < cost(fromNearest) ? fromOld : fromNearest;
}

function nearestCodes({ target, old, scale, step = 1 }: DescentProblem): Int32Array[] {
  return target.map((row, channel) =>
    Int32Array.from(row, (w, tap) =>
      onGrid(roundAwayFromZero(w / scale[channel]!), old[channel]![tap]!, step),
    ),
  );
}

/** The code within [-127, 127] that is nearest to `code` among those a multiple of `step` away from the old one. */
export function onGrid(code: number, old: number, step: number): number {
  const steps = Math.round((clamp(code, -127, 127) - old) / step);
  const found = old + steps * step;
  return found > 127 || found < -127 ? found - Math.sign(steps) * step : found;
}

/** Changes `codes` in place: sweeps until nothing changes, ten times at most. */
export function descend(problem: DescentProblem, codes: Int32Array[], lambda: number): DescentResult {
  const { target, old, scale, covariance, importance, step = 1 } = problem;
  const gradients = codes.map((row, channel) => {
    const error = Float64Array.from(row, (q, tap) => q * scale[channel]! - target[channel]![tap]!);
    return timesSymmetric(covariance(channel), error);
  });
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const price = pricesOf(codes, old, step);
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
        step,
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
  return { codes, loss, bits: adaptiveBits(codes, old, step) };
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
  readonly price: Price;
  readonly step: number;
}

/** One pass over the taps of a channel; how many changed. */
function sweepChannel(sweep: ChannelSweep): number {
  const { codes, old, gradient, covariance, scale, importance, lambda, price, step } = sweep;
  const taps = codes.length;
  let changed = 0;
  for (let tap = 0; tap < taps; tap++) {
    const curvature = covariance[tap * taps + tap]! * importance * scale * scale;
    const slope = gradient[tap]! * importance * scale;
    const chosen = bestCode({ now: codes[tap]!, old: old[tap]!, slope, curvature, lambda, price, step });
    if (chosen === codes[tap]) continue;
    const moved = (chosen - codes[tap]!) * scale;
    const row = tap * taps;
    for (let i = 0; i < taps; i++) gradient[i]! += moved * covariance[row + i]!;
    codes[tap] = chosen;
    changed++;
  }
  return changed;
}

/** One weight among all others: loss(code) = loss(now) + 2 d slope + d^2 curvature, d = code - now. */
export interface OneWeight {
  readonly now: number;
  readonly old: number;
  readonly slope: number;
  readonly curvature: number;
  readonly lambda: number;
  readonly price: Price;
  readonly step: number;
}

/** The code of the least loss and price, of those between the best for the loss alone and the old one. */
export function bestCode({ now, old, slope, curvature, lambda, price, step }: OneWeight): number {
  const sign = Math.sign(old);
  const best = curvature > 0 ? onGrid(Math.round(now - slope / curvature), old, step) : now;
  const toward = Math.sign(old - best) * step;
  let [chosen, least] = [now, lambda * price(now - old, sign)];
  const consider = (code: number): void => {
    if (code === now) return;
    const d = code - now;
    const cost = d * (2 * slope + d * curvature) + lambda * price(code - old, sign);
    if (cost < least) [chosen, least] = [code, cost];
  };
  consider(old);
  for (let i = 0, code = best; i < TRIED && code !== old; i++, code += toward) consider(code);
  return chosen;
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
