export { type EvaluateOptions, type Evaluation, evaluateModel } from "./evaluate.js";
export { evaluationHtml } from "./html.js";
export type { LayerError } from "./layers.js";
export {
  agreement,
  argMax,
  type Classification,
  type ClassScore,
  classify,
  SignalToNoise,
} from "./metrics.js";
export type { SliceScore, Slicing } from "./slices.js";
export { renderEvaluation } from "./terminal.js";
