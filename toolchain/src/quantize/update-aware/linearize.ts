import type { Dataset } from "../../data/dataset.js";
import type { Graph, Quantization } from "../../graph/graph.js";
import { fieldIndex, receptiveFields, type Values } from "../input-statistics.js";
import { channelCount, type Linear, linearLayers } from "../linear.js";
import { type ProbedLayer, probeGradients } from "./probe-gradients.js";

/** Derivatives of the rows with respect to one layer's parameters. */
export interface LayerColumns {
  /** [channel][tap][row] */
  readonly weights: Float32Array;
  /** [channel][row] */
  readonly bias: Float32Array;
}

/**
 * The logits of a network as a linear function of all its weights and biases, at the weights of one graph: a row for each
 * random direction in the logits of a sample. The mean over rows of the squared change is the expected squared change of
 * all logits.
 */
export interface Linearization {
  readonly rows: number;
  /** direction . (logits of the graph - wanted logits), a row each. */
  readonly residual: Float64Array;
  readonly layers: ReadonlyMap<string, LayerColumns>;
}

export interface LinearizeOptions {
  readonly probes: number;
  readonly seed: number;
  readonly activations: ReadonlyMap<string, Quantization>;
}

/** `wanted`: the logits to come close to, [sample, logit]. */
export async function linearize(
  graph: Graph,
  dataset: Dataset,
  wanted: Float32Array,
  options: LinearizeOptions,
): Promise<Linearization> {
  const rows = dataset.count * options.probes;
  const residual = new Float64Array(rows);
  const layers = new Map(
    linearLayers(graph).map((layer) => {
      const weights = graph.tensors.get(layer.inputs[1]!)!;
      const columns = {
        weights: new Float32Array(weights.data!.length * rows),
        bias: new Float32Array(channelCount(layer, weights) * rows),
      };
      return [layer.name, columns] as const;
    }),
  );
  const samples = dataset.count;
  await probeGradients(graph, dataset, options, (batch) => {
    const width = batch.logits.length / batch.size;
    batch.directions.forEach((direction, probe) => {
      for (let i = 0; i < direction.length; i++) {
        const error = batch.logits[i]! - wanted[batch.from * width + i]!;
        residual[probe * samples + batch.from + Math.floor(i / width)]! += direction[i]! * error;
      }
    });
    for (const layer of batch.layers) {
      const columns = layers.get(layer.layer.name)!;
      for (let i = 0; i < batch.size; i++) addSample(graph, layer, { ...batch, columns, rows, samples }, i);
    }
  });
  return { rows, residual, layers };
}

interface Place {
  readonly columns: LayerColumns;
  readonly rows: number;
  readonly samples: number;
  readonly from: number;
  readonly size: number;
}

/** A weight's derivative is the sum over positions of the position's gradient times what the weight reads there. */
function addSample(graph: Graph, probed: ProbedLayer, place: Place, index: number): void {
  const { layer, inputs, gradients } = probed;
  const { columns, rows, samples, from, size } = place;
  const channels = columns.bias.length / rows;
  const taps = columns.weights.length / rows / channels;
  const read = readTaps(graph, layer, channels, taps);
  const weights = gradients.map(() => new Float64Array(channels * taps));
  const biases = gradients.map(() => new Float64Array(channels));
  const perSample = gradients[0]!.length / size;
  let position = index * perSample;
  const values = inputs.subarray((index * inputs.length) / size, ((index + 1) * inputs.length) / size);
  receptiveFields(graph, layer).visit(values, (field) => {
    gradients.forEach((all, probe) => {
      const [sums, bias] = [weights[probe]!, biases[probe]!];
      for (let channel = 0; channel < channels; channel++) {
        const gradient = all[position + channel]!;
        if (gradient === 0) continue;
        bias[channel]! += gradient;
        addScaledField(sums, channel * taps, gradient, field, read(channel));
      }
    });
    position += channels;
  });
  gradients.forEach((_, probe) => {
    const row = probe * samples + from + index;
    for (let i = 0; i < channels * taps; i++) columns.weights[i * rows + row] = weights[probe]![i]!;
    for (let i = 0; i < channels; i++) columns.bias[i * rows + row] = biases[probe]![i]!;
  });
}

function addScaledField(
  sums: Float64Array,
  first: number,
  factor: number,
  field: Values,
  elements: Int32Array,
): void {
  for (let tap = 0; tap < elements.length; tap++) sums[first + tap]! += factor * field[elements[tap]!]!;
}

/** Elements of the receptive field that a channel's taps read; most channels of a layer share them. */
function readTaps(
  graph: Graph,
  layer: Linear,
  channels: number,
  taps: number,
): (channel: number) => Int32Array {
  const at = fieldIndex(graph, layer);
  const known = new Map<number, Int32Array>();
  const all = Array.from({ length: channels }, (_, channel) => {
    const first = at(channel, 0);
    const elements = known.get(first) ?? Int32Array.from({ length: taps }, (_, tap) => at(channel, tap));
    known.set(first, elements);
    return elements;
  });
  return (channel) => all[channel]!;
}
