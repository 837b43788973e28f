import {
  agreement,
  type DeviceDetail,
  type DeviceRollout,
  meanConfidence,
  meanLatencyUs,
  probeAccuracy,
} from "@mote/protocol";
import type { Clock } from "../clock.js";
import { wavesOf } from "../rollout/blueGreen.js";
import type { RolloutEngine } from "../rollout/engine.js";
import { preconditionsOf } from "../rollout/limits.js";
import { unmetByServer } from "../rollout/waits.js";
import { type DeviceRecord, findDevice } from "../store/devices.js";
import { trendOf } from "../store/figures.js";
import { membersOfDevice } from "../store/memberViews.js";
import { listReports } from "../store/reports.js";
import type { Member } from "../store/rollouts.js";
import type { Db } from "../store/store.js";
import { telemetryByRelease } from "../store/telemetry.js";
import { deviceView, type VersionNames, versionNames } from "./views.js";

const STORY_LIMITS = { reports: 200, rollouts: 100, trend: 240 } as const;

export interface StoryParts {
  readonly engine: RolloutEngine;
  readonly clock: Clock;
}

/** Everything that the server knows of one device; null when it has never enrolled. */
export async function deviceStory(db: Db, id: string, parts: StoryParts): Promise<DeviceDetail | null> {
  const device = await findDevice(db, id);
  if (device === null) return null;
  const names = await versionNames(db);
  const members = await membersOfDevice(db, id, STORY_LIMITS.rollouts);
  const telemetry = await telemetryByRelease(db, id);
  const reports = await listReports(db, id, STORY_LIMITS.reports);
  const told = [
    ...reports.map(({ report }) => report.targetSequence),
    ...telemetry.map(({ releaseSequence }) => Math.abs(releaseSequence)),
  ];
  return {
    device: deviceView(device, names),
    next: await nextOf(db, device, names, parts),
    rollouts: members.flatMap((member) => rolloutOf(member, device.product, names, parts.engine)),
    versions: [...new Set(told)].flatMap((sequence) => {
      const version = names(device.product, sequence);
      return version === null ? [] : [{ sequence, version }];
    }),
    reports,
    trend: await trendOf(db, id, STORY_LIMITS.trend),
    telemetry: telemetry.map(({ releaseSequence, sums }) => ({
      releaseSequence: Math.abs(releaseSequence),
      inShadow: releaseSequence < 0,
      agreement: agreement(sums),
      windows: sums.windows,
      inferences: sums.inferences,
      errors: sums.errors,
      meanConfidence: meanConfidence(sums),
      probeAccuracy: probeAccuracy(sums),
      meanLatencyUs: meanLatencyUs(sums),
    })),
  };
}

async function nextOf(
  db: Db,
  device: DeviceRecord,
  names: VersionNames,
  { engine, clock }: StoryParts,
): Promise<DeviceDetail["next"]> {
  const found = await engine.membership.desired(db, device);
  if (found === null) return null;
  const { rollout, kind, sequence } = found.desired;
  return {
    rolloutId: rollout.id,
    kind,
    version: names(device.product, sequence),
    unmet: unmetByServer(preconditionsOf(found.desired), device, clock()),
  };
}

function rolloutOf(
  member: Member,
  product: string,
  names: VersionNames,
  engine: RolloutEngine,
): DeviceRollout[] {
  const state = engine.list().find(({ id }) => id === member.rolloutId);
  if (state === undefined) return [];
  const { attempts, code, detail, offeredAtMs, settledAtMs, retryAtMs, downloadedBytes, codec } = member;
  return [
    {
      rolloutId: state.id,
      version: state.plan.version,
      rolloutState: state.name,
      wave: wavesOf(state.plan)[member.wave]?.name ?? "",
      previousVersion: names(product, member.previousSequence),
      state: member.state,
      code,
      detail,
      attempts,
      offeredAtMs,
      settledAtMs,
      retryAtMs,
      downloadedBytes,
      codec,
    },
  ];
}
