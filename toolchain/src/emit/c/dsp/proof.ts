import { requantizeDouble } from "../../../execute/integer/fixed-point.js";
import type { Channel } from "../arithmetic.js";

/**
 * Requantization in two instructions, SMMUL and USAT with a shift, of an accumulator that stands L bits up:
 *
 *   u = clamp(((2^L x + beta) * m >> 32) >> S, 0, 255)
 *
 * equals TensorFlow Lite's double rounding for every accumulator x that a channel can reach, if beta and m are chosen
 * so that all (up to 255) thresholds of the exact function are hit. Where no such pair is found the layer takes the
 * exact form of six instructions.
 */
export interface ShortForm {
  readonly beta: number;
  readonly multiplier: number;
}

/** What an accumulator can become: every input code from 0 to 255 (codes + 128). */
export interface Reach {
  readonly low: number;
  readonly high: number;
}

/** Offsets of beta around its nominal value that are tried. */
const BETA_TRIES = 4000;
/** Quotients are computed in double: an interval end closer than this to an integer is given up. */
const QUOTIENT_MARGIN = 2 ** -20;
const MAX_MULTIPLIER = 2 ** 31 - 1;
/** A multiplier is rounded to so many bits less than it has. */
const MOST_ZERO_BITS = 16;
/** Bits by which an accumulator stands up where weights of two channels share a halfword. */
export const PACKED_LIFT = 8;

/** Range of bias + sum(weight * u) for u in 0..255. */
export function reachOf(weights: Iterable<number>, bias: number): Reach {
  let low = bias;
  let high = bias;
  for (const weight of weights) {
    if (weight < 0) low += 255 * weight;
    else high += 255 * weight;
  }
  return { low, high };
}

/**
 * Shifts worth trying for a layer, best first. A multiplier must stay below 2^31. Rounded down to one in three, so that
 * layers share kernels and later parameters of the same architecture fit the shift that was compiled in.
 */
export function shortShifts(channels: readonly { readonly real: number; readonly lift: number }[]): number[] {
  const room = Math.min(...channels.map(({ real, lift }) => lift - 1 - Math.log2(real)));
  const most = Math.max(1, Math.min(15, Math.floor(room)));
  const shared = [14, 11, 8, 5, 2].find((shift) => shift < most) ?? most;
  return [...new Set([shared, most])];
}

/** The exact function: accumulator to code + 128. */
function exactCode(x: number, channel: Channel, zeroPoint: number): number {
  const code = requantizeDouble(x, channel.multiplier, channel.shift) + zeroPoint + 128;
  return code < 0 ? 0 : code > 255 ? 255 : code;
}

interface Threshold {
  readonly code: number;
  /** Least x in reach with exactCode(x) >= code; exactCode(x - 1) < code. */
  readonly x: number;
}

function thresholds(channel: Channel, zeroPoint: number, reach: Reach): Threshold[] {
  const first = exactCode(reach.low, channel, zeroPoint);
  const last = exactCode(reach.high, channel, zeroPoint);
  const found: Threshold[] = [];
  let floor = reach.low;
  for (let code = first + 1; code <= last; code++) {
    let low = floor;
    let high = reach.high;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (exactCode(middle, channel, zeroPoint) >= code) high = middle;
      else low = middle + 1;
    }
    found.push({ code, x: low });
    floor = low;
  }
  return found;
}

/** By how much rounding twice lowers every threshold: half of what the second one shifts out, as accumulators. */
function secondRounding({ multiplier, shift }: Channel): number {
  return shift < 0 ? 2 ** 30 / multiplier : 0;
}

/** null where no pair within the search gives the exact function. */
export function proveShortForm(
  channel: Channel,
  zeroPoint: number,
  reach: Reach,
  shift: number,
  liftBits: number,
): ShortForm | null {
  if (channel.real <= 0) return null;
  const steps = thresholds(channel, zeroPoint, reach);
  const scale = 2 ** (32 + shift);
  const ends = {
    low: exactCode(reach.low, channel, zeroPoint),
    high: exactCode(reach.high, channel, zeroPoint),
  };
  const lift = 2 ** liftBits;
  const nominal = Math.round(((0.5 + zeroPoint + 128) / channel.real + secondRounding(channel)) * lift);
  for (let attempt = 0; attempt < BETA_TRIES; attempt++) {
    const beta = nominal + (attempt & 1 ? 1 : -1) * ((attempt + 1) >> 1);
    const interval = multipliersFor(steps, beta, { scale, lift }, reach, ends);
    if (interval === null) continue;
    const multiplier = roundestNear((channel.real * scale) / lift, interval);
    const form = { beta, multiplier };
    if (isExact(form, steps, { shift, lift }, reach, ends)) return form;
  }
  return null;
}

