import type { Graph } from "../graph/graph.js";
import { Differentiable } from "./differentiable.js";
import type { Training } from "./tensorflow.js";
import { accuracy, predict, type Samples } from "./trainer.js";

export interface Comparison {
  /** null where the data have no labels. */
  readonly accuracyBefore: number | null;
  readonly accuracyAfter: number | null;
  /** Share of samples on which both give the same class; null for models with a single output. */
  readonly agreement: number | null;
}

/** Runs two float models over the same data. */
export function compareModels(training: Training, before: Graph, after: Graph, data: Samples): Comparison {
  const [first, second] = [logitsOf(training, before, data), logitsOf(training, after, data)];
  const { labels } = data;
  return {
    accuracyBefore: labels === undefined ? null : accuracy(first, labels),
    accuracyAfter: labels === undefined ? null : accuracy(second, labels),
    agreement: first.length === data.count ? null : accuracy(second, classes(first, data.count)),
  };
}

function logitsOf(training: Training, graph: Graph, data: Samples): Float32Array {
  const model = new Differentiable(training, graph);
  try {
    return predict(model, data);
  } finally {
    model.dispose();
  }
}

function classes(logits: Float32Array, count: number): Int32Array {
  const width = logits.length / count;
  return Int32Array.from({ length: count }, (_, i) => {
    const row = logits.subarray(i * width, (i + 1) * width);
    return row.indexOf(Math.max(...row));
  });
}
