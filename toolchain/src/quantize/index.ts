export type { ActivationSource } from "./calibrate.js";
export {
  CALIBRATION_METHODS,
  type CalibrationMethod,
  type QuantizeOptions,
  type QuantizeReport,
} from "./options.js";
export { parameterBytes, quantizeGraph } from "./quantize.js";
