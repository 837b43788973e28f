export { type EvaluateOptions, type Evaluation, evaluateModel, type LayerError } from "./evaluate.js";
export { evaluationHtml } from "./html.js";
export {
  agreement,
  argMax,
  type Classification,
  type ClassScore,
  classify,
  SignalToNoise,
} from "./metrics.js";
