import type { Tensor, Variable } from "@tensorflow/tfjs";
import type { Dataset } from "../../data/dataset.js";
import type { Graph, Operator, Quantization } from "../../graph/graph.js";
import type { Training } from "../../train/tensorflow.js";
import { type Linear, linearLayers } from "../linear.js";

const BATCH = 16;

/** What random directions in the logits of each sample of a batch say about one layer. */
export interface ProbedLayer {
  readonly layer: Linear;
  /** What the layer read, [batch, …]. */
  readonly inputs: Float32Array;
  /** d(direction . logits) / d(sum before the activation), for each probe [batch, positions, channels]. */
  readonly gradients: readonly Float32Array[];
}

export interface ProbedBatch {
  /** Index of the batch's first sample, and how many it has. */
  readonly from: number;
  readonly size: number;
  /** [batch, logit] */
  readonly logits: Float32Array;
  /** For each probe [batch, logit]. */
  readonly directions: readonly Float32Array[];
  readonly layers: readonly ProbedLayer[];
}

export interface ProbeOptions {
  /** Random directions a sample. */
  readonly probes: number;
  readonly seed: number;
  /** Ranges that the quantized activations are held within: where they clip, the logits do not follow. */
  readonly activations?: ReadonlyMap<string, Quantization>;
}

/**
 * Back-propagates random +-1 vectors times the logits through a float graph, batch by batch. The squared gradients average
 * to the squared Jacobian of all logits (Hutchinson).
 */
export async function probeGradients(
  graph: Graph,
  dataset: Dataset,
  options: ProbeOptions,
  take: (batch: ProbedBatch) => void,
): Promise<void> {
  const [{ openTensorFlow }, { Differentiable }, { Random }] = await Promise.all([
    import("../../train/tensorflow.js"),
    import("../../train/differentiable.js"),
    import("../../train/random.js"),
  ]);
  const training = await openTensorFlow();
  const { tf } = training;
  const taps = new LayerTaps(training, graph, options.activations);
  const model = new Differentiable(training, graph, { hooks: taps.hooks });
  const random = new Random(options.seed);
  try {
    for (let from = 0; from < dataset.count; from += BATCH) {
      const size = Math.min(BATCH, dataset.count - from);
      const values = samplesOf(dataset, from, size);
      taps.begin(size);
      let logits = new Float32Array(0);
      const directions: Float32Array[] = [];
      for (let probe = 0; probe < options.probes; probe++) {
        const gradients: Record<string, Tensor> = tf.tidy(() => {
          const x = tf.tensor(values, [size, ...model.sampleShape]);
          taps.pass(graph.inputs[0]!, x);
          const { grads } = tf.variableGrads(() => {
            const result = model.logits(x, false);
            logits = Float32Array.from(result.dataSync());
            directions.push(Float32Array.from(logits, () => (random.float() < 0.5 ? -1 : 1)));
            return tf.sum(tf.mul(result, tf.tensor(directions.at(-1)!, result.shape)));
          }, taps.variables());
          return taps.byTensor(grads);
        });
        taps.keep(gradients);
      }
      take({ from, size, logits, directions, layers: taps.end() });
    }
  } finally {
    taps.dispose();
    model.dispose();
  }
}

function samplesOf(dataset: Dataset, from: number, size: number): Float32Array {
  const values = new Float32Array(size * dataset.sample(from).length);
  for (let i = 0; i < size; i++) values.set(dataset.sample(from + i), (i * values.length) / size);
  return values;
}

/** Adds a variable to each layer's output, whose gradient is the layer's, and keeps what each layer read. */
class LayerTaps {
  readonly #layers: readonly Linear[];
  readonly #byOutput: ReadonlyMap<string, Linear>;
  readonly #wanted: ReadonlySet<string>;
  readonly #probes = new Map<string, Variable>();
  /** 1 where the layer's output follows its sum. */
  readonly #passed = new Map<string, Tensor>();
  readonly #read = new Map<string, Tensor>();
  readonly #gradients = new Map<string, Float32Array[]>();

