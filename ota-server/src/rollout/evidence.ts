import { agreement, errorRate, type Metric, meanLatencyUs, probeAccuracy } from "@mote/protocol";
import { listControls } from "../store/controls.js";
import type { Member, MemberCounts } from "../store/rollouts.js";
import type { Db } from "../store/store.js";
import { type DeviceSums, type SumsWanted, shadowKey, sumByDevice } from "../store/telemetry.js";
import { isBlueGreenPlan } from "./blueGreen.js";
import { type Evidence, windowsOfLook } from "./gates/telemetryGate.js";
import { isShadowPlan } from "./shadow.js";
import type { RolloutState } from "./state.js";

export const EVIDENCE_LIMITS = {
  /** A device's own past that its present is compared with. */
  baselineMs: 7 * 86_400_000,
  /** Windows that a device must have before and after; fewer are too noisy to be a device's voice. */
  minWindows: 2,
  /** Devices per group that are read; more add cost and no certainty that matters. */
  maxDevices: 500,
  /** Baselines that are remembered: some ten waves with their control groups. */
  maxBaselines: 10_000,
} as const;

/**
 * Windows on the new release, of the middle one of the devices that were offered it; 0 while most have none.
 *
 * @param members a sample of those that are on the release or on their way to it.
 */
export async function middleWindows(
  db: Db,
  rollout: RolloutState,
  members: readonly Member[],
  nowMs: number,
): Promise<number> {
  if (members.length === 0) return 0;
  const isShadow = isShadowPlan(rollout.plan);
  const releaseSequence = isShadow ? shadowKey(rollout.sequence) : rollout.sequence;
  // A release may have been in the shadow before, or have served, for another rollout.
  const since = rollout.waves[isShadow ? 0 : rollout.currentWave]!.openedAtMs ?? nowMs;
  const fromMs = isPaired(rollout) ? since : 0;
  const sums = await sumByDevice(
    db,
    members.map(({ deviceId }) => ({ deviceId, releaseSequence, fromMs, toMs: nowMs + 1 })),
  );
  const sorted = members.map((member) => sums.get(member.deviceId)?.windows ?? 0).sort((a, b) => a - b);
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
export function withoutComparison(rollout: RolloutState, members: MemberCounts): string | null {
  const wave = rollout.waves[rollout.currentWave]!;
  if (wave.members === 0) return "no device belongs to this wave";
  if (wave.control === 0 && !isPaired(rollout))
    return "nobody is left to compare with: all devices are in this wave";
  if (members.all > 0 && members.updated === 0) {
    return "these devices had no release before, so there is nothing to be worse than";
  }
  return null;
}

/** Has it no control group, and each device itself in its place? */
export function isPaired({ plan }: Pick<RolloutState, "plan">): boolean {
  return isShadowPlan(plan) || isBlueGreenPlan(plan);
}

/** Each device's worsening since its own baseline, by metric, for the wave and for the control group (controls.ts). */
export async function collectEvidence(
  db: Db,
  rollout: RolloutState,
  members: readonly Member[],
  nowMs: number,
  baselines: Baselines,
): Promise<Evidence[]> {
  const openedAtMs = rollout.waves[rollout.currentWave]!.openedAtMs ?? nowMs;
  if (isShadowPlan(rollout.plan)) return shadowEvidence(db, rollout, members, openedAtMs, nowMs);
  const { baselineMs } = EVIDENCE_LIMITS;
  const after = (deviceId: string, releaseSequence: number) => ({
    deviceId,
    releaseSequence,
    fromMs: openedAtMs,
    toMs: nowMs + 1,
  });
  const wave = await compare(
    db,
    baselines,
    members.map(({ deviceId, previousSequence, offeredAtMs }) => ({
      deviceId,
      releaseSequence: previousSequence,
      fromMs: offeredAtMs - baselineMs,
      toMs: offeredAtMs,
    })),
    members.map(({ deviceId }) => after(deviceId, rollout.sequence)),
  );
  const { telemetry } = rollout.plan.gates;
  if (isBlueGreenPlan(rollout.plan)) {
    // All have switched: nobody is left to be compared with but what they were.
    return telemetry.map(({ metric }) => ({
      ...evidenceFor(metric, wave, []),
      control: null,
      pairedWith: "past",
    }));
  }
  const controls = await listControls(db, rollout.id);
  const control = await compare(
    db,
    baselines,
    controls.map(({ deviceId, sequence }) => ({
      deviceId,
      releaseSequence: sequence,
      fromMs: openedAtMs - baselineMs,
      toMs: openedAtMs,
    })),
    controls.map(({ deviceId, sequence }) => after(deviceId, sequence)),
  );
  return telemetry.map(({ metric }) => evidenceFor(metric, wave, control));
}

/** Each device against itself: the release in its shadow against the one that served at the same time. */
async function shadowEvidence(
  db: Db,
  rollout: RolloutState,
  members: readonly Member[],
  fromMs: number,
  nowMs: number,
): Promise<Evidence[]> {
  const during = (releaseOf: (member: Member) => number) =>
    sumByDevice(
      db,
      members.map((member) => ({
        deviceId: member.deviceId,
        releaseSequence: releaseOf(member),
        fromMs,
        toMs: nowMs + 1,
      })),
    );
  const served = await during(({ previousSequence }) => previousSequence);
  const shadows = await during(() => shadowKey(rollout.sequence));
  const pairs = members.flatMap(({ deviceId }) => {
    const [before, after] = [served.get(deviceId), shadows.get(deviceId)];
    return before === undefined || after === undefined ? [] : [{ before, after }];
  });
  return rollout.plan.gates.telemetry.map(({ metric }) => ({
    ...evidenceFor(metric, pairs, []),
    control: null,
  }));
}

/** Past weeks, which change no more: read at a gate's first look and remembered for those that follow. */
export class Baselines {
  private readonly known = new Map<string, DeviceSums>();

  async sums(db: Db, wanted: readonly SumsWanted[]): Promise<Map<string, DeviceSums>> {
    const missing = wanted.filter((one) => !this.known.has(keyOf(one)));
    if (this.known.size + missing.length > EVIDENCE_LIMITS.maxBaselines) this.known.clear();
    const read = await sumByDevice(db, this.known.size === 0 ? wanted : missing);
    for (const one of wanted) {
      const sums = read.get(one.deviceId);
      if (sums !== undefined) this.known.set(keyOf(one), sums);
    }
    const found = wanted.map((one) => [one.deviceId, this.known.get(keyOf(one))] as const);
    return new Map(found.filter((entry): entry is [string, DeviceSums] => entry[1] !== undefined));
  }
}

function keyOf({ deviceId, releaseSequence, fromMs, toMs }: SumsWanted): string {
  return `${deviceId}/${releaseSequence}/${fromMs}/${toMs}`;
}

interface Comparison {
  readonly before: DeviceSums;
  readonly after: DeviceSums;
}

/** Devices with windows on both sides; the others have nothing to say. */
async function compare(
  db: Db,
  baselines: Baselines,
  before: readonly SumsWanted[],
  after: readonly SumsWanted[],
): Promise<Comparison[]> {
  const [was, is] = [await baselines.sums(db, before), await sumByDevice(db, after)];
  return before.flatMap(({ deviceId }) => {
    const [one, other] = [was.get(deviceId), is.get(deviceId)];
    return one === undefined || other === undefined ? [] : [{ before: one, after: other }];
  });
}

/** Worsening of one device: positive is worse, in the unit of the metric's margin (protocol/api/rollout.ts). */
const WORSENING: Record<Metric, (before: DeviceSums, after: DeviceSums) => number | null> = {
  confidence: (before, after) => change(confidence(after), confidence(before)),
  accuracy: (before, after) => change(probeAccuracy(after), probeAccuracy(before)),
  errorRate: (before, after) => change(errorRate(before), errorRate(after)),
  latency: (before, after) => {
    const [was, is] = [meanLatencyUs(before), meanLatencyUs(after)];
    // Too fast to be measured: then it can't have become slow enough to matter.
    return was === null || is === null ? null : was === 0 ? 0 : is / was - 1;
  },
  agreement: (_, after) => change(agreement(after), 1),
};

function confidence({ confidenceSum, confidenceCount }: DeviceSums): number | null {
  return confidenceCount === 0 ? null : confidenceSum / confidenceCount;
}

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
