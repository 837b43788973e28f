import type { Tensor, Variable } from "@tensorflow/tfjs";
import type { Graph, Tensor as GraphTensor, Quantization } from "../graph/graph.js";
import { buildQuantized } from "../quantize/assign.js";
import { type Linear, weightIndex } from "../quantize/linear.js";
import { biasGrid, type HeldLayer, heldLayer } from "../quantize/update-aware/layer-problem.js";
import { type LayerState, type RoundedUpdate, updateOf } from "../quantize/update-aware/layer-state.js";
import { matchPrevious, type Previous, realWeights } from "../quantize/update-aware/previous.js";
import { Adam } from "./adam.js";
import { Differentiable } from "./differentiable.js";
import { Random } from "./random.js";
import type { Training } from "./tensorflow.js";
import {
  assign,
  backprop,
  type Distillation,
  type Loss,
  predict,
  type Samples,
  taskLoss,
} from "./trainer.js";

export interface SparseUpdateOptions {
  readonly seed: number;
  readonly learningRate: number;
  readonly batchSize: number;
  /** Whether training begins with what devices hold, not with the new model: where the two have nothing in common. */
  readonly fromOld: boolean;
  /** Weight in the loss of the logits' squared distance from the new ones, as a share of the old ones' distance. */
  readonly closeness: number;
}

/** One stretch of training; the share of weights that may differ from the old codes falls in its course. */
export interface Stretch {
  readonly epochs: number;
  readonly from: number;
  readonly to: number;
  readonly signal?: AbortSignal;
  readonly onStep?: (loss: number) => void;
}

/** The weights and biases of one layer, by what they differ from the old ones. */
interface Moving {
  readonly held: HeldLayer;
  readonly weights: Variable;
  readonly name: string;
  /** In the tensor's layout: what devices hold, and what one code is worth. */
  readonly codes: Int8Array;
  readonly before: Float32Array;
  readonly unit: Float32Array;
  /** Real residuals, as training has them: finer than what is used. */
  readonly residual: Float32Array;
  /** 0 where the old code stays for good. */
  readonly mask: Uint8Array;
  /** Running mean of the squared gradient with respect to a code: what moving it does to the loss. */
  readonly importance: Float64Array;
  readonly bias: { readonly name: string; readonly variable: Variable; readonly values: Float32Array } | null;
  /** Real biases that devices hold. */
  readonly heldBias: Float32Array;
}

/** Share of a stretch in which weights are still given back; in the rest those that stay settle at a falling rate. */
const PRUNING = 0.6;
/** Times in a stretch that what is given back is chosen. */
const CHOICES = 10;
/** Samples that tell how far the old logits are from the new ones. */
const PROBED = 512;
/** Weight of a step in the running mean of the squared gradients, once there are some. */
const MEMORY = 0.02;

/**
 * The new model as few changes to the codes that devices hold, found by training: the network runs with integer codes
 * and activations clipped to the old ranges while gradients reach the residuals behind them (straight-through
 * estimation, Bengio et al. 2013), and step by step the residuals that matter least for the loss, by their squared
 * gradient, go back to zero for good (gradual pruning, Zhu & Gupta 2017, of the update instead of the network).
 */
export class SparseUpdate {
  readonly #previous: Previous;
  readonly #graph: Graph;
  readonly #student: Differentiable;
  readonly #layers: readonly Moving[];
  readonly #weights: number;
  readonly #adam = new Adam();
  readonly #random: Random;
  readonly #loss: Loss;
  #steps = 0;

  /** `target` is simplified; `distillation` holds its answers to `data`. */
  constructor(
    training: Training,
    target: Graph,
    old: Graph,
    private readonly data: Samples,
    private readonly distillation: Distillation,
    private readonly options: SparseUpdateOptions,
  ) {
    this.#graph = withBiases(target, old);
    this.#previous = matchPrevious(this.#graph, old);
    this.#student = new Differentiable(training, this.#graph, {
      hooks: { activation: (name, value) => clipped(training, value, this.#previous.activations.get(name)) },
    });
    this.#layers = [...this.#previous.layers.keys()].map((layer) =>
      moving(this.#graph, heldLayer(this.#previous, layer), this.#student.parameters, options.fromOld),
    );
    this.#weights = this.#layers.reduce((sum, { residual }) => sum + residual.length, 0);
    this.#random = new Random(options.seed);
    this.#loss = options.closeness === 0 ? taskLoss : this.#closeToo();
  }

