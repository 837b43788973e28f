import type { RolloutPlan } from "@mote/protocol";
import { DRAW_MODULUS } from "../store/draw.js";
import { BUCKETS, bucketOf, type PopulationQuestion, sampleEligible } from "../store/population.js";
import type { Db } from "../store/store.js";

/** What a draw will ask of the devices' order. */
export interface Boundaries {
  readonly waves: readonly Pick<RolloutPlan["waves"][number], "share" | "count">[];
  /** Devices that are named at the beginning of the order. */
  readonly first: number;
  /** Devices that are named beyond the boundary of each wave. */
  readonly beyond: number;
  /** A threshold that holds already. */
  readonly atLeast?: number;
}

export const LIKELY_LIMITS = {
  /** Devices whose eligibility is looked up to learn roughly how many there are. */
  sample: 1000,
  /** Places that a count may list: more would cost as much as a second reading of the devices. */
  maxPlaces: 20_000,
  /** Standard deviations; beyond it lies one boundary in some ten thousand, which is then read by itself. */
  deviations: 4,
};

/**
 * Buckets in which the boundaries of these waves will probably lie: places are uniform, so the device of rank k of n is
 * near k/n of the way. Only a guess of where to look: what is found there is counted exactly, and a boundary that lies
 * elsewhere is looked up by a second reading of the devices.
 */
export async function likelyBuckets(
  db: Db,
  question: PopulationQuestion,
  { waves, first, beyond, atLeast = 0 }: Boundaries,
  { sample, maxPlaces, deviations } = LIKELY_LIMITS,
): Promise<ReadonlySet<number>> {
  const { found, share: sampled } = await sampleEligible(db, question, sample);
  const doubt = sampled === 1 ? 0 : deviations * Math.sqrt(found + 1) + 1;
  const most = (found + doubt) / sampled;
  if (most <= maxPlaces) return new Set(Array.from({ length: BUCKETS }, (_, bucket) => bucket));
  const least = Math.max(1, (found - doubt) / sampled);
  const listed = new Set<number>();
  const add = (from: number, to: number) => {
    const [low, high] = [bucketAt(from), bucketAt(to)];
    if (((high - low + 1 + listed.size) / BUCKETS) * most > maxPlaces) return;
    for (let bucket = low; bucket <= high; bucket++) listed.add(bucket);
  };
  const rank = (part: number) => deviations * Math.sqrt((part * (1 - part)) / least);
  add(0, (2 * first) / least);
  if (atLeast > 0) add(atLeast, atLeast + (2 * beyond) / least);
  for (const { share, count } of waves) {
    const from = Math.min(1, share ?? (count ?? 0) / most);
    const to = Math.min(1, share ?? (count ?? 0) / least);
    if (from < 1) add(from - rank(from), to + rank(to) + (1.2 * (beyond + 1)) / least);
  }
  return listed;
}

function bucketAt(part: number): number {
  return bucketOf(Math.max(0, Math.min(DRAW_MODULUS - 1, Math.floor(part * DRAW_MODULUS))));
}
