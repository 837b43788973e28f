import type { Approval, GateEvidence, RolloutPlan, RolloutStateName } from "@mote/protocol";
import { wavesOf } from "./blueGreen.js";

export const WAVE_PHASES = ["waiting", "opening", "installing", "soaking", "passed", "stopped"] as const;
export type WavePhase = (typeof WAVE_PHASES)[number];

export interface WaveState {
  readonly phase: WavePhase;
  readonly openedAtMs: number | null;
  /** When enough members had confirmed; the soak time counts from here. */
  readonly settledAtMs: number | null;
  /** Members are the matching devices whose cohort (cohort.ts) lies below this; null before the wave opens. */
  readonly threshold: number | null;
  /** Counted when the wave opened, this wave and those before it. */
  readonly members: number;
  readonly control: number;
  /** An undecided wave asks a person after this. */
  readonly deadlineAtMs: number | null;
  readonly gates: readonly GateEvidence[];
}

export type RollbackScope = "wave" | "fleet";

/** Everything about a rollout that must survive a restart. A JSON document. */
export interface RolloutState {
  readonly id: string;
  readonly number: number;
  readonly plan: RolloutPlan;
  readonly sequence: number;
  /** The query's running versions as sequences; null where it does not ask. */
  readonly running: readonly number[] | null;
  /** SHA-256 of the artifacts that the release's variants are. */
  readonly artifacts: readonly string[];
  readonly salt: string;
  readonly name: RolloutStateName;
  readonly reason: string;
  readonly currentWave: number;
  readonly waves: readonly WaveState[];
  readonly approvals: readonly Approval[];
  /** Who let it past approvals, windows, preconditions and limits; null while nobody has. */
  readonly breakGlass: { readonly by: string; readonly atMs: number; readonly comment: string } | null;
  /** Its deadline has passed and a person was asked; that is done once. */
  readonly isOverdue: boolean;
  /** Who goes back; null while nobody does. */
  readonly rollbackScope: RollbackScope | null;
  readonly history: readonly { readonly atMs: number; readonly text: string }[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

const ACTIVE: ReadonlySet<RolloutStateName> = new Set([
  "awaiting-approval",
  "running",
  "paused",
  "held",
  "rolling-back",
]);

/** Does it still need the scheduler's attention? */
export function isActive(state: RolloutState): boolean {
  return ACTIVE.has(state.name);
}

/** May a second rollout of the product start beside it? Devices that are still to come back don't forbid it. */
export function blocksOthers(state: RolloutState): boolean {
  return isActive(state) && state.name !== "rolling-back";
}

/** Threshold that holds now: the current wave's, or the one before while the current one is being opened. */
export function currentThreshold(state: RolloutState): number {
  for (let wave = state.currentWave; wave >= 0; wave--) {
    const threshold = state.waves[wave]?.threshold ?? null;
    if (threshold !== null) return threshold;
  }
  return 0;
}

/** First wave that a cohort belongs to, of the waves opened so far; -1 for none. */
export function waveOf(state: RolloutState, cohort: number): number {
  return state.waves.findIndex((wave) => wave.threshold !== null && cohort < wave.threshold);
}

/** How many people must have approved before a wave opens. */
export function approvalsNeeded(plan: RolloutPlan, wave: number): number {
  return wavesOf(plan)[wave]!.approvals ?? (wave === 0 ? plan.approvals : 0);
}

/** Approvals that count for a wave now: given for it or for the whole rollout, and not expired. */
export function approvalsFor(state: RolloutState, wave: number, nowMs: number): Approval[] {
  return state.approvals.filter(
    (approval) =>
      (approval.scope !== "wave" || approval.wave === wave) &&
      (approval.expiresAtMs === null || nowMs < approval.expiresAtMs),
  );
}

/** A stored document. What documents of older servers don't have reads as "nothing of the kind". */
export function rolloutFromJson(text: string): RolloutState {
  const state = JSON.parse(text) as RolloutState;
  return {
    ...state,
    artifacts: state.artifacts ?? [],
    running: state.running ?? null,
    breakGlass: state.breakGlass ?? null,
    isOverdue: state.isOverdue ?? false,
    approvals: state.approvals.map((approval) => ({
      ...approval,
      scope: approval.scope ?? "rollout",
      wave: approval.wave ?? 0,
      expiresAtMs: approval.expiresAtMs ?? null,
    })),
  };
}
