export * from "./integer/edge.js";
export {
  type QuantizedMultiplier,
  quantizeMultiplier,
  type Rounding,
  requantizeDouble,
  requantizeSingle,
} from "./integer/fixed-point.js";
export { type IntegerModel, type IntegerOptions, prepareInteger, runInteger } from "./integer/run.js";
