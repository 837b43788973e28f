import type { Scalar, Tensor, Tensor2D, Variable } from "@tensorflow/tfjs";
import { DataError } from "../errors.js";
import { Adam } from "./adam.js";
import type { Differentiable } from "./differentiable.js";
import { Random } from "./random.js";

/** What training reads: a data set of data/ fits. */
export interface Samples {
  readonly count: number;
  readonly sampleShape: readonly number[];
  readonly labels?: Int32Array | undefined;
  sample(index: number): Float32Array;
}

/** Knowledge distillation (Hinton et al. 2015): follow a teacher's softened answers beside the labels. */
export interface Distillation {
  /** The teacher's logits, [count, outputs], by sample. */
  readonly logits: Float32Array;
  readonly temperature: number;
  /** Share of the loss: 1 leaves the labels out. */
  readonly weight: number;
}

export interface FitOptions {
  readonly epochs: number;
  readonly batchSize?: number;
  readonly learningRate?: number;
  /** "cosine" falls from learningRate to a hundredth of it over the run; the first twentieth is a warm-up. */
  readonly schedule?: "constant" | "cosine";
  readonly weightDecay?: number;
  readonly seed: number;
  /** Without labels the loss is the distillation alone; without a softmax at the end it is the squared error to the teacher. */
  readonly distillation?: Distillation;
  readonly labelSmoothing?: number;
  /** By parameter name: entries of 0 keep their weight. */
  readonly masks?: ReadonlyMap<string, ArrayLike<number>>;
  /** Changes a sample in place before it is used; must draw only from `random`. */
  readonly augment?: (sample: Float32Array, random: Random) => void;
  /** Keeps batch norms in inference mode: their running statistics stay. */
  readonly freezeStatistics?: boolean;
  readonly onProgress?: (progress: FitProgress) => void;
  readonly signal?: AbortSignal;
}

export interface FitProgress {
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  /** Mean loss over the epoch so far. */
  readonly loss: number;
}

export interface FitResult {
  /** Mean loss of each epoch that was finished. */
  readonly losses: readonly number[];
  /** False when the signal stopped it; the weights are those of the last step. */
  readonly completed: boolean;
}

const DEFAULTS = { batchSize: 64, learningRate: 1e-3 } as const;

/**
 * Trains `model` in place. With a reproducible backend the same arguments give the same bytes. Between steps it lets
 * the event loop run, so that a signal can stop it.
 */
export async function fit(model: Differentiable, data: Samples, options: FitOptions): Promise<FitResult> {
  const { batchSize, learningRate } = { ...DEFAULTS, ...options };
  requireTarget(model, data, options);
  const random = new Random(options.seed);
  const optimizer = new Adam({ weightDecay: options.weightDecay ?? 0 });
  const values = new Map(
    [...model.parameters].map(([name, variable]) => [name, Float32Array.from(variable.dataSync())]),
  );
  // A last batch of a few samples would upset the batch norms.
  const stepsPerEpoch = Math.max(1, Math.floor(data.count / batchSize));
  const steps = stepsPerEpoch * options.epochs;
  const losses: number[] = [];
  let step = 0;
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    const order = random.permutation(data.count);
    let sum = 0;
    for (let batch = 0; batch < stepsPerEpoch; batch++) {
      await new Promise(setImmediate);
      if (options.signal?.aborted) return { losses, completed: false };
      const indices = order.subarray(batch * batchSize, (batch + 1) * batchSize);
      const { loss, gradients } = backprop(model, data, indices, options, random);
      const rate = learningRate * (options.schedule === "cosine" ? cosine(step, steps) : 1);
      optimizer.begin();
      for (const [name, variable] of model.parameters) {
        const gradient = gradients.get(name);
        if (gradient === undefined) continue;
        const value = values.get(name)!;
        optimizer.apply(name, value, gradient, rate, {
          mask: options.masks?.get(name),
          decays: variable.rank > 1,
        });
        assign(model, variable, value);
      }
      sum += loss;
      step++;
      options.onProgress?.({ epoch, step, steps, loss: sum / (batch + 1) });
    }
    losses.push(sum / stepsPerEpoch);
  }
  return { losses, completed: true };
}

/** The gradients of one batch's loss by parameter name, in the graph's layout. */
export function backprop(
  model: Differentiable,
  data: Samples,
  indices: ArrayLike<number>,
  options: Pick<FitOptions, "distillation" | "labelSmoothing" | "augment" | "freezeStatistics">,
  random: Random,
  loss: Loss = taskLoss,
): { loss: number; gradients: Map<string, Float32Array> } {
  const { tf } = model.training;
  const variables = [...model.parameters.values()];
  const gradients = new Map<string, Float32Array>();
  const x = gather(model, data, indices, options.augment, random);
  const result = tf.tidy(() => {
    const { value, grads } = tf.variableGrads(() => {
      const logits = model.logits(x, options.freezeStatistics !== true);
      return loss({ model, logits, data, indices, options, random });
    }, variables);
    for (const [name, variable] of model.parameters) {
      const gradient = grads[variable.name];
      if (gradient !== undefined) gradients.set(name, Float32Array.from(gradient.dataSync()));
    }
    return value.dataSync()[0]!;
  });
  x.dispose();
  return { loss: result, gradients };
}

