import { type ArtifactRef, DDI_PATHS } from "@mote/protocol";
import type { Desired } from "../rollout/desired.js";
import type { RolloutState } from "../rollout/state.js";
import type { ReleaseRecord } from "../store/releases.js";

/**
 * DDI numbers its actions, and clients read them as numbers. A rollout asks a device for at most two things, so its
 * number and which of the two make the action's: no table of actions to keep, and a restart changes nothing.
 */
export function actionOf(rollout: Pick<RolloutState, "number">, kind: Desired["kind"]): number {
  return 2 * rollout.number + (kind === "rollback" ? 1 : 0);
}

export function rolloutOfAction(action: number): { number: number; kind: Desired["kind"] } {
  return { number: Math.floor(action / 2), kind: action % 2 === 1 ? "rollback" : "update" };
}

/** The one file that a device of this hardware gets: an image made for its client, or the model's own artifact. */
export interface DdiFile {
  readonly filename: string;
  readonly artifact: ArtifactRef;
}

/** Null where the release has nothing for this hardware. */
export function fileFor(release: ReleaseRecord, hardware: string): DdiFile | null {
  const { variants, images = [], name, version } = release.manifest;
  const image = images.find((one) => one.hardware.includes(hardware));
  if (image !== undefined) return { filename: image.filename, artifact: image.artifact };
  const variant = variants.find((one) => one.hardware.includes(hardware));
  if (variant === undefined) return null;
  const ending = variant.format === "onnx" ? "onnx" : "params";
  return { filename: `${name}-${version}.${ending}`, artifact: variant.artifact };
}

/** Where the device's links lead: its own address of the server, its tenant as it wrote it. */
export interface DdiAddress {
  readonly origin: string;
  readonly tenant: string;
  readonly id: string;
}

export function deploymentLink({ origin, tenant, id }: DdiAddress, action: number): { href: string } {
  return { href: `${origin}${DDI_PATHS.deployment(tenant, id, action)}` };
}
