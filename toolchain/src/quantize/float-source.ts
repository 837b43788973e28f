import { MissingToolError } from "../errors.js";
import type { Graph } from "../graph/graph.js";
import type { ActivationSource } from "./calibrate.js";

/** Every activation of the float graph, by ONNX Runtime. */
export function activationSource(graph: Graph): Promise<ActivationSource> {
  throw new MissingToolError({
    expected: `a float executor for "${graph.name}"`,
    got: "none",
    todo: "Hand one in (options.activations).",
  });
}
