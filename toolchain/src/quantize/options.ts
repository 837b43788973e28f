import type { Dataset } from "../data/dataset.js";
import type { Rounding } from "../execute/integer/fixed-point.js";
import type { Graph } from "../graph/graph.js";
import type { ActivationSource } from "./calibrate.js";
import type { UpdateReport } from "./update-aware/update.js";

export const CALIBRATION_METHODS = ["minmax", "percentile", "entropy", "mse"] as const;
export type CalibrationMethod = (typeof CALIBRATION_METHODS)[number];

export interface QuantizeOptions {
  /** How a tensor's range is chosen from what calibration saw. Default "minmax". */
  readonly calibrate?: CalibrationMethod;
  /** Default true. */
  readonly biasCorrect?: boolean;
  /** Round weights by the covariance of what they are multiplied with, not each to the nearest. Default false. */
  readonly adaround?: boolean;
  /** Cross-layer equalization where it pays on the calibration samples. Default true. */
  readonly equalize?: boolean;
  /** Where activations come from; ONNX Runtime by default. */
  readonly activations?: ActivationSource;
  /** The quantized model that devices hold: the new one is rounded to differ little from it. */
  readonly previous?: Graph;
  /** With `previous`: points of accuracy that may be lost against quantizing the new model plainly. Default 0.2. */
  readonly maxLossPoints?: number;
  /** With `previous`: how much of the change of the logits must arrive, 0 to 1. Default 0.95. */
  readonly leastFidelity?: number;
  /** With `previous`: samples on which that loss is measured. Default: the calibration samples. */
  readonly validation?: Dataset;
  readonly progress?: (done: number, total: number) => void;
}

/** What the recipe did, for people and for the model card. */
export interface QuantizeReport {
  readonly scheme: "int8";
  /** The rounding that the integer executor and generated code use. */
  readonly rounding: Rounding;
  readonly calibration: { readonly method: string; readonly samples: number };
  readonly steps: readonly string[];
  readonly parameterBytesBefore: number;
  readonly parameterBytesAfter: number;
  /** With `previous`: the curve of size against accuracy and what needs signing off. */
  readonly update?: UpdateReport;
}
