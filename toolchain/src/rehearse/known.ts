import { type OperatorClient, parseManifest, type RolloutPlan } from "@mote/protocol";
import { UsageError } from "../errors.js";
import { invented, modelledOn, type Population } from "./population.js";
import type { ReleaseFacts } from "./releases.js";

/** What a rehearsal is told before it begins: the plan's devices and releases. */
export interface Known {
  readonly population: Population;
  readonly candidate: ReleaseFacts;
  readonly previous: ReleaseFacts | null;
}

/**
 * Reads the real fleet: who could be reached, by what bundle, and what they run. It asks and changes nothing.
 *
 * @throws UsageError when no device matches
 */
export async function knownByServer(
  client: OperatorClient,
  plan: RolloutPlan,
  limit: number,
): Promise<Known> {
  const { eligible, devices } = await client.rolloutSample({ plan, limit });
  if (devices.length === 0) {
    throw new UsageError({
      expected: "devices that the plan could reach",
      got: "none",
      todo: "Check the query: `mote rollout create --dry-run` says who is left out and why.",
    });
  }
  const { releases } = await client.releases();
  const ofProduct = releases.filter(({ product }) => product === plan.product);
  const factsOf = async (sequence: number): Promise<ReleaseFacts | null> => {
    const release = ofProduct.find((one) => one.sequence === sequence);
    if (release === undefined) return null;
    const { version, manifest } = release;
    return {
      name: plan.product,
      version,
      sequence,
      manifest: parseManifest(await client.blob(manifest.sha256)),
    };
  };
  const planned = ofProduct.find(({ version }) => version === plan.version)!;
  const candidate = (await factsOf(planned.sequence))!;
  const running = mostCommon(devices.map(({ runningSequence }) => runningSequence));
  const previous = running === null ? null : await factsOf(running);
  return {
    population: modelledOn(eligible, devices),
    candidate,
    // A release that the server no longer knows, or the very one to roll out: something older stands in.
    previous: previous?.sequence === candidate.sequence ? null : previous,
  };
}

/** Of the releases that devices run; null where none runs any. */
function mostCommon(sequences: readonly number[]): number | null {
  const counts = new Map<number, number>();
  for (const sequence of sequences) if (sequence > 0) counts.set(sequence, (counts.get(sequence) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null;
}

/** A fleet and releases out of thin air, for a plan that no server knows yet. */
export function knownByNobody(plan: RolloutPlan, count: number): Known {
  const { product: name, version } = plan;
  return {
    population: invented(plan, count),
    candidate: { name, version, sequence: 2, manifest: null },
    previous: { name, version: version === "0.0.1" ? "0.0.0" : "0.0.1", sequence: 1, manifest: null },
  };
}
