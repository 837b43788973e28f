import { type DryRunAnswer, isTimeZone, type RolloutPlan } from "@mote/protocol";
import { PreconditionError } from "../errors.js";
import { type DeviceFilter, listCandidates, listConditions } from "../store/devices.js";
import type { ReleaseRecord } from "../store/releases.js";
import type { Db } from "../store/store.js";
import { cohortOf, thresholdFor } from "./cohort.js";
import { leastP } from "./gates/permutation.js";
import { spentAtLook } from "./gates/telemetryGate.js";
import type { RolloutState } from "./state.js";
import { countWaits, type Waits } from "./waits.js";

/** What a schema can't say. Throws PreconditionError. */
export function checkPlan(plan: RolloutPlan): void {
  let lastShare = 0;
  let lastCount = 0;
  for (const wave of plan.waves) {
    if ((wave.share === undefined) === (wave.count === undefined)) {
      throw badPlan(`wave "${wave.name}" with either a share or a count`, "both or neither");
    }
    if ((wave.share ?? 1) < lastShare || (wave.count ?? Number.MAX_SAFE_INTEGER) < lastCount) {
      throw badPlan("waves that grow (shares and counts are cumulative)", `a smaller wave "${wave.name}"`);
    }
    lastShare = wave.share ?? lastShare;
    lastCount = wave.count ?? lastCount;
  }
  const metrics = plan.gates.telemetry.map((gate) => gate.metric);
  if (new Set(metrics).size !== metrics.length) {
    throw badPlan("at most one telemetry gate per metric", metrics.join(", "));
  }
  checkStrategy(plan);
  for (const { timeZone } of [plan, ...plan.waves].map(({ preconditions }) => preconditions ?? {})) {
    if (timeZone !== undefined && !isTimeZone(timeZone)) {
      throw badPlan("a time zone by its IANA name, such as Europe/Berlin", timeZone);
    }
  }
}

function checkStrategy({ strategy = "staged" }: RolloutPlan): void {
  if (strategy === "staged" || strategy === "canary") return;
  throw new PreconditionError({
    expected: 'the strategy "staged" or "canary"',
    got: `"${strategy}", which this server does not carry out`,
    todo: "Stage it: a small first wave is compared with its control group on the models' own telemetry.",
  });
}

function badPlan(expected: string, got: string): PreconditionError {
  return new PreconditionError({ expected, got, todo: "Correct the plan; a dry run shows its effect." });
}

