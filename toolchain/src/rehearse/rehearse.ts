import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fault, Metric, OperatorClient, RolloutPlan } from "@mote/protocol";
import type { Exposure } from "./exposure.js";
import { type Followed, follow, type TimelineEntry } from "./follow.js";
import { type FaultRequest, strike, worsened } from "./injections.js";
import { chooseSpeed, pacedPlan, paceNotes, pollRealS } from "./pace.js";
import { type Population, shuffled } from "./population.js";
import { behaviourOf, type ReleaseFacts, rehearsedBundle } from "./releases.js";
import { Stage } from "./stage.js";

export interface RehearsalRequest {
  readonly plan: RolloutPlan;
  readonly population: Population;
  readonly candidate: ReleaseFacts;
  /** What devices run before; null where they have no release yet. */
  readonly previous: ReleaseFacts | null;
  readonly faults: readonly FaultRequest[];
  readonly worse: readonly { readonly metric: Metric; readonly by: number }[];
  /** Seconds; the real fleet's telemetry window. */
  readonly windowS: number;
  /** Null: the greatest that the plan allows. */
  readonly speed: number | null;
  readonly seed: number;
}

export interface Rehearsal extends Followed {
  readonly speed: number;
  readonly devices: number;
  readonly eligible: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly exposure: Exposure;
  readonly notes: readonly string[];
}

export interface RehearsalTelling {
  note(text: string): void;
  entry(entry: TimelineEntry): void;
}

/** Windows of each device before the rollout: what it is compared with. */
const BASELINE_WINDOWS = 16;
const BASELINE_S = 600;
const LOOK_MS = 200;

/**
 * Runs a plan against simulated devices through the real protocol: a server process on loopback with trust of its own,
 * and an agent process whose devices have synthetic models. The real server was asked before, and is not touched.
 *
 * @throws UsageError, MissingToolError, RehearsalError; whatever happens, processes and folder are gone afterwards.
 */
export async function rehearse(
  request: RehearsalRequest,
  telling: RehearsalTelling,
  signal: AbortSignal,
): Promise<Rehearsal> {
  const { plan, population, candidate, previous, windowS, seed } = request;
  const speed = chooseSpeed(plan, windowS, request.speed);
  const ids = population.devices.map(({ id }) => id);
  const struck = strike(shuffled(ids, seed), request.faults);
  const notes = paceNotes(plan, speed, ids.length, population.eligible);
  for (const note of notes) telling.note(note);
  const folder = await mkdtemp(join(tmpdir(), "mote-rehearsal-"));
  let stage: Stage | null = null;
  try {
    stage = await Stage.open(folder, pollRealS(speed), candidate.sequence);
    await prepare(stage, request, speed, struck, signal);
    const paced = pacedPlan(plan, speed, ids.length / Math.max(1, population.eligible));
    telling.note(
      `${ids.length} devices are up${previous === null ? "" : ` and run ${previous.version}`}. The rollout begins.`,
    );
    const { id } = await stage.client.createRollout(paced);
    const followed = await follow(stage, id, speed, telling.entry, signal);
    return {
      ...followed,
      speed,
      devices: ids.length,
      eligible: population.eligible,
      faults: countsOf(struck),
      exposure: stage.exposure,
      notes,
    };
  } finally {
    await stage?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Releases, devices, and a past to compare with. */
async function prepare(
  stage: Stage,
  { plan, population, candidate, previous, worse, windowS, seed }: RehearsalRequest,
  speed: number,
  struck: ReadonlyMap<string, Fault>,
  signal: AbortSignal,
): Promise<void> {
  const { devices } = population;
  const hardware = [...new Set(devices.map((device) => device.hardware))];
  const model = behaviourOf(previous ?? candidate);
  const candidateModel = worsened({ ...model, sequence: candidate.sequence }, worse);
  await stage.publish(rehearsedBundle(candidate, candidateModel, hardware, speed));
  if (previous !== null) await stage.publish(rehearsedBundle(previous, model, hardware, speed));
  const { tokens } = await stage.client.createEnrolmentTokens({
    product: plan.product,
    count: devices.length,
  });
  await stage.startFleet(
    {
      schema: "mote.rehearsed-fleet/1",
      speed,
      windowS,
      candidateSequence: candidate.sequence,
      seed,
      devices: devices.map(({ hasRelease: _, ...device }, i) => ({
        ...device,
        token: tokens[i]!.token,
        fault: struck.get(device.id) ?? null,
      })),
    },
    model.classes,
  );
  await until(stage, signal, async () => (await stage.client.fleet()).online === devices.length);
  const before = devices.filter(({ hasRelease }) => hasRelease).map(({ id }) => id);
  if (previous === null || before.length === 0) return;
  await installBefore(stage.client, plan.product, previous.version, before);
  await until(stage, signal, async () => (await stage.client.fleet()).activeRollouts.length === 0);
  const { frames } = await stage.client.fleet();
  const wanted = frames + BASELINE_WINDOWS * before.length;
  await until(stage, signal, async () => (await stage.client.fleet()).frames >= wanted);
}

/** The release that devices run before the plan begins, by an ordinary rollout to all of them. */
async function installBefore(
  client: OperatorClient,
  product: string,
  version: string,
  deviceIds: string[],
): Promise<void> {
  await client.createRollout({
    product,
    version,
    query: { deviceIds },
    waves: [{ name: "before", share: 1, soakS: 0 }],
    gates: {
      maxFailureShare: 0,
      minConfirmedShare: 1,
      installTimeoutS: BASELINE_S,
      telemetry: [],
      falseStopRate: 0.05,
      deadlineS: BASELINE_S,
    },
    onFailure: "hold",
    preconditions: {},
    approvals: 0,
  });
}

async function until(stage: Stage, signal: AbortSignal, holds: () => Promise<boolean>): Promise<void> {
  const died = stage.failure();
  died.catch(() => {});
  while (!(await Promise.race([holds(), died]))) {
    await Promise.race([new Promise((resolve) => setTimeout(resolve, LOOK_MS)), died]);
    signal.throwIfAborted();
  }
}

function countsOf(struck: ReadonlyMap<string, Fault>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const fault of struck.values()) counts[fault] = (counts[fault] ?? 0) + 1;
  return counts;
}
