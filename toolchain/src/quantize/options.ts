import type { Rounding } from "../execute/integer/fixed-point.js";
import type { ActivationSource } from "./calibrate.js";

export interface QuantizeOptions {
  /** How a tensor's range is chosen from what calibration saw. Default "minmax". */
  readonly calibrate?: "minmax";
  /** Default true. */
  readonly biasCorrect?: boolean;
  /** Where activations come from; ONNX Runtime by default. */
  readonly activations?: ActivationSource;
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
}
