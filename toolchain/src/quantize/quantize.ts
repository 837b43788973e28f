import type { Dataset } from "../data/dataset.js";
import { hasIntegerKernel } from "../execute/integer/run.js";
import type { Graph, Quantization } from "../graph/graph.js";
import { floatConstant } from "../transform/edges.js";
import { simplify } from "../transform/index.js";
import { assignActivations, buildQuantized, type LayerCodes, requireQuantizable } from "./assign.js";
import { correctedBias } from "./bias-correction.js";
import { type Calibration, calibrate } from "./calibrate.js";
import { activationSource } from "./float-source.js";
import { groupActivations } from "./groups.js";
import { EntropyObserver, MseObserver, PercentileObserver } from "./histogram.js";
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
  const graph = simplify(floatGraph);
  steps.push(
    `${floatGraph.operators.length} operators simplified to ${graph.operators.length}: batch normalisation folded, activations fused`,
  );
  requireQuantizable(graph, hasIntegerKernel);
  const method = options.calibrate ?? "minmax";
  const source = options.activations ?? activationSource(graph);
  const calibration = await calibrate(graph, dataset, source, {
    observer: OBSERVERS[method],
    withMeans: options.biasCorrect ?? true,
    ...(options.progress && { progress: options.progress }),
  });
  steps.push(`${calibration.samples} samples observed, ranges by ${method}`);
  const groups = groupActivations(graph, "int8");
  const activations = assignActivations(graph, groups, calibration.ranges, "int8");
  const layers = roundLayers(graph, activations, calibration, options);
  steps.push(`${layers.size} layers: int8 weights per output channel, nearest rounding`);
  if (options.biasCorrect ?? true) steps.push("biases corrected for the mean error of the rounded weights");
  const plain = buildQuantized(graph, activations, layers, "int8");
  const update =
    options.previous === undefined
      ? null
      : await quantizeUpdate(graph, options.previous, plain, dataset, {
          maxLossPoints: options.maxLossPoints ?? DEFAULT_MAX_LOSS_POINTS,
          validation: options.validation ?? dataset,
          activations: source,
        });
  if (update !== null) steps.push(describeUpdate(update.report));
  const quantized = update?.graph ?? plain;
  return {
    graph: quantized,
    report: {
      scheme: "int8",
      rounding: "double",
      calibration: { method, samples: calibration.samples },
      steps,
      parameterBytesBefore: parameterBytes(floatGraph),
      parameterBytesAfter: parameterBytes(quantized),
      ...(update && { update: update.report }),
    },
  };
}

const DEFAULT_MAX_LOSS_POINTS = 0.2;

function describeUpdate({ chosen, plainAccuracy, measure, withinLoss, maxLossPoints }: UpdateReport): string {
  const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
  const found = `${percent(chosen.changedShare)} of the weights differ from the previous model, about ${chosen.residualBytes} bytes; ${measure} ${percent(chosen.accuracy)} against ${percent(plainAccuracy)} without regard to it`;
  return withinLoss
    ? `update-aware: ${found}`
    : `update-aware rounding given up, it lost more than ${maxLossPoints} points: ${found}`;
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
    const codes = nearestCodes(layer, weights, scale);
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
