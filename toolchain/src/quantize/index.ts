export type { ActivationSource } from "./calibrate.js";
export { CALIBRATION_METHODS, type CalibrationMethod } from "./methods.js";
export {
  type Kept,
  type QuantizeOptions,
  type QuantizeReport,
  type RecipeStep,
  SCHEMES,
  type Scheme,
} from "./options.js";
export { parameterBytes, quantizeGraph } from "./quantize.js";
export type { LayerNoise } from "./sensitivity.js";
