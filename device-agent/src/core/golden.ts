import { decodeGolden, type GoldenBlobs, type Variant } from "@mote/protocol";
import { elements, toCodes } from "./judgement.js";
import type { BlobStore, InferenceEngine, LoadedModel } from "./ports.js";

export interface GoldenResult {
  readonly passed: boolean;
  /** Greatest difference of any output element, in the output's own unit. */
  readonly worst: number;
  readonly detail: string;
}

/**
 * Loads the variant's artifact as held, and tries its golden vectors.
 *
 * @throws what tryGolden throws, AgentStateError where a blob has decayed
 */
export async function proveVariant(
  variant: Variant,
  blobs: Pick<BlobStore, "read">,
  engine: InferenceEngine,
): Promise<GoldenResult> {
  const { artifact, golden, input, output } = variant;
  const vectors = {
    inputs: await blobs.read(golden.inputs.sha256),
    outputs: await blobs.read(golden.outputs.sha256),
  };
  const read = () => blobs.read(artifact.sha256);
  const model = await engine.open({ sha256: artifact.sha256, input, output, read });
  try {
    return await tryGolden(model, vectors, variant);
  } finally {
    await model.close();
  }
}

/**
 * Runs the bundle's golden vectors on a candidate model.
 *
 * @throws BundleFormatError for vectors that are not the variant's, InferenceError when the model does not run
 */
export async function tryGolden(
  model: LoadedModel,
  blobs: GoldenBlobs,
  variant: Variant,
): Promise<GoldenResult> {
  const { inputs, outputs } = decodeGolden(blobs, variant);
  const { tolerance } = variant.golden;
  let worst = 0;
  for (const [i, input] of inputs.entries()) {
    const { output } = await model.run(input);
    const got = toCodes(output, variant.output);
    const wanted = toCodes(outputs[i]!, variant.output);
    for (let at = 0; at < elements(variant.output); at++) {
      const difference = Math.abs(got[at]! - wanted[at]!);
      // Written so that NaN fails.
      if (difference <= tolerance) {
        worst = Math.max(worst, difference);
        continue;
      }
      return {
        passed: false,
        worst: difference,
        detail: `golden vector ${i}, element ${at}: expected ${wanted[at]} within ${tolerance}, got ${got[at]}`,
      };
    }
  }
  return { passed: true, worst, detail: `${inputs.length} golden vectors, worst difference ${worst}` };
}