  /** The task's loss alone is content with the right order of the answers. */
  #closeToo(): Loss {
    const few = { ...this.data, count: Math.min(this.data.count, PROBED) };
    for (const { before, weights, bias, heldBias } of this.#layers) {
      assign(this.#student, weights, before);
      if (bias !== null) assign(this.#student, bias.variable, heldBias);
    }
    const { logits } = this.distillation;
    const before = predict(this.#student, few);
    const distance = before.reduce((sum, value, i) => sum + (value - logits[i]!) ** 2, 0) / before.length;
    const weight = this.options.closeness / Math.max(distance, Number.EPSILON);
    return (given) => {
      const { tf } = given.model.training;
      const width = logits.length / this.data.count;
      const wanted = Array.from(given.indices, (index) =>
        logits.subarray(index * width, (index + 1) * width),
      );
      const targets = tf.reshape(tf.stack(wanted.map((row) => tf.tensor1d(row))), given.logits.shape);
      const apart = tf.mean(tf.squaredDifference(given.logits, targets));
      return tf.add(taskLoss(given), tf.mul(apart, weight));
    };
  }

  /** Steps of an epoch. */
  get stepsPerEpoch(): number {
    return Math.max(1, Math.floor(this.data.count / this.options.batchSize));
  }

  /** False when the signal stopped it. */
  async train({ epochs, from, to, signal, onStep }: Stretch): Promise<boolean> {
    const steps = epochs * this.stepsPerEpoch;
    const pruning = Math.ceil(PRUNING * steps);
    const interval = Math.max(1, Math.floor(pruning / CHOICES));
    let order = this.#random.permutation(this.data.count);
    for (let step = 0, at = 0; step < steps; step++) {
      await new Promise(setImmediate);
      if (signal?.aborted) return false;
      if (step > 0 && step <= pruning && step % interval === 0)
        this.#giveBack(to + (from - to) * (1 - step / pruning) ** 3);
      if (at + this.options.batchSize > this.data.count) {
        order = this.#random.permutation(this.data.count);
        at = 0;
      }
      const batch = order.subarray(at, at + this.options.batchSize);
      at += this.options.batchSize;
      const settled = Math.max(0, (step - pruning) / (steps - pruning));
      const rate = this.options.learningRate * 0.5 * (1 + Math.cos(Math.PI * settled));
      const loss = this.#step(batch, rate);
      onStep?.(loss);
    }
    this.#giveBack(to);
    return true;
  }

  #step(batch: Int32Array | Uint32Array, rate: number): number {
    this.#assign();
    const options = { distillation: this.distillation };
    const { loss, gradients } = backprop(this.#student, this.data, batch, options, this.#random, this.#loss);
    this.#steps++;
    this.#adam.begin();
    const memory = Math.max(MEMORY, 1 / this.#steps);
    for (const { name, unit, residual, mask, importance, bias } of this.#layers) {
      const gradient = gradients.get(name)!;
      for (let i = 0; i < importance.length; i++)
        importance[i]! += memory * ((gradient[i]! * unit[i]!) ** 2 - importance[i]!);
      this.#adam.apply(name, residual, gradient, rate, { mask });
      if (bias !== null) this.#adam.apply(bias.name, bias.values, gradients.get(bias.name)!, rate);
    }
    return loss;
  }

  /** Leaves this share of all weights, those whose residuals the loss would miss most, and the others for good as they were. */
  #giveBack(share: number): void {
    if (share >= 1) return;
    const scores = new Float64Array(this.#weights);
    let at = 0;
    for (const { residual, unit, importance } of this.#layers)
      for (let i = 0; i < residual.length; i++)
        scores[at++] = importance[i]! * (residual[i]! / unit[i]!) ** 2;
    // Also where most scores are zero, as those of weights behind a dead channel, no more than the share stay.
    const ranked = Uint32Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]! || b - a);
    const leaving = new Set(ranked.subarray(0, this.#weights - Math.ceil(share * this.#weights)));
    at = 0;
    for (const { residual, mask } of this.#layers)
      for (let i = 0; i < residual.length; i++) {
        if (!leaving.has(at++)) continue;
        mask[i] = 0;
        residual[i] = 0;
      }
  }

  /** Puts into the network what devices would run. */
  #assign(): void {
    for (const { held, weights, codes, before, unit, residual, bias } of this.#layers) {
      const used = residual.map(
        (value, i) => before[i]! + unit[i]! * usedResidual(value / unit[i]!, codes[i]!),
      );
      assign(this.#student, weights, used);
      if (bias !== null)
        assign(
          this.#student,
          bias.variable,
          bias.values.map((value, channel) => onBiasGrid(held, channel, value)),
        );
    }
  }

  quantized(): { readonly graph: Graph; readonly update: RoundedUpdate } {
    const states: LayerState<HeldLayer>[] = this.#layers.map(({ held, codes, unit, residual, bias }) => {
      const taps = held.old[0]!.length;
      const at = weightIndex(held.layer, held.old.length, taps);
      return {
        problem: held,
        codes: held.old.map((row, channel) =>
          row.map((code, tap) => {
            const i = at(channel, tap);
            return code + usedResidual(residual[i]! / unit[i]!, codes[i]!);
          }),
        ),
        bias: bias === null ? null : Float64Array.from(bias.values, (value, k) => onBiasGrid(held, k, value)),
      };
    });
    const update = updateOf(states);
    return { graph: buildQuantized(this.#graph, this.#previous.activations, update.layers, "int8"), update };
  }

  dispose(): void {
    this.#student.dispose();
  }
}

/**
 * A residual in codes as a patch can say it cheaply: a power of two or one and a half of it, whose further digits are
 * always zero and so cost nothing.
 */
function usedResidual(residual: number, old: number): number {
  const magnitude = Math.abs(residual);
  const unit = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, magnitude))) - 1);
  const code = Math.round(magnitude / unit) * unit * Math.sign(residual);
  // Models of other tools hold -128 too: it may stay, but nothing moves there.
  return code === 0 || Math.abs(old + code) <= 127 ? code : Math.sign(residual) * 127 - old;
}

function onBiasGrid(held: HeldLayer, channel: number, value: number): number {
  const { from, unit } = biasGrid(held, channel);
  return from + Math.round((value - from) / unit) * unit;
}

/** Activations on devices end where the old scales do. */
function clipped({ tf }: Training, value: Tensor, quantization: Quantization | undefined): Tensor {
  if (quantization === undefined) return value;
  const [scale, zeroPoint] = [quantization.scale[0]!, quantization.zeroPoint[0]!];
  return tf.clipByValue(value, (-128 - zeroPoint) * scale, (127 - zeroPoint) * scale);
}

function moving(
  graph: Graph,
  held: HeldLayer,
  parameters: ReadonlyMap<string, Variable>,
  fromOld: boolean,
): Moving {
  const { layer, previous, scale, inputScale } = held;
  const [, name, biasName] = layer.inputs;
  const before = realWeights(layer, previous);
  const unit = realWeights(layer, { ...previous, codes: previous.codes.map(() => 1) });
  const wanted = graph.tensors.get(name!)!.data as Float32Array;
  const heldBias = scale.map((s, channel) => inputScale * s * (previous.bias?.[channel] ?? 0));
  return {
    held,
    name: name!,
    weights: parameters.get(name!)!,
    codes: previous.codes,
    before,
    unit,
    residual: before.map((value, i) => (fromOld ? 0 : wanted[i]! - value)),
    mask: new Uint8Array(before.length).fill(1),
    importance: new Float64Array(before.length),
    heldBias,
    bias: biasName
      ? {
          name: biasName,
          variable: parameters.get(biasName)!,
          values: fromOld
            ? heldBias.slice()
            : Float32Array.from(graph.tensors.get(biasName)!.data as Float32Array),
        }
      : null,
  };
}

/** A bias of zero where only the old model has one. */
function withBiases(graph: Graph, old: Graph): Graph {
  const { layers } = matchPrevious(graph, old);
  const tensors = new Map<string, GraphTensor>(graph.tensors);
  const operators = graph.operators.map((operator) => {
    const held = layers.get(operator as Linear);
    if (held === undefined || operator.inputs[2] || held.bias === null) return operator;
    const name = `${operator.inputs[1]}/bias`;
    const channels = held.scale.length;
    tensors.set(name, { name, shape: [channels], dtype: "float32", data: new Float32Array(channels) });
    return { ...operator, inputs: [operator.inputs[0]!, operator.inputs[1]!, name] };
  });
  return { ...graph, tensors, operators };
}
