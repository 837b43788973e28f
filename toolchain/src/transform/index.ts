import type { Graph } from "../graph/graph.js";
import { foldBatchNorm } from "./fold-batch-norm.js";
import { foldConstants } from "./fold-constants.js";
import { fuseActivation } from "./fuse-activation.js";
import { removeDead } from "./remove-dead.js";
import { widenWeights } from "./widen-weights.js";

export { equalizationPairs, equalize } from "./equalize.js";
export { foldBatchNorm } from "./fold-batch-norm.js";
export { foldConstants } from "./fold-constants.js";
export { fuseActivation } from "./fuse-activation.js";
export { removeDead } from "./remove-dead.js";
export { widenWeights } from "./widen-weights.js";

/** Everything that leaves the numbers as they are and makes the graph smaller; what quantization and planning expect. */
export function simplify(graph: Graph): Graph {
  return fuseActivation(foldBatchNorm(foldConstants(widenWeights(removeDead(graph)))));
}
