import { codesFor, type GoldenCodes, type GoldenVectors, roundToCodes } from "@mote/protocol";
import type { Runner } from "./runner.js";

/**
 * The model's answers to the samples, or to the samples in steps of a byte where it takes floats: a quarter to send, and
 * as good a proof. A model to which the steps matter (features of very different size in one input) gets its floats.
 */
export async function goldenVectors(
  runner: Runner,
  samples: readonly Float32Array[],
  tolerance: number,
): Promise<{ vectors: GoldenVectors; codes?: GoldenCodes }> {
  const exact = await answersTo(runner, samples);
  const codes = runner.input.dtype === "float32" ? codesFor(samples) : null;
  if (codes === null) return { vectors: vectorsOf(exact) };
  const stepped = await answersTo(
    runner,
    samples.map((sample) => roundToCodes(sample, codes)),
  );
  const moves = stepped.some(({ real }, i) =>
    real.some((value, at) => !(Math.abs(value - exact[i]!.real[at]!) <= tolerance)),
  );
  return moves ? { vectors: vectorsOf(exact) } : { vectors: vectorsOf(stepped), codes };
}

type Answer = Awaited<ReturnType<Runner["run"]>>;

async function answersTo(runner: Runner, samples: readonly Float32Array[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const sample of samples) answers.push(await runner.run(sample));
  return answers;
}

function vectorsOf(answers: readonly Answer[]): GoldenVectors {
  return { inputs: answers.map(({ input }) => input), outputs: answers.map(({ output }) => output) };
}
