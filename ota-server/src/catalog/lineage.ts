import type { LineageAnswer, LineageNode, RolloutView } from "@mote/protocol";
import type { ReleaseRecord } from "../store/releases.js";

/** Who was made from whom. Pure. */

type Kin = Omit<LineageAnswer, "field">;
export type RolloutOf = Pick<RolloutView, "id" | "state" | "sequence">;

/** Longer lines are cut: a picture of more says nothing. */
const MAX_ANCESTORS = 32;

/**
 * @param known all releases of the product.
 * @param rollouts of the product.
 * @param devicesOn how many devices run a release now.
 */
export function kinOf(
  release: ReleaseRecord,
  known: readonly ReleaseRecord[],
  rollouts: readonly RolloutOf[],
  devicesOn: (sequence: number) => number,
): Kin {
  const byDigest = new Map(known.map((one) => [one.manifestSha256, one]));
  const parentOf = ({ manifest }: ReleaseRecord) =>
    byDigest.get(manifest.lineage.parentManifestSha256 ?? "") ?? null;
  const node = (one: ReleaseRecord): LineageNode => {
    const { lineage } = one.manifest;
    return {
      version: one.version,
      sequence: one.sequence,
      manifestSha256: one.manifestSha256,
      parent: parentOf(one)?.version ?? null,
      sourceModelSha256: lineage.sourceModelSha256,
      trainingDataSha256: lineage.trainingDataSha256 ?? null,
      recipe: lineage.recipe,
      toolVersion: lineage.toolVersion,
      devices: devicesOn(one.sequence),
      rollouts: rollouts
        .filter(({ sequence }) => sequence === one.sequence)
        .map(({ id, state }) => ({ id, state })),
    };
  };
  const ancestors: LineageNode[] = [];
  // A manifest names its parent by digest, so the line can't run in a circle.
  for (let at = parentOf(release); at !== null && ancestors.length < MAX_ANCESTORS; at = parentOf(at)) {
    ancestors.push(node(at));
  }
  const children = known.filter((one) => parentOf(one)?.manifestSha256 === release.manifestSha256);
  return { release: node(release), ancestors, children: children.map(node) };
}
