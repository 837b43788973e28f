import type { Graph, Quantization } from "../graph/graph.js";
import { floatConstant } from "../transform/edges.js";
import { assignActivations, buildQuantized, type DTypeOf, type LayerCodes } from "./assign.js";
import { correctedBias } from "./bias-correction.js";
import type { Bordered } from "./borders.js";
import type { Calibration, InputMeansByLayer } from "./calibrate.js";
import { groupActivations } from "./groups.js";
import { codesByCovariance } from "./learned-rounding.js";
import { isLinear, type Weighted, weightedLayers } from "./linear.js";
import type { CalibrationMethod } from "./methods.js";
import { nearestCodes, weightScales } from "./weights.js";

export interface RoundOptions {
  readonly method: CalibrationMethod;
  /** What biases are corrected by; null leaves them as they are. */
  readonly means: InputMeansByLayer | null;
}

/** The integer graph that calibration, a method for ranges and the widths of the layers make of a float graph. */
export function roundGraph(bordered: Bordered, calibration: Calibration, options: RoundOptions): Graph {
  const { graph, widthOf, sourceOf } = bordered;
  const dtypeOf: DTypeOf = (name) => {
    const width = widthOf(name);
    return width === "float" ? null : width;
  };
  const activations = assignActivations(
    graph,
    groupActivations(graph, dtypeOf),
    // Clipping pays only where codes are scarce: int16 takes the whole range.
    (name) => calibration.range(sourceOf(name), dtypeOf(name) === "int16" ? "minmax" : options.method),
    dtypeOf,
  );
  return buildQuantized(graph, activations, layerCodes(bordered, activations, calibration, options), dtypeOf);
}

/** Codes, scales and biases of all layers that are not kept in floating point. */
export function layerCodes(
  { graph, widthOf }: Bordered,
  activations: ReadonlyMap<string, Quantization>,
  calibration: Calibration,
  options: RoundOptions,
): Map<Weighted, LayerCodes> {
  const layers = new Map<Weighted, LayerCodes>();
  for (const layer of weightedLayers(graph)) {
    const width = widthOf(layer.outputs[0]!);
    if (width === "float") continue;
    const weights = graph.tensors.get(layer.inputs[1]!)!;
    const bias = floatConstant(graph, layer.inputs[2]);
    const inputScale = activations.get(layer.inputs[0]!)!.scale[0]!;
    const scale = weightScales(layer, weights, bias, inputScale);
    const nearest = nearestCodes(layer, weights, scale);
    if (!isLinear(layer)) {
      layers.set(layer, { codes: nearest, scale, bias: bias && Float64Array.from(bias) });
      continue;
    }
    const covariance = calibration.covariances.get(layer.name);
    const codes =
      covariance === undefined ? nearest : codesByCovariance(graph, layer, nearest, scale, covariance);
    const means = options.means?.get(layer.name);
    const corrected =
      means === undefined
        ? bias && Float64Array.from(bias)
        : correctedBias(graph, layer, codes, scale, bias, means);
    layers.set(layer, { codes, scale, bias: corrected });
  }
  return layers;
}
