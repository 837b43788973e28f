import type { Graph, Quantization } from "../graph/graph.js";
import { activationNames, assignActivations, type LayerCodes } from "./assign.js";
import { withBorders } from "./borders.js";
import type { Calibration } from "./calibrate.js";
import { groupActivations } from "./groups.js";
import { channelAxis, type Weighted, weightedLayers } from "./linear.js";
import type { ActivationDType } from "./range.js";
import { layerCodes, type RoundOptions } from "./round.js";
import type { Reference } from "./simulate.js";

/** What quantizing one thing alone, all else in floating point, does to the output. */
export interface LayerNoise {
  /** The tensor that the layer makes; the model's input for what quantizing the input costs. */
  readonly tensor: string;
  readonly operator: string;
  /** Signal over noise of the model's output in dB; null where nothing is lost, or there is nothing to quantize. */
  readonly weightsSqnrDb: number | null;
  readonly activationSqnrDb: number | null;
  /** Both together, as independent noises add. */
  readonly sqnrDb: number | null;
}

/** Float graphs in which one thing is quantized. */
interface Alone {
  readonly weights: ((graph: Graph) => Graph) | null;
  readonly activation: ((graph: Graph) => Graph) | null;
}

/**
 * Quantizes the weights of each layer, and each activation, by itself, and measures the output; noisiest first. Tensors
 * that share their codes with one before them (a reshape's, a pool's) add no noise and are not listed.
 */
export async function measureSensitivity(
  graph: Graph,
  calibration: Calibration,
  reference: Reference,
  dtype: ActivationDType,
  rounding: RoundOptions,
  progress?: (done: number, total: number) => void,
): Promise<LayerNoise[]> {
  const entries = listOf(graph, calibration, dtype, rounding);
  const total = entries.reduce((sum, { alone }) => sum + count(alone), 0);
  const found: LayerNoise[] = [];
  let done = 0;
  for (const { tensor, operator, alone } of entries) {
    const measure = async (change: ((graph: Graph) => Graph) | null): Promise<number | null> => {
      if (change === null) return null;
      const noise = await reference.noiseOf(change(graph));
      progress?.(++done, total);
      return Number.isFinite(noise) ? noise : null;
    };
    const weightsSqnrDb = await measure(alone.weights);
    const activationSqnrDb = await measure(alone.activation);
    const sqnrDb = together([weightsSqnrDb, activationSqnrDb]);
    found.push({ tensor, operator, weightsSqnrDb, activationSqnrDb, sqnrDb });
  }
  const loudness = ({ sqnrDb }: LayerNoise): number => sqnrDb ?? Number.POSITIVE_INFINITY;
  return found.sort((a, b) => loudness(a) - loudness(b));
}

function count({ weights, activation }: Alone): number {
  return (weights === null ? 0 : 1) + (activation === null ? 0 : 1);
}

/** Noises in dB below one signal, added as powers. */
function together(decibels: readonly (number | null)[]): number | null {
  const noise = decibels.reduce<number>((sum, db) => sum + (db === null ? 0 : 10 ** (-db / 10)), 0);
  return noise === 0 ? null : -10 * Math.log10(noise);
}

function listOf(
  graph: Graph,
  calibration: Calibration,
  dtype: ActivationDType,
  rounding: RoundOptions,
): { tensor: string; operator: string; alone: Alone }[] {
  const dtypeOf = () => dtype;
  const groups = groupActivations(graph, dtypeOf);
  const rangeOf = (name: string) => calibration.range(name, dtype === "int16" ? "minmax" : rounding.method);
  const activations = assignActivations(graph, groups, rangeOf, dtypeOf);
  const bordered = withBorders(graph, dtype, { tensors: new Set(), operators: new Set() });
  const codes = layerCodes(bordered, activations, calibration, rounding);
  const weighted = new Map(weightedLayers(graph).map((layer) => [layer.outputs[0]!, layer]));
  const operators = new Map(
    graph.operators.flatMap(({ kind, outputs }) => outputs.map((out) => [out, kind])),
  );
  const seen = new Set<string>();
  return activationNames(graph).flatMap((tensor) => {
    const group = groups.representative(tensor);
    const quantization = activations.get(tensor);
    const layer = weighted.get(tensor);
    const isNew = !seen.has(group) && quantization !== undefined;
    seen.add(group);
    if (!isNew && layer === undefined) return [];
    return [
      {
        tensor,
        operator: operators.get(tensor) ?? "input",
        alone: {
          weights: layer === undefined ? null : (float) => withRounded(float, layer, codes.get(layer)!),
          activation: isNew ? (float) => withCodes(float, tensor, quantization, dtype) : null,
        },
      },
    ];
  });
}

/** One activation held as codes in a graph that is float otherwise. */
function withCodes(graph: Graph, name: string, quantization: Quantization, dtype: ActivationDType): Graph {
  const tensors = new Map(graph.tensors);
  tensors.set(name, { ...tensors.get(name)!, dtype, quantization });
  return { ...graph, tensors };
}

/** One layer with rounded weights and its corrected bias, in a graph that is float otherwise. */
function withRounded(graph: Graph, layer: Weighted, { codes, scale, bias }: LayerCodes): Graph {
  const tensors = new Map(graph.tensors);
  const weights = tensors.get(layer.inputs[1]!)!;
  const quantization = { scale, zeroPoint: new Int32Array(scale.length), axis: channelAxis(layer) };
  tensors.set(weights.name, { ...weights, dtype: "int8", data: codes, quantization });
  if (bias === null) return { ...graph, tensors };
  const name = layer.inputs[2] || `${weights.name}/bias`;
  tensors.set(name, { name, shape: [bias.length], dtype: "float32", data: Float32Array.from(bias) });
  const inputs = [layer.inputs[0]!, weights.name, name];
  const operators = graph.operators.map((other) => (other === layer ? { ...layer, inputs } : other));
  return { ...graph, tensors, operators };
}
