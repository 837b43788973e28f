import type { RolloutPlan, WebhookKind } from "@mote/protocol";
import { wavesOf } from "../rollout/blueGreen.js";
import type { ReleaseRecord } from "../store/releases.js";

/** Something that people wait for, before anybody is told of it. */
export interface Notice {
  readonly kind: WebhookKind;
  readonly atMs: number;
  readonly data: Readonly<Record<string, string | number | null>>;
}

/** The part of a rollout's state that notices speak of. */
interface RolloutFacts {
  readonly id: string;
  readonly plan: Pick<RolloutPlan, "product" | "version" | "waves" | "strategy" | "switch">;
  readonly name: string;
  readonly reason: string;
  readonly currentWave: number;
  readonly waves: readonly { readonly openedAtMs: number | null; readonly members: number }[];
}

/** What is worth telling of a step. @param before null for a rollout that has just been made. */
export function rolloutNotices(before: RolloutFacts | null, after: RolloutFacts, atMs: number): Notice[] {
  const wave = after.waves[after.currentWave];
  const data = {
    rollout: after.id,
    product: after.plan.product,
    version: after.plan.version,
    state: after.name,
    reason: after.reason,
    wave: wavesOf(after.plan)[after.currentWave]?.name ?? null,
    waveDevices: wave?.members ?? null,
  };
  const notices: Notice[] = [];
  if (before?.name !== after.name) notices.push({ kind: `rollout.${after.name}` as WebhookKind, atMs, data });
  const isOpen = wave !== undefined && wave.openedAtMs !== null;
  if (isOpen && before?.waves[after.currentWave]?.openedAtMs !== wave.openedAtMs) {
    notices.push({ kind: "rollout.wave", atMs, data });
  }
  return notices;
}

export function releaseNotice(release: ReleaseRecord): Notice {
  const { product, version, sequence, manifestSha256, uploadedAtMs } = release;
  return {
    kind: "release.uploaded",
    atMs: uploadedAtMs,
    data: { product, version, sequence, manifestSha256 },
  };
}
