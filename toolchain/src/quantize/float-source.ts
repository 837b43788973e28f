import { openRunnable } from "../execute/runnable.js";
import type { Graph } from "../graph/graph.js";
import type { ActivationSource } from "./calibrate.js";

/** Every activation of the float graph, by ONNX Runtime. */
export function activationSource(graph: Graph): ActivationSource {
  const model = openRunnable(graph, { keep: true });
  return (sample) => model.run(sample);
}
