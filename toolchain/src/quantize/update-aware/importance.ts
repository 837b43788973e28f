import type { Tensor, Variable } from "@tensorflow/tfjs";
import type { Dataset } from "../../data/dataset.js";
import type { Graph, Operator } from "../../graph/graph.js";
import { channelCount, type Linear, linearLayers } from "../linear.js";

/** Samples that are looked at: about a hundred suffice. */
const SAMPLES = 96;
const BATCH = 16;

/**
 * How strongly the logits follow each output channel of each layer: the squared Jacobian of all logits with respect to
 * the channel's sums before the activation, added over positions, averaged over samples. Random +-1 vectors times the
 * logits are back-propagated, whose squared gradients average to it (Hutchinson).
 */
export async function logitSensitivity(graph: Graph, dataset: Dataset): Promise<Map<Linear, Float64Array>> {
  const [{ openTensorFlow }, { Differentiable }, { Random }] = await Promise.all([
    import("../../train/tensorflow.js"),
    import("../../train/differentiable.js"),
    import("../../train/random.js"),
  ]);
  const training = await openTensorFlow();
  const { tf } = training;
  const layers = new Map(linearLayers(graph).map((layer) => [layer.outputs[0]!, layer]));
  const sums = new Map(
    [...layers.values()].map((layer) => [
      layer,
      new Float64Array(channelCount(layer, graph.tensors.get(layer.inputs[1]!)!)),
    ]),
  );
  const probes = new Map<string, Variable>();
  const passed = new Map<string, Tensor>();
  const model = new Differentiable(training, graph, {
    hooks: {
      activation(name, value) {
        const layer = layers.get(name);
        if (layer === undefined) return value;
        // Where the activation cut the sum off, the logits do not follow it.
        passed.set(name, tf.keep(passesThrough(tf, layer, value)));
        const probe = probes.get(name);
        return probe === undefined ? value : tf.add(value, probe);
      },
    },
  });
  const random = new Random(1);
  const count = Math.min(SAMPLES, dataset.count);
  try {
    for (let from = 0; from < count; from += BATCH) {
      const size = Math.min(BATCH, count - from);
      const values = new Float32Array(size * dataset.sample(0).length);
      for (let i = 0; i < size; i++) values.set(dataset.sample(from + i), (i * values.length) / size);
      for (const [name] of layers) {
        probes.get(name)?.dispose();
        probes.set(name, tf.variable(tf.zeros([size, ...graph.tensors.get(name)!.shape.slice(1)])));
      }
      const gradients: Record<string, Tensor> = tf.tidy(() => {
        const x = tf.tensor(values, [size, ...model.sampleShape]);
        const { grads } = tf.variableGrads(() => {
          const logits = model.logits(x, false);
          const signs = Float32Array.from({ length: logits.size }, () => (random.float() < 0.5 ? -1 : 1));
          return tf.sum(tf.mul(logits, tf.tensor(signs, logits.shape)));
        }, [...probes.values()]);
        return Object.fromEntries([...probes].map(([name, probe]) => [name, grads[probe.name]!]));
      });
      for (const [name, gradient] of Object.entries(gradients)) {
        const sum = sums.get(layers.get(name)!)!;
        const [g, mask] = [gradient.dataSync(), passed.get(name)!.dataSync()];
        for (let i = 0; i < g.length; i++) sum[i % sum.length]! += (g[i]! * mask[i]!) ** 2 / count;
        gradient.dispose();
        passed.get(name)!.dispose();
      }
    }
  } finally {
    for (const probe of probes.values()) probe.dispose();
    model.dispose();
  }
  return sums;
}

function passesThrough(tf: typeof import("@tensorflow/tfjs"), layer: Operator, value: Tensor): Tensor {
  const activation = "activation" in layer.attributes ? layer.attributes.activation : "none";
  switch (activation) {
    case "relu":
      return tf.cast(tf.greater(value, 0), "float32");
    case "relu6":
      return tf.cast(tf.logicalAnd(tf.greater(value, 0), tf.less(value, 6)), "float32");
    case "relu-1-1":
      return tf.cast(tf.less(tf.abs(value), 1), "float32");
    default:
      return tf.onesLike(value);
  }
}
