import {
  errorRate,
  type Metric,
  meanConfidence,
  meanLatencyUs,
  probeAccuracy,
  type TelemetrySums,
} from "@mote/protocol";
import { listCandidates } from "../store/devices.js";
import type { Member } from "../store/rollouts.js";
import type { Db } from "../store/store.js";
import { sumTelemetry, windowsByDevice } from "../store/telemetry.js";
import { cohortOf } from "./cohort.js";
import { type Evidence, windowsOfLook } from "./gates/telemetryGate.js";
import { filterOf } from "./plan.js";
import { currentThreshold, type RolloutState } from "./state.js";

export const EVIDENCE_LIMITS = {
  /** A device's own past that its present is compared with. */
  baselineMs: 7 * 86_400_000,
  /** Windows that a device must have before and after; fewer are too noisy to be a device's voice. */
  minWindows: 2,
  /** Devices per group that are read; more add cost and no certainty that matters. */
  maxDevices: 500,
} as const;

/** Windows on the new release, of the middle one of the devices that were offered it; 0 while most have none. */
export async function middleWindows(
  db: Db,
  rollout: RolloutState,
  members: readonly Member[],
): Promise<number> {
  const alive = members.filter((member) => member.state === "confirmed" || member.state === "offered");
  if (alive.length === 0) return 0;
  const windows = await windowsByDevice(db, rollout.id, rollout.sequence);
  const sorted = alive.map((member) => windows.get(member.deviceId) ?? 0).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Is any gate's next look due? Otherwise there is no need to read the evidence. */
export function isLookDue(rollout: RolloutState, windows: number): boolean {
  const wave = rollout.waves[rollout.currentWave]!;
  return rollout.plan.gates.telemetry.some(({ metric }) => {
    const looks = wave.gates.find((gate) => gate.gate === metric)?.looks ?? 0;
    return windows >= windowsOfLook(looks + 1);
  });
}

/** Why the current wave has nothing to be compared with; null where it has. */
export function withoutComparison(rollout: RolloutState, members: readonly Member[]): string | null {
  const wave = rollout.waves[rollout.currentWave]!;
  if (wave.members === 0) return "no device belongs to this wave";
  if (wave.control === 0) return "no control group is left in this wave";
  if (members.length > 0 && members.every((member) => member.previousSequence === 0)) {
    return "these devices had no release before, so there is nothing to be worse than";
  }
  return null;
}

/** Each device's worsening since its own baseline, by metric, for the wave and for the control group. */
export async function collectEvidence(
  db: Db,
  rollout: RolloutState,
  members: readonly Member[],
  nowMs: number,
): Promise<Evidence[]> {
  const openedAtMs = rollout.waves[rollout.currentWave]!.openedAtMs ?? nowMs;
  const wave: Comparison[] = [];
  for (const member of members.slice(0, EVIDENCE_LIMITS.maxDevices)) {
    if (member.state !== "confirmed" && member.state !== "offered") continue;
    const from = member.offeredAtMs - EVIDENCE_LIMITS.baselineMs;
    wave.push({
      before: await sumTelemetry(db, member.deviceId, member.previousSequence, from, member.offeredAtMs),
      after: await sumTelemetry(db, member.deviceId, rollout.sequence, openedAtMs, nowMs + 1),
    });
  }
  const control: Comparison[] = [];
  for (const { id, sequence } of await controlGroup(db, rollout)) {
    control.push({
      before: await sumTelemetry(db, id, sequence, openedAtMs - EVIDENCE_LIMITS.baselineMs, openedAtMs),
      after: await sumTelemetry(db, id, sequence, openedAtMs, nowMs + 1),
    });
  }
  return rollout.plan.gates.telemetry.map(({ metric }) => evidenceFor(metric, wave, control));
}

interface Comparison {
  readonly before: TelemetrySums;
  readonly after: TelemetrySums;
}

/** Devices that match the query, lie beyond the wave's threshold and are not on the new release. */
async function controlGroup(db: Db, rollout: RolloutState): Promise<{ id: string; sequence: number }[]> {
  const threshold = currentThreshold(rollout);
  const candidates = await listCandidates(db, filterOf(rollout.plan));
  return candidates
    .map((device) => ({ device, cohort: cohortOf(rollout.salt, device.id) }))
    .filter(({ device, cohort }) => cohort >= threshold && device.runningSequence !== rollout.sequence)
    .sort((a, b) => a.cohort - b.cohort)
    .slice(0, EVIDENCE_LIMITS.maxDevices)
    .map(({ device }) => ({ id: device.id, sequence: device.runningSequence }));
}

/** Worsening of one device: positive is worse, in the unit of the metric's margin (protocol/api/rollout.ts). */
const WORSENING: Record<Metric, (before: TelemetrySums, after: TelemetrySums) => number | null> = {
  confidence: (before, after) => change(meanConfidence(after), meanConfidence(before)),
  accuracy: (before, after) => change(probeAccuracy(after), probeAccuracy(before)),
  errorRate: (before, after) => change(errorRate(before), errorRate(after)),
  latency: (before, after) => {
    const [was, is] = [meanLatencyUs(before), meanLatencyUs(after)];
    // Too fast to be measured: then it can't have become slow enough to matter.
    return was === null || is === null ? null : was === 0 ? 0 : is / was - 1;
  },
};

function change(from: number | null, to: number | null): number | null {
  return from === null || to === null ? null : to - from;
}

function evidenceFor(metric: Metric, wave: readonly Comparison[], control: readonly Comparison[]): Evidence {
  const values = (group: readonly Comparison[]) =>
    group
      .filter(
        ({ before, after }) =>
          before.windows >= EVIDENCE_LIMITS.minWindows && after.windows >= EVIDENCE_LIMITS.minWindows,
      )
      .map(({ before, after }) => WORSENING[metric](before, after))
      .filter((value) => value !== null);
  const hasProbes = [...wave, ...control].some(
    ({ before, after }) => before.probesSeen + after.probesSeen > 0,
  );
  const notApplicable =
    metric === "accuracy" && !hasProbes ? "no device of these groups reports labelled probes" : null;
  return { metric, wave: values(wave), control: values(control), notApplicable };
}