export function newRollout(
  id: string,
  number: number,
  plan: RolloutPlan,
  release: ReleaseRecord,
  nowMs: number,
): RolloutState {
  return {
    id,
    number,
    plan,
    sequence: release.sequence,
    salt: plan.salt ?? id,
    name: "awaiting-approval",
    reason: "",
    currentWave: 0,
    waves: plan.waves.map(() => ({
      phase: "waiting",
      openedAtMs: null,
      settledAtMs: null,
      threshold: null,
      members: 0,
      control: 0,
      deadlineAtMs: null,
      gates: [],
    })),
    approvals: [],
    breakGlass: null,
    isOverdue: false,
    rollbackScope: null,
    history: [],
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
}

/** Devices unseen for longer are no members: nobody waits for a device in a drawer. They join when they come back. */
export const ACTIVE_WITHIN_MS = 7 * 86_400_000;

export interface Draw {
  readonly threshold: number;
  readonly members: number;
  readonly control: number;
}

interface Candidate {
  readonly id: string;
  readonly cohort: number;
}

/** Eligible devices by cohort, and why the others are not. */
export async function candidatesFor(
  db: Db,
  plan: RolloutPlan,
  release: ReleaseRecord,
  salt: string,
  nowMs: number,
): Promise<{ eligible: Candidate[]; excluded: Map<string, number> }> {
  const { variants, images = [] } = release.manifest;
  const hardware = new Set([...variants, ...images].flatMap((one) => one.hardware));
  const eligible: Candidate[] = [];
  const excluded = new Map<string, number>();
  for (const device of await listCandidates(db, filterOf(plan))) {
    const reason =
      device.lastSeenMs === null || nowMs - device.lastSeenMs > ACTIVE_WITHIN_MS
        ? "not seen in the last 7 days (joins when it comes back)"
        : !hardware.has(device.hardware)
          ? `no variant for hardware ${device.hardware}`
          : device.runningSequence > release.sequence
            ? "runs a newer release"
            : null;
    if (reason === null) eligible.push({ id: device.id, cohort: cohortOf(salt, device.id) });
    else excluded.set(reason, (excluded.get(reason) ?? 0) + 1);
  }
  eligible.sort((a, b) => a.cohort - b.cohort);
  return { eligible, excluded };
}

/** The plan's query as the store asks it. */
export function filterOf(plan: RolloutPlan): DeviceFilter {
  const { hardware, tags, deviceIds } = plan.query;
  return {
    product: plan.product,
    ...(hardware === undefined ? {} : { hardware }),
    ...(tags === undefined ? {} : { tags }),
    ...(deviceIds === undefined ? {} : { ids: deviceIds }),
  };
}

/** @param eligible in the order of their cohorts. */
export function drawWave(plan: RolloutPlan, wave: number, eligible: readonly Candidate[]): Draw {
  const { share, count } = plan.waves[wave]!;
  const wanted = count ?? Math.ceil((share ?? 1) * eligible.length);
  const threshold =
    share === 1
      ? 1
      : eligible.length === 0
        ? // Nobody to count by: the share as a chance, for devices that come later.
          (share ?? 0)
        : thresholdFor(
            eligible.map((device) => device.cohort),
            wanted,
          );
  const members = eligible.filter((device) => device.cohort < threshold).length;
  return { threshold, members, control: eligible.length - members };
}

export async function dryRun(
  db: Db,
  plan: RolloutPlan,
  release: ReleaseRecord,
  nowMs: number,
): Promise<DryRunAnswer> {
  // Without a salt of its own the plan will be salted with an id that does not exist yet: the sample is an example.
  const { eligible, excluded } = await candidatesFor(db, plan, release, plan.salt ?? "dry-run", nowMs);
  const warnings: string[] = [];
  if (eligible.length === 0) warnings.push("No device matches: check the query.");
  if (plan.salt === undefined)
    warnings.push("The plan has no salt, so the members shown are only an example.");
  const budget = plan.gates.falseStopRate / Math.max(1, plan.gates.telemetry.length * plan.waves.length);
  const waves = plan.waves.map((wave, i) => {
    const draw = drawWave(plan, i, eligible);
    if (plan.gates.telemetry.length > 0 && draw.control > 0 && draw.members > 0) {
      if (leastP(draw.members, draw.control) > budget * spentAtLook(1)) {
        warnings.push(
          `Wave "${wave.name}": ${draw.members} devices against ${draw.control} are too few for a telemetry verdict; it will ask a person at its deadline.`,
        );
      }
    }
    return {
      name: wave.name,
      devices: draw.members,
      control: draw.control,
      sample: eligible
        .filter((device) => device.cohort < draw.threshold)
        .slice(0, 20)
        .map((device) => device.id),
    };
  });
  return {
    plan,
    eligible: eligible.length,
    waves,
    waits: await waitsOf(db, plan, eligible, nowMs),
    excluded: [...excluded].map(([reason, devices]) => ({ reason, devices })),
    warnings,
  };
}

async function waitsOf(
  db: Db,
  plan: RolloutPlan,
  eligible: readonly Candidate[],
  nowMs: number,
): Promise<Waits[]> {
  if (Object.keys(plan.preconditions).length === 0) return [];
  const ids = new Set(eligible.map(({ id }) => id));
  const told = await listConditions(db, filterOf(plan));
  return countWaits(
    plan.preconditions,
    told.filter(({ id }) => ids.has(id)),
    nowMs,
  );
}
