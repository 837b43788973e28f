import type { Dataset } from "../data/dataset.js";
import { SignalToNoise } from "../evaluate/index.js";
import { hasIntegerKernel } from "../execute/integer/run.js";
import { openRunnable } from "../execute/runnable.js";
import type { Graph, Quantization } from "../graph/graph.js";
import { floatConstant } from "../transform/edges.js";
import { type EqualizationPair, equalizationPairs, equalize } from "../transform/equalize.js";
import { simplify } from "../transform/index.js";
import { assignActivations, buildQuantized, type LayerCodes, requireQuantizable } from "./assign.js";
import { correctedBias } from "./bias-correction.js";
import { type ActivationSource, type Calibration, calibrate } from "./calibrate.js";
import { activationSource } from "./float-source.js";
import { groupActivations } from "./groups.js";
import { EntropyObserver, MseObserver, PercentileObserver } from "./histogram.js";
import { codesByCovariance } from "./learned-rounding.js";
import { type Linear, linearLayers } from "./linear.js";
import { MinMaxObserver, type Observer } from "./observer.js";
import type { QuantizeOptions, QuantizeReport } from "./options.js";
import { quantizeUpdate, type UpdateReport } from "./update-aware/update.js";
import { nearestCodes, weightScales } from "./weights.js";

/**
 * Post-training quantization to TFLite's 8-bit specification. Calibration streams; its memory does not grow with the
 * number of samples.
 */
export async function quantizeGraph(
  floatGraph: Graph,
  dataset: Dataset,
  options: QuantizeOptions = {},
): Promise<{ graph: Graph; report: QuantizeReport }> {
  const steps: string[] = [];
  const simple = simplify(floatGraph);
  steps.push(
    `${floatGraph.operators.length} operators simplified to ${simple.operators.length}: batch normalisation folded, activations fused`,
  );
  requireQuantizable(simple, hasIntegerKernel);
  const method = options.calibrate ?? "minmax";
  steps.push(`${dataset.count} samples observed, ranges by ${method}`);
  const recipe = await chooseRecipe(simple, dataset, options, steps);
  if (options.adaround ?? false)
    steps.push("weights rounded so that each layer's output comes closest, not each weight");
  if (options.biasCorrect ?? true) steps.push("biases corrected for the mean error of the rounded weights");
  const update =
    options.previous === undefined
      ? null
      : await quantizeUpdate(recipe.float, options.previous, recipe.quantized, dataset, {
          maxLossPoints: options.maxLossPoints ?? DEFAULT_MAX_LOSS_POINTS,
          leastFidelity: options.leastFidelity ?? DEFAULT_FIDELITY,
          validation: options.validation ?? dataset,
          activations: recipe.source,
        });
  if (update !== null) steps.push(describeUpdate(update.report));
  const quantized = update?.graph ?? recipe.quantized;
  return {
    graph: quantized,
    report: {
      scheme: "int8",
      rounding: "double",
      calibration: { method, samples: dataset.count },
      steps,
      parameterBytesBefore: parameterBytes(floatGraph),
      parameterBytesAfter: parameterBytes(quantized),
      ...(update && { update: update.report }),
    },
  };
}

interface Recipe {
  readonly float: Graph;
  readonly quantized: Graph;
  readonly source: ActivationSource;
}

/**
 * Quantizes as it is, and equalized where the graph allows it; keeps what follows the float model's output more closely
 * on calibration samples. An update keeps the previous model's scales and is never equalized.
 */
async function chooseRecipe(
  graph: Graph,
  dataset: Dataset,
  options: QuantizeOptions,
  steps: string[],
): Promise<Recipe> {
  const source = options.activations ?? activationSource(graph);
  const plain = { float: graph, quantized: await quantizeOnce(graph, dataset, source, options), source };
  const pairs = equalizationPairs(graph);
  if (options.equalize === false || options.previous !== undefined || pairs.length === 0) return plain;
  const ranges = await channelRanges(pairs, dataset, source);
  const equalized = equalize(graph, ranges);
  const equalizedSource = activationSource(equalized);
  const other = {
    float: equalized,
    quantized: await quantizeOnce(equalized, dataset, equalizedSource, options),
    source: equalizedSource,
  };
  const [before, after] = [
    await outputNoise(plain.quantized, dataset, source),
    await outputNoise(other.quantized, dataset, source),
  ];
  const isBetter = after > before + LEAST_GAIN_DB;
  steps.push(
    `${pairs.length} pairs of layers ${isBetter ? "equalized" : "left as they were"}: output noise ${before.toFixed(1)} dB as it was, ${after.toFixed(1)} dB equalized`,
  );
  return isBetter ? other : plain;
}

