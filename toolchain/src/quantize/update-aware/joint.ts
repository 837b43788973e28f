import { bestCode } from "../descent.js";
import { type Price, pricesOf } from "../residual-prices.js";
import { biasGrid } from "./layer-problem.js";
import { biasBits, type LayerState } from "./layer-state.js";
import type { Linearization } from "./linearize.js";

const SWEEPS = 8;

/** How much of the loss is the linearized logits' and how much the layers' own, which no sample can be learnt by heart in. */
export interface JointOptions {
  readonly lambda: number;
  /** 0 to 1: share of the layers' own loss. */
  readonly anchor: number;
}

/**
 * Rounds all layers together: the errors of one may cancel those of another. It minimises
 *
 *   (1 - anchor) * mean over rows (direction . logit error)^2 + anchor * sum over layers G_o e_o' H e_o + lambda * bits
 *
 * by coordinate descent from `states`, at which the logits were linearized. Changes their codes and biases in place.
 */
export function roundJointly(
  states: readonly LayerState[],
  linear: Linearization,
  options: JointOptions,
): void {
  const residual = linear.residual.slice();
  const layers = states.map((state) => new JointLayer(state, linear, options));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let changed = 0;
    for (const layer of layers) changed += layer.sweepWeights(residual) + layer.sweepBiases(residual);
    if (changed === 0) break;
  }
}

class JointLayer {
  readonly #rows: number;
  readonly #columns: Float32Array;
  readonly #biasColumns: Float32Array;
  readonly #squares: Float64Array;
  readonly #biasSquares: Float64Array;
  readonly #gradients: Float64Array[];

  constructor(
    private readonly state: LayerState,
    linear: Linearization,
    private readonly options: JointOptions,
  ) {
    const { problem, codes } = state;
    const { weights, bias } = linear.layers.get(problem.layer.name)!;
    this.#rows = linear.rows;
    this.#columns = weights;
    this.#biasColumns = bias;
    const taps = codes[0]!.length;
    const share = (1 - options.anchor) / this.#rows;
    // A weight's mean effect is the bias's to take back: the two move together.
    if (state.bias !== null) {
      codes.forEach((_, channel) => {
        const means = problem.means(channel);
        for (let tap = 0; tap < taps; tap++) {
          const at = (channel * taps + tap) * this.#rows;
          for (let row = 0; row < this.#rows; row++)
            weights[at + row]! -= means[tap]! * bias[channel * this.#rows + row]!;
        }
      });
    }
    this.#squares = squaresOf(weights, this.#rows, share);
    this.#biasSquares = squaresOf(bias, this.#rows, share);
    this.#gradients = codes.map((row, channel) => {
      const matrix = problem.covariance(channel);
      const error = Float64Array.from(
        row,
        (q, tap) => q * problem.scale[channel]! - problem.target[channel]![tap]!,
      );
      return error.map((_, i) => error.reduce((sum, e, j) => sum + matrix[i * taps + j]! * e, 0));
    });
  }

  sweepWeights(residual: Float64Array): number {
    const { problem, codes, bias } = this.state;
    const price = pricesOf(codes, problem.old, problem.step);
    const taps = codes[0]!.length;
    let changed = 0;
    for (let channel = 0; channel < codes.length; channel++) {
      const row = codes[channel]!;
      const means = problem.means(channel);
      for (let tap = 0; tap < taps; tap++) {
        const code = this.#best(channel, tap, residual, price);
        if (code === row[tap]) continue;
        const moved = (code - row[tap]!) * problem.scale[channel]!;
        addScaled(residual, this.#columns, (channel * taps + tap) * this.#rows, moved);
        const matrix = problem.covariance(channel);
        const gradient = this.#gradients[channel]!;
        for (let i = 0; i < taps; i++) gradient[i]! += moved * matrix[tap * taps + i]!;
        if (bias !== null) bias[channel]! -= moved * means[tap]!;
        row[tap] = code;
        changed++;
      }
    }
    return changed;
  }

  #best(channel: number, tap: number, residual: Float64Array, price: Price): number {
    const { problem, codes } = this.state;
    const taps = codes[0]!.length;
    const at = channel * taps + tap;
    const { anchor, lambda } = this.options;
    const scale = problem.scale[channel]!;
    const own = anchor * problem.importance[channel]!;
    const joint = ((1 - anchor) / this.#rows) * dot(residual, this.#columns, at * this.#rows);
    return bestCode({
      now: codes[channel]![tap]!,
      old: problem.old[channel]![tap]!,
      slope: scale * (joint + own * this.#gradients[channel]![tap]!),
      curvature: scale ** 2 * (this.#squares[at]! + own * problem.covariance(channel)[tap * taps + tap]!),
      lambda,
      price,
      step: problem.step,
    });
  }

  /** Puts each bias onto its grid, where loss and price together are least. */
  sweepBiases(residual: Float64Array): number {
    const { problem, bias } = this.state;
    if (bias === null) return 0;
    let changed = 0;
    const share = (1 - this.options.anchor) / this.#rows;
    for (let channel = 0; channel < bias.length; channel++) {
      const { from, unit } = biasGrid(problem, channel);
      const slope = share * dot(residual, this.#biasColumns, channel * this.#rows);
      const curvature = this.#biasSquares[channel]!;
      const best = curvature > 0 ? bias[channel]! - slope / curvature : bias[channel]!;
      const nearest = Math.round((best - from) / unit);
      let [chosen, least] = [nearest, Number.POSITIVE_INFINITY];
      for (const steps of [nearest, nearest - Math.sign(nearest), nearest - 2 * Math.sign(nearest), 0]) {
        const d = from + steps * unit - bias[channel]!;
        const cost = d * (2 * slope + d * curvature) + this.options.lambda * biasBits(steps);
        if (cost < least) [chosen, least] = [steps, cost];
      }
      const moved = from + chosen * unit - bias[channel]!;
      if (Math.abs(moved) < 1e-3 * unit) continue;
      addScaled(residual, this.#biasColumns, channel * this.#rows, moved);
      bias[channel]! += moved;
      changed++;
    }
    return changed;
  }
}

function squaresOf(columns: Float32Array, rows: number, share: number): Float64Array {
  return Float64Array.from({ length: columns.length / rows }, (_, i) => {
    let sum = 0;
    for (let at = i * rows; at < (i + 1) * rows; at++) sum += columns[at]! ** 2;
    return share * sum;
  });
}

function dot(vector: Float64Array, columns: Float32Array, at: number): number {
  let sum = 0;
  for (let row = 0; row < vector.length; row++) sum += vector[row]! * columns[at + row]!;
  return sum;
}

function addScaled(vector: Float64Array, columns: Float32Array, at: number, factor: number): void {
  for (let row = 0; row < vector.length; row++) vector[row]! += factor * columns[at + row]!;
}