  constructor(
    private readonly training: Training,
    private readonly graph: Graph,
    private readonly activations: ReadonlyMap<string, Quantization> | undefined,
  ) {
    this.#layers = linearLayers(graph);
    this.#byOutput = new Map(this.#layers.map((layer) => [layer.outputs[0]!, layer]));
    this.#wanted = new Set(this.#layers.map((layer) => layer.inputs[0]!));
  }

  readonly hooks = {
    activation: (name: string, value: Tensor): Tensor => {
      const { tf } = this.training;
      const range = realRange(this.activations?.get(name));
      const layer = this.#byOutput.get(name);
      let result = range === null ? value : tf.clipByValue(value, range.low, range.high);
      if (layer !== undefined) {
        this.#passed.get(name)?.dispose();
        this.#passed.set(name, tf.keep(passesThrough(tf, layer, value, range)));
        const probe = this.#probes.get(name);
        if (probe !== undefined) result = tf.add(result, probe);
      }
      this.pass(name, result);
      return result;
    },
  };

  begin(size: number): void {
    const { tf } = this.training;
    for (const layer of this.#layers) {
      const name = layer.outputs[0]!;
      const shape = [size, ...this.graph.tensors.get(name)!.shape.slice(1)];
      const probe = this.#probes.get(name);
      if (probe !== undefined && probe.shape[0] === size) continue;
      probe?.dispose();
      this.#probes.set(name, tf.variable(tf.zeros(shape)));
    }
  }

  pass(name: string, value: Tensor): void {
    if (!this.#wanted.has(name)) return;
    this.#read.get(name)?.dispose();
    this.#read.set(name, this.training.tf.keep(value.clone()));
  }

  variables(): Variable[] {
    return [...this.#probes.values()];
  }

  byTensor(gradients: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
    return Object.fromEntries([...this.#probes].map(([name, probe]) => [name, gradients[probe.name]!]));
  }

  /** Takes one probe's gradients, which end here. */
  keep(gradients: Readonly<Record<string, Tensor>>): void {
    for (const layer of this.#layers) {
      const name = layer.outputs[0]!;
      const sums = Float32Array.from(gradients[name]!.dataSync());
      gradients[name]!.dispose();
      const passed = this.#passed.get(name)!.dataSync();
      for (let i = 0; i < sums.length; i++) sums[i]! *= passed[i]!;
      this.#gradients.set(name, [...(this.#gradients.get(name) ?? []), sums]);
    }
  }

  end(): ProbedLayer[] {
    const layers = this.#layers.map((layer) => ({
      layer,
      inputs: Float32Array.from(this.#read.get(layer.inputs[0]!)!.dataSync()),
      gradients: this.#gradients.get(layer.outputs[0]!)!,
    }));
    this.#gradients.clear();
    return layers;
  }

  dispose(): void {
    for (const kept of [this.#probes, this.#passed, this.#read])
      for (const tensor of kept.values()) tensor.dispose();
  }
}

interface RealRange {
  readonly low: number;
  readonly high: number;
}

function realRange(quantization: Quantization | undefined): RealRange | null {
  if (quantization === undefined) return null;
  const scale = quantization.scale[0]!;
  const zeroPoint = quantization.zeroPoint[0]!;
  return { low: (-128 - zeroPoint) * scale, high: (127 - zeroPoint) * scale };
}

/** Where neither the activation nor the range cuts the sum off. */
function passesThrough(tf: Training["tf"], layer: Operator, value: Tensor, range: RealRange | null): Tensor {
  const activation = "activation" in layer.attributes ? layer.attributes.activation : "none";
  const [low, high] = LIMITS[activation as keyof typeof LIMITS] ?? [-Infinity, Infinity];
  const [least, most] = [Math.max(low, range?.low ?? low), Math.min(high, range?.high ?? high)];
  return tf.cast(tf.logicalAnd(tf.greater(value, least), tf.less(value, most)), "float32");
}

const LIMITS = {
  relu: [0, Number.POSITIVE_INFINITY],
  relu6: [0, 6],
  "relu-1-1": [-1, 1],
} as const;
