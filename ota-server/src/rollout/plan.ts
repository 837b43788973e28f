import {
  type ConsumerWarning,
  type DryRunAnswer,
  isTimeZone,
  nearest,
  type RolloutPlan,
} from "@mote/protocol";
import { warningsFor } from "../catalog/effects.js";
import { PreconditionError } from "../errors.js";
import { listConsumers } from "../store/consumers.js";
import type { DeviceRecord } from "../store/devices.js";
import { listConditions, listDrawn, listRunning } from "../store/population.js";
import { findRelease, listReleases, listVersions, type ReleaseRecord } from "../store/releases.js";
import type { Db } from "../store/store.js";
import { checkAbTest, isAbPlan } from "./abTest.js";
import { checkSwitch, isStagingWave, judgedWaves, wavesOf } from "./blueGreen.js";
import { isPaired } from "./evidence.js";
import { leastPairedP } from "./gates/paired.js";
import { leastP } from "./gates/permutation.js";
import { spentAtLook } from "./gates/telemetryGate.js";
import { Candidates, SHOWN_MEMBERS } from "./population.js";
import { resolveRunning } from "./running.js";
import { checkShadow } from "./shadow.js";
import type { RolloutState } from "./state.js";
import { unknownValues } from "./unknownValues.js";
import { countWaits, type Waits } from "./waits.js";

/** Devices whose conditions a dry run reads; of a larger fleet a sample, which tells a share to a percent or two. */
export const WAITS_SAMPLE = 5000;

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
  const names = plan.waves.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw badPlan("waves of different names", `two named "${twice}"`);
  const metrics = plan.gates.telemetry.map((gate) => gate.metric);
  if (new Set(metrics).size !== metrics.length) {
    throw badPlan("at most one telemetry gate per metric", metrics.join(", "));
  }
  checkAbTest(plan);
  checkShadow(plan);
  checkSwitch(plan);
  for (const { timeZone } of [plan, ...plan.waves].map(({ preconditions }) => preconditions ?? {})) {
    if (timeZone !== undefined && !isTimeZone(timeZone)) {
      throw badPlan("a time zone by its IANA name, such as Europe/Berlin", timeZone);
    }
  }
}

function badPlan(expected: string, got: string): PreconditionError {
  return new PreconditionError({ expected, got, todo: "Correct the plan; a dry run shows its effect." });
}

/** The release that a plan is about. Throws PreconditionError. */
export async function releaseOf(
  db: Db,
  { product, version }: Pick<RolloutPlan, "product" | "version">,
): Promise<ReleaseRecord> {
  const release = await findRelease(db, product, version);
  if (release !== null) return release;
  const versions = nearest(
    version,
    (await listVersions(db, product)).map((known) => known.version),
  );
  throw new PreconditionError({
    expected: "a release whose bundle was uploaded",
    got: `${product} ${version}${versions.length === 0 ? "" : `; nearest: ${versions.join(", ")}`}`,
    todo: "Upload it with `mote publish`; `mote fleet releases` shows what there is.",
  });
}