/** Logits of every sample, [count, outputs], in inference mode. */
export function predict(model: Differentiable, data: Samples, batchSize = 250): Float32Array {
  const { tf } = model.training;
  const parts: Float32Array[] = [];
  for (let from = 0; from < data.count; from += batchSize) {
    const indices = Array.from({ length: Math.min(batchSize, data.count - from) }, (_, i) => from + i);
    parts.push(
      tf.tidy(() => Float32Array.from(model.logits(gather(model, data, indices), false).dataSync())),
    );
  }
  const all = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** Share of samples whose greatest output is their label's. */
export function accuracy(logits: Float32Array, labels: Int32Array): number {
  const width = logits.length / labels.length;
  let right = 0;
  for (let i = 0; i < labels.length; i++) {
    let best = 0;
    for (let c = 1; c < width; c++) if (logits[i * width + c]! > logits[i * width + best]!) best = c;
    if (best === labels[i]) right++;
  }
  return right / labels.length;
}

function gather(
  model: Differentiable,
  data: Samples,
  indices: ArrayLike<number>,
  augment?: FitOptions["augment"],
  random?: Random,
): Tensor {
  const size = model.sampleShape.reduce((product, length) => product * length, 1);
  const values = new Float32Array(indices.length * size);
  for (let i = 0; i < indices.length; i++) {
    let sample = data.sample(indices[i]!);
    if (sample.length !== size) {
      throw new DataError({
        expected: `samples of ${size} values (${model.sampleShape.join("x")})`,
        got: `${sample.length} values in sample ${indices[i]}`,
        todo: "Give data of the model's input shape.",
      });
    }
    if (augment !== undefined && random !== undefined) {
      sample = sample.slice();
      augment(sample, random);
    }
    values.set(sample, i * size);
  }
  return model.training.tf.tensor(values, [indices.length, ...model.sampleShape]);
}

/** What a loss may look at. */
export interface LossArguments {
  readonly model: Differentiable;
  readonly logits: Tensor;
  readonly data: Samples;
  readonly indices: ArrayLike<number>;
  readonly options: Pick<FitOptions, "distillation" | "labelSmoothing">;
  readonly random: Random;
}

export type Loss = (args: LossArguments) => Scalar;

/** Cross-entropy with the labels, and what the teacher asks. */
export function taskLoss({ model, logits, data, indices, options }: LossArguments): Scalar {
  const { distillation, labelSmoothing = 0 } = options;
  const { tf } = model.training;
  const rows = tf.reshape(logits, [indices.length, -1]) as Tensor2D;
  const width = rows.shape[1];
  const parts: Tensor[] = [];
  const softWeight = data.labels === undefined ? 1 : (distillation?.weight ?? 0);
  if (distillation !== undefined && softWeight > 0) {
    const teacher = new Float32Array(indices.length * width);
    for (let i = 0; i < indices.length; i++) {
      const from = indices[i]! * width;
      teacher.set(distillation.logits.subarray(from, from + width), i * width);
    }
    const targets = tf.tensor2d(teacher, rows.shape);
    if (model.endsInSoftmax) {
      const { temperature } = distillation;
      const soft = tf.softmax(tf.div(targets, temperature));
      // The factor keeps the gradients' size independent of the temperature.
      const weight = softWeight * temperature * temperature;
      parts.push(tf.mul(crossEntropy(model, tf.div(rows, temperature), soft), weight));
    } else {
      parts.push(tf.mul(tf.mean(tf.squaredDifference(rows, targets)), softWeight));
    }
  }
  if (data.labels !== undefined && softWeight < 1) {
    const truth = new Float32Array(indices.length * width).fill(labelSmoothing / width);
    for (let i = 0; i < indices.length; i++) {
      truth[i * width + data.labels[indices[i]!]!]! += 1 - labelSmoothing;
    }
    parts.push(tf.mul(crossEntropy(model, rows, tf.tensor2d(truth, rows.shape)), 1 - softWeight));
  }
  return tf.addN(parts) as Scalar;
}

function crossEntropy(model: Differentiable, logits: Tensor, targets: Tensor): Scalar {
  const { tf } = model.training;
  return tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), -1))) as Scalar;
}

/** Puts `value` into a variable of the model. */
export function assign(model: Differentiable, variable: Variable, value: Float32Array): void {
  const next = model.training.tf.tensor(value.slice(), variable.shape);
  variable.assign(next);
  next.dispose();
}

function cosine(step: number, steps: number): number {
  const warmUp = Math.max(1, Math.floor(steps / 20));
  if (step < warmUp) return (step + 1) / warmUp;
  const share = (step - warmUp) / Math.max(1, steps - warmUp);
  return 0.01 + 0.99 * 0.5 * (1 + Math.cos(Math.PI * share));
}

function requireTarget(model: Differentiable, data: Samples, options: FitOptions): void {
  if (data.labels === undefined && options.distillation === undefined) {
    throw new DataError({
      expected: "labels, or a teacher to learn from",
      got: "data without labels and no teacher",
      todo: "Give an .npz with y, or folders named after the classes.",
    });
  }
  if (data.labels === undefined) return;
  const output = model.graph.tensors.get(model.graph.outputs[0]!)!;
  const width = output.shape.slice(1).reduce((product, length) => product * length, 1);
  const wrong = data.labels.findIndex((label) => label < 0 || label >= width);
  if (wrong < 0) return;
  throw new DataError({
    expected: `labels of 0 to ${width - 1}, one per output of the model`,
    got: `label ${data.labels[wrong]} on sample ${wrong}`,
    todo: "Give the labels of the classes that the model tells apart.",
  });
}
