import { type DescentResult, roundTowards } from "../descent.js";
import { pricesOf } from "../residual-prices.js";
import { frozenScales } from "./frozen-scales.js";
import { biasOf, type LayerProblem } from "./layer-problem.js";
import type { LayerState } from "./layer-state.js";

/** What a moved scale costs: its own residual, that of the bias's scale, and a bias in other units. */
const SCALE_BITS = 32;
const STEPS = [1, 2, 4, 8] as const;

/** Each layer for itself, at one price of a bit: scales, step of the residuals, codes and biases. */
export function roundLayer(problem: LayerProblem, lambda: number): LayerState {
  const { problem: scaled, result: fine } = withCheapScales(problem, lambda);
  let [best, cost, chosen] = [fine, fine.loss + lambda * fine.bits, scaled];
  for (const step of STEPS.slice(1)) {
    const coarse = { ...scaled, step };
    const result = roundTowards(coarse, lambda);
    if (result.loss + lambda * result.bits < cost)
      [best, cost, chosen] = [result, result.loss + lambda * result.bits, coarse];
  }
  return { problem: chosen, codes: best.codes, bias: biasOf(chosen, best.codes) };
}

/** A scale moves only where the weights that it would clip are worth the bits. */
function withCheapScales(
  problem: LayerProblem,
  lambda: number,
): { problem: LayerProblem; result: DescentResult } {
  const kept = roundTowards(problem, lambda);
  const { scale, moved } = frozenScales(problem.previous.scale, problem.greatest);
  if (moved === 0) return { problem, result: kept };
  const wide = { ...problem, scale };
  const widened = roundTowards(wide, lambda);
  const chosen = scale.map((s, channel) => {
    if (s === problem.scale[channel]) return s;
    const cost = (given: LayerProblem, { codes }: DescentResult): number =>
      channelLoss(given, codes[channel]!, channel) + lambda * channelBits(given, codes, channel);
    return cost(wide, widened) + lambda * SCALE_BITS < cost(problem, kept) ? s : problem.scale[channel]!;
  });
  const mixed = { ...problem, scale: chosen };
  return { problem: mixed, result: roundTowards(mixed, lambda) };
}

function channelLoss(
  { scale, target, covariance, importance }: LayerProblem,
  codes: Int32Array,
  channel: number,
): number {
  const error = Float64Array.from(codes, (q, tap) => q * scale[channel]! - target[channel]![tap]!);
  const matrix = covariance(channel);
  let energy = 0;
  for (let i = 0; i < error.length; i++)
    for (let j = 0; j < error.length; j++) energy += error[i]! * matrix[i * error.length + j]! * error[j]!;
  return importance[channel]! * energy;
}

function channelBits({ old, step }: LayerProblem, codes: readonly Int32Array[], channel: number): number {
  const price = pricesOf(codes, old, step);
  return codes[channel]!.reduce((bits, code, tap) => {
    const before = old[channel]![tap]!;
    return bits + price(code - before, Math.sign(before));
  }, 0);
}