export function newRollout(
  id: string,
  number: number,
  plan: RolloutPlan,
  release: ReleaseRecord,
  nowMs: number,
  running: readonly number[] | null = null,
): RolloutState {
  return {
    id,
    number,
    plan,
    sequence: release.sequence,
    running,
    artifacts: release.manifest.variants.map(({ artifact }) => artifact.sha256),
    salt: plan.salt ?? id,
    name: "awaiting-approval",
    reason: "",
    currentWave: 0,
    waves: wavesOf(plan).map(() => ({
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

export async function dryRun(
  db: Db,
  plan: RolloutPlan,
  release: ReleaseRecord,
  nowMs: number,
): Promise<DryRunAnswer> {
  // Without a salt of its own the plan will be salted with an id that does not exist yet: the sample is an example.
  const running = await resolveRunning(db, plan);
  const target = { plan, running: running.sequences, id: null };
  const boundaries = { waves: plan.waves, first: SHOWN_MEMBERS, beyond: 0 };
  const salt = plan.salt ?? "dry-run";
  const candidates = await Candidates.count(db, target, release, salt, nowMs, boundaries);
  const warnings = await unknownValues(db, plan, running, candidates.hasMatch);
  if (candidates.eligible === 0) {
    const isTypo = !candidates.hasMatch;
    warnings.push(
      isTypo ? "No device matches: check the query." : "No device that matches would get it now.",
    );
  }
  if (candidates.unsaid !== null) {
    const { can, devices } = candidates.unsaid;
    warnings.push(
      `${devices} of the ${candidates.eligible} devices have not said yet whether they can ${can}: they say so when they next poll, and are counted here as if they could.`,
    );
  }
  if (plan.salt === undefined)
    warnings.push(
      "Which devices come first is drawn at the start: those shown are an example. A plan with a `salt` of its own (any word) draws the same ones then.",
    );
  const isOwnControl = isPaired({ plan });
  const budget = plan.gates.falseStopRate / Math.max(1, plan.gates.telemetry.length * judgedWaves(plan));
  const planned = wavesOf(plan);
  const draws = await candidates.draw(planned);
  const waves = draws.map((draw, i) => {
    const wave = planned[i]!;
    const isJudged = plan.gates.telemetry.length > 0 && draw.members > 0 && !isStagingWave(plan, i);
    if (isJudged && (isOwnControl || draw.control > 0)) {
      const least = isOwnControl ? leastPairedP(draw.members) : leastP(draw.members, draw.control);
      if (least > budget * spentAtLook(1)) {
        const against = isOwnControl ? "" : ` against ${draw.control}`;
        const hours = Number((plan.gates.deadlineS / 3600).toFixed(1));
        const end = isAbPlan(plan)
          ? "find nothing at first"
          : `ask a person when it has been undecided for ${hours} h (\`gates.deadlineS\`)`;
        warnings.push(
          `Wave "${wave.name}": ${draw.members} devices${against} are too few for a telemetry verdict; it will ${end}.`,
        );
      }
    }
    if (isAbPlan(plan) && draw.members > 0 && draw.control === 0) {
      warnings.push(
        `Wave "${wave.name}" takes all devices: nobody is left for A, and nothing can be compared.`,
      );
    }
    if (draw.members < (draws[i - 1]?.members ?? 0)) {
      warnings.push(
        `Wave "${wave.name}" comes to ${draw.members} devices, fewer than the ${draws[i - 1]!.members} of the wave before: it would reach nobody new.`,
      );
    }
    return {
      name: wave.name,
      devices: draw.members,
      control: draw.control,
      sample: [...draw.sample],
    };
  });
  return {
    plan,
    eligible: candidates.eligible,
    waves,
    ...(await waitsOf(db, plan, candidates, nowMs)),
    excluded: candidates.excluded,
    consumers: await consumersOf(db, release, candidates),
    warnings,
  };
}

/** Devices that the plan could reach, drawn by its salt. */
export async function sampleCandidates(
  db: Db,
  plan: RolloutPlan,
  release: ReleaseRecord,
  nowMs: number,
  limit: number,
): Promise<{ eligible: number; devices: DeviceRecord[] }> {
  const { sequences: running } = await resolveRunning(db, plan);
  const target = { plan, running, id: null };
  const { eligible, question } = await Candidates.count(db, target, release, plan.salt ?? "dry-run", nowMs);
  return { eligible, devices: await listDrawn(db, question, limit) };
}

/** Who reads what this release changes for the devices that would get it. */
async function consumersOf(
  db: Db,
  release: ReleaseRecord,
  candidates: Candidates,
): Promise<ConsumerWarning[]> {
  const consumers = await listConsumers(db, release.product);
  if (consumers.length === 0) return [];
  const running = new Set(await listRunning(db, candidates.question));
  const known = (await listReleases(db)).filter(({ product }) => product === release.product);
  const froms = known.filter((one) => running.has(one.sequence) && one.sequence !== release.sequence);
  return warningsFor(
    consumers,
    froms.map(({ manifest }) => manifest),
    release.manifest,
  );
}

/** @returns who would wait, and of how many devices that was looked up. */
async function waitsOf(
  db: Db,
  { preconditions }: RolloutPlan,
  { eligible, question }: Candidates,
  nowMs: number,
): Promise<{ waits: Waits[]; sampled: number }> {
  if (Object.keys(preconditions).length === 0) return { waits: [], sampled: eligible };
  const devices = await listConditions(db, question, WAITS_SAMPLE / Math.max(1, eligible));
  return { waits: countWaits(preconditions, devices, nowMs, eligible), sampled: devices.length };
}
