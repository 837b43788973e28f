import type { Dataset } from "../data/dataset.js";
import type { Rounding } from "../execute/integer/fixed-point.js";
import type { Graph } from "../graph/graph.js";
import type { ActivationSource } from "./calibrate.js";
import type { CalibrationMethod } from "./methods.js";
import type { LayerNoise } from "./sensitivity.js";
import type { UpdateReport } from "./update-aware/options.js";

/** int8: all in 8 bits. int16x8: activations int16, weights int8, biases int64. */
export const SCHEMES = ["int8", "int16x8"] as const;
export type Scheme = (typeof SCHEMES)[number];

/** Layers kept wider than the scheme, by the name of an operator or of the tensor that it makes. */
export interface Kept {
  readonly int16: readonly string[];
  readonly float: readonly string[];
}

export interface QuantizeOptions {
  /** Default "int8". */
  readonly scheme?: Scheme;
  /** How a tensor's range is chosen from what calibration saw; "auto", the default, tries and compares. */
  readonly calibrate?: CalibrationMethod | "auto";
  /** Default true. */
  readonly biasCorrect?: boolean;
  /** Round weights by the covariance of what they are multiplied with, not each to the nearest. Default false. */
  readonly adaround?: boolean;
  /** Cross-layer equalization where it pays on the calibration samples. Default true. */
  readonly equalize?: boolean;
  readonly keep?: Kept;
  /** Keep this many of the noisiest activations at int16. Default 0. */
  readonly keepWorst?: number;
  /** Keep as many of the noisiest activations at int16 as it takes to reach this signal over noise, in dB. */
  readonly leastSqnrDb?: number;
  /** Measure what each layer's quantization alone costs; needed, and done, for the two above. Default false. */
  readonly sensitivity?: boolean;
  /** Where activations come from; ONNX Runtime by default. */
  readonly activations?: ActivationSource;
  /** The quantized model that devices hold: the new one is rounded to differ little from it. */
  readonly previous?: Graph;
  /** With `previous`: points of accuracy that may be lost against quantizing the new model plainly. Default 0.2. */
  readonly maxLossPoints?: number;
  /** With `previous`: how much of the change of the logits must arrive, 0 to 1. Default 0.95. */
  readonly leastFidelity?: number;
  /**
   * With `previous`: samples on which that loss is measured, other than those of calibration. Default: every other one of
   * the calibration samples, to which the rounding is then not fitted.
   */
  readonly validation?: Dataset;
  /** With `previous`: bytes of the patch to a candidate, for the curve of the report. */
  readonly patchBytes?: (candidate: Graph) => Promise<number>;
  /** With `previous`: also try sizes of the update beside the one that is asked for. Default false. */
  readonly wholeCurve?: boolean;
  /** With `previous`: progress of the search for the price of a bit. */
  readonly updateProgress?: (done: number, total: number) => void;
  readonly progress?: (done: number, total: number) => void;
  /** Progress of the sensitivity measurement, in layers. */
  readonly sensitivityProgress?: (done: number, total: number) => void;
}

/** One decision of the recipe: what was done, and why, in words; the figures it was taken by. */
export interface RecipeStep {
  readonly step:
    | "simplify"
    | "equalize"
    | "calibrate"
    | "ranges"
    | "keep"
    | "round"
    | "bias-correction"
    | "update"
    | "refit";
  readonly text: string;
  /** Signal over output noise in dB of the candidates that were compared, by name. */
  readonly outputSqnrDb?: Readonly<Record<string, number>>;
}

/** What the recipe did, for people and for the model card. */
export interface QuantizeReport {
  readonly scheme: Scheme;
  /** The rounding that the integer executor and generated code use. */
  readonly rounding: Rounding;
  readonly calibration: { readonly method: CalibrationMethod; readonly samples: number };
  /** The texts of `recipe`. */
  readonly steps: readonly string[];
  readonly recipe: readonly RecipeStep[];
  /** Tensors that ended up wider than the scheme, and operators that stayed float. */
  readonly kept: { readonly int16: readonly string[]; readonly float: readonly string[] };
  /** Noisiest first; only where it was measured. */
  readonly sensitivity?: readonly LayerNoise[];
  readonly parameterBytesBefore: number;
  readonly parameterBytesAfter: number;
  /** With `previous`: the curve of size against accuracy and what needs signing off. */
  readonly update?: UpdateReport;
}