/**
 * The multiplier that the scale alone asks for, with as few digits as the interval allows: new weights under an old scale
 * keep it, and an update need not send it.
 */
function roundestNear(nominal: number, { low, high }: Reach): number {
  for (let bits = MOST_ZERO_BITS; bits >= 0; bits--) {
    const unit = 2 ** bits;
    const rounded = Math.round(nominal / unit) * unit;
    if (rounded >= low && rounded <= high) return rounded;
  }
  return Math.max(low, Math.min(high, Math.round(nominal)));
}

/** Multipliers that meet every threshold, and keep the least and the greatest code where they are. */
function multipliersFor(
  steps: readonly Threshold[],
  beta: number,
  { scale, lift }: { readonly scale: number; readonly lift: number },
  reach: Reach,
  ends: Reach,
): Reach | null {
  const lifted = (x: number): number => x * lift + beta;
  if (lifted(reach.high) >= 2 ** 31 || lifted(reach.low) < -(2 ** 31)) return null;
  let low = 1;
  let high = MAX_MULTIPLIER;
  const atLeast = (code: number, sum: number): void => {
    if (sum <= 0) high = 0;
    else low = Math.max(low, Math.ceil((code * scale) / sum + QUOTIENT_MARGIN));
  };
  const below = (code: number, sum: number): void => {
    if (sum > 0) high = Math.min(high, Math.ceil((code * scale) / sum - QUOTIENT_MARGIN) - 1);
  };
  // What clamps to 0 or to 255 may be anything beyond it.
  if (ends.low > 0) atLeast(ends.low, lifted(reach.low));
  if (ends.high < 255) below(ends.high + 1, lifted(reach.high));
  for (const { code, x } of steps) {
    atLeast(code, lifted(x));
    below(code, lifted(x - 1));
    if (low > high) return null;
  }
  return low > high ? null : { low, high };
}

/** The chosen pair against both ends and every threshold, in exact integers. */
function isExact(
  { beta, multiplier }: ShortForm,
  steps: readonly Threshold[],
  { shift, lift }: { readonly shift: number; readonly lift: number },
  reach: Reach,
  ends: Reach,
): boolean {
  const code = (x: number): number => {
    const raw = (BigInt(x * lift + beta) * BigInt(multiplier)) >> BigInt(32 + shift);
    return raw < 0n ? 0 : raw > 255n ? 255 : Number(raw);
  };
  if (code(reach.low) !== ends.low || code(reach.high) !== ends.high) return false;
  return steps.every((step) => code(step.x) === step.code && code(step.x - 1) < step.code);
}

/** The one code of a channel that no input can move; null for a channel that is alive. */
export function constantCode(channel: Channel, zeroPoint: number, reach: Reach): number | null {
  const low = exactCode(reach.low, channel, zeroPoint);
  return low === exactCode(reach.high, channel, zeroPoint) ? low : null;
}

/** Forms of a channel whose weights and bias were set to zero because it only ever gives `code`. */
export const constantShortForm = (code: number, shift: number): ShortForm => ({
  beta: code === 0 ? 0 : (2 * code + 1) * 2 ** (shift + 1),
  multiplier: code === 0 ? 0 : 2 ** 30,
});
export const constantLongForm = (code: number): LongForm => ({ multiplier: 0, offset: code * 256, shift: 8 });

/**
 * The exact form: r = (2^L x * q + 2^(L - 2) * 2^32) >> 32, one unit of 2^(L - 1) off where negative, then
 * (r + offset) >> shift, saturated to 0..255. Holds for any zero point.
 */
export interface LongForm {
  readonly multiplier: number;
  readonly offset: number;
  readonly shift: number;
}

/** null where the form's own words overflow, or the channel's real factor is 1 or more. */
export function longForm(channel: Channel, zeroPoint: number, reach: Reach, lift: number): LongForm | null {
  const right = -channel.shift;
  if (right < 1 || right > 20) return null;
  const unit = 2 ** (lift - 1);
  const offset = unit * 2 ** (right - 1) + (zeroPoint + 128) * unit * 2 ** right;
  const most = Math.max(Math.abs(reach.low), Math.abs(reach.high)) * 2 * unit;
  if (most >= 2 ** 31) return null;
  if ((most * channel.multiplier) / 2 ** 32 + offset + 2 * unit >= 2 ** 31) return null;
  return { multiplier: channel.multiplier, offset, shift: lift - 1 + right };
}
