export type { ActivationSource } from "./calibrate.js";
export type { QuantizeOptions, QuantizeReport } from "./options.js";
export { parameterBytes, quantizeGraph } from "./quantize.js";
