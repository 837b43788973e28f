import { SignalToNoise } from "../../evaluate/metrics.js";
import { openRunnable } from "../../execute/runnable.js";
import type { Graph } from "../../graph/graph.js";
import { logitsOf } from "./logits.js";
import type { UpdateOptions } from "./options.js";

/** Samples on which logits are compared. */
const FIDELITY_SAMPLES = 200;

/** How much of the logits' change from old to new a candidate carries. */
export async function fidelityMeasurer(
  graph: Graph,
  old: Graph,
  { validation, activations }: Pick<UpdateOptions, "validation" | "activations">,
): Promise<(candidate: Graph) => Promise<number>> {
  const count = Math.min(validation.count, FIDELITY_SAMPLES);
  const samples = Array.from({ length: count }, (_, i) =>
    validation.sample(Math.floor((i * validation.count) / count)),
  );
  const wanted: Float32Array[] = [];
  for (const sample of samples) wanted.push((await activations(sample)).get(logitsOf(graph))!);
  const distance = async (candidate: Graph): Promise<number> => {
    const model = openRunnable(candidate, { keep: true });
    const noise = new SignalToNoise();
    for (const [i, sample] of samples.entries()) {
      noise.add(wanted[i]!, (await model.run(sample)).get(logitsOf(candidate))!);
    }
    return noise.noisePower;
  };
  const before = await distance(old);
  return async (candidate) => (before === 0 ? 1 : 1 - (await distance(candidate)) / before);
}