async function quantizeOnce(
  graph: Graph,
  dataset: Dataset,
  source: ActivationSource,
  options: QuantizeOptions,
): Promise<Graph> {
  const calibration = await calibrate(graph, dataset, source, {
    observer: OBSERVERS[options.calibrate ?? "minmax"],
    withMeans: options.biasCorrect ?? true,
    withCovariances: options.adaround ?? false,
    ...(options.progress && { progress: options.progress }),
  });
  const activations = assignActivations(graph, groupActivations(graph, "int8"), calibration.ranges, "int8");
  return buildQuantized(graph, activations, roundLayers(graph, activations, calibration, options), "int8");
}

/** Equalization must pay by this much: it makes the weights another model's in every report. */
const LEAST_GAIN_DB = 0.5;
/** Samples on which recipes are compared. */
const COMPARED_SAMPLES = 64;

/** Greatest magnitude per channel of each tensor between a pair of layers. */
async function channelRanges(
  pairs: readonly EqualizationPair[],
  dataset: Dataset,
  source: ActivationSource,
): Promise<Map<string, Float64Array>> {
  const ranges = new Map(pairs.map(({ tensor, channels }) => [tensor, new Float64Array(channels)]));
  for (let i = 0; i < dataset.count; i++) {
    const values = await source(dataset.sample(i));
    for (const [tensor, range] of ranges) {
      const array = values.get(tensor)!;
      for (let k = 0; k < array.length; k++) {
        const channel = k % range.length;
        range[channel] = Math.max(range[channel]!, Math.abs(array[k]!));
      }
    }
  }
  return ranges;
}

/** Signal over noise of the outputs in dB; before a softmax, which hides errors of confident answers. */
async function outputNoise(quantized: Graph, dataset: Dataset, source: ActivationSource): Promise<number> {
  const noise = new SignalToNoise();
  const last = quantized.operators.at(-1)!;
  const name = last.kind === "softmax" ? last.inputs[0]! : quantized.outputs[0]!;
  const model = openRunnable(quantized, { keep: true });
  const count = Math.min(dataset.count, COMPARED_SAMPLES);
  for (let i = 0; i < count; i++) {
    const sample = dataset.sample(Math.floor((i * dataset.count) / count));
    noise.add((await source(sample)).get(name)!, (await model.run(sample)).get(name)!);
  }
  return noise.decibels;
}

const DEFAULT_MAX_LOSS_POINTS = 0.2;
const DEFAULT_FIDELITY = 0.95;

function describeUpdate({ chosen, plainAccuracy, measure, withinLoss, maxLossPoints }: UpdateReport): string {
  const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
  const found = `${percent(chosen.changedShare)} of the weights differ from the previous model, about ${chosen.residualBytes} bytes; ${percent(chosen.fidelity)} of the change of the logits arrives; ${measure} ${percent(chosen.accuracy)} against ${percent(plainAccuracy)} without regard to it`;
  return withinLoss
    ? `update-aware: ${found}`
    : `update-aware rounding given up, it lost more than ${maxLossPoints} points or too much of the change: ${found}`;
}

const OBSERVERS: Record<NonNullable<QuantizeOptions["calibrate"]>, () => Observer> = {
  minmax: () => new MinMaxObserver(),
  percentile: () => new PercentileObserver(),
  entropy: () => new EntropyObserver(),
  mse: () => new MseObserver(),
};

function roundLayers(
  graph: Graph,
  activations: ReadonlyMap<string, Quantization>,
  calibration: Calibration,
  options: QuantizeOptions,
): Map<Linear, LayerCodes> {
  const layers = new Map<Linear, LayerCodes>();
  for (const layer of linearLayers(graph)) {
    const weights = graph.tensors.get(layer.inputs[1]!)!;
    const bias = floatConstant(graph, layer.inputs[2]);
    const inputScale = activations.get(layer.inputs[0]!)!.scale[0]!;
    const scale = weightScales(layer, weights, bias, inputScale);
    const nearest = nearestCodes(layer, weights, scale);
    const covariance = calibration.covariances.get(layer);
    const codes =
      covariance === undefined ? nearest : codesByCovariance(graph, layer, nearest, scale, covariance);
    const means = calibration.inputMeans.get(layer);
    const corrected =
      (options.biasCorrect ?? true) && means !== undefined
        ? correctedBias(graph, layer, codes, scale, bias, means)
        : bias === null
          ? null
          : Float64Array.from(bias);
    layers.set(layer, { codes, scale, bias: corrected });
  }
  return layers;
}

export function parameterBytes(graph: Graph): number {
  let bytes = 0;
  for (const { data } of graph.tensors.values()) bytes += data?.byteLength ?? 0;
  return bytes;
}
