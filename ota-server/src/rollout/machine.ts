import type { ApprovalScope, GateEvidence, RolloutPlan, RolloutStateName } from "@mote/protocol";
import { ConflictError, PreconditionError } from "../errors.js";
import { abilityFor } from "./ability.js";
import { findingsText, isAbPlan, withFinding } from "./abTest.js";
import { isBlueGreenPlan, isStagingWave, judgedWaves, wavesOf } from "./blueGreen.js";
import { type Installs, judgeInstalls, neededToSettle } from "./gates/installGate.js";
import { intervalOf } from "./gates/interval.js";
import { type Evidence, judgeTelemetry } from "./gates/telemetryGate.js";
import { isShadowPlan } from "./shadow.js";
import {
  approvalsFor,
  approvalsNeeded,
  type RollbackScope,
  type RolloutState,
  type WaveState,
} from "./state.js";

/**
 * A rollout as a pure state machine: (state, event) -> state and effects. The shell (engine.ts) stores the state before
 * it carries out the effects; an effect that was cut off by a crash is asked for again by the state itself.
 */

export type RolloutEvent =
  | { readonly type: "pause" | "resume" | "break-glass"; readonly by: string; readonly comment: string }
  | {
      readonly type: "approve";
      readonly by: string;
      readonly comment: string;
      /** Left out: "wave". */
      readonly scope?: ApprovalScope;
    }
  | { readonly type: "abort"; readonly by: string; readonly comment: string; readonly rollback: boolean }
  /** Answer to the effect openWave. */
  | {
      readonly type: "waveOpened";
      readonly threshold: number;
      readonly members: number;
      readonly control: number;
      /** Devices that can't do what the strategy asks of them; 0 where left out. */
      readonly unable?: number;
    }
  /** The shell has counted. */
  | { readonly type: "observed"; readonly facts: WaveFacts };

export interface WaveFacts {
  readonly installs: Installs;
  /** Windows on the new release of the wave's middle device; 0 before any. */
  readonly windows: number;
  readonly evidence: readonly Evidence[];
  /** Members in the rollback's scope that are not back yet. */
  readonly returning: number;
}

export type Effect =
  /** Draw the current wave's members, then send waveOpened. */
  | { readonly type: "openWave" }
  /** Mark the members in scope as returning. */
  | { readonly type: "returnMembers"; readonly scope: RollbackScope }
  /** Tell connected devices to poll now. */
  | { readonly type: "hint" };

export interface Step {
  readonly state: RolloutState;
  readonly effects: readonly Effect[];
}

/** Throws ConflictError for a person's action that the state does not allow. */
export function step(state: RolloutState, event: RolloutEvent, nowMs: number): Step {
  switch (event.type) {
    case "approve":
      return approve(state, event, nowMs);
    case "break-glass":
      return breakGlass(state, event.by, event.comment, nowMs);
    case "pause":
      return pause(state, event.by, event.comment, nowMs);
    case "resume":
      return resume(state, event.by, event.comment, nowMs);
    case "abort":
      return abort(state, event, nowMs);
    case "waveOpened":
      return waveOpened(state, event, nowMs);
    case "observed":
      return observed(state, event.facts, nowMs);
  }
}

/** Effects that a stored state still wants: what a restarted server does first. */
export function pendingEffects(state: RolloutState): readonly Effect[] {
  if (state.name === "running" && state.waves[state.currentWave]!.phase === "opening") {
    return [{ type: "openWave" }];
  }
  if (state.name === "rolling-back" && state.rollbackScope !== null) {
    return [{ type: "returnMembers", scope: state.rollbackScope }];
  }
  return [];
}

/** A new rollout's first step: its first wave opens unless people must approve before. */
export function start(state: RolloutState, nowMs: number): Step {
  return openWhenApproved(state, state.currentWave, nowMs);
}

function openWhenApproved(state: RolloutState, wave: number, nowMs: number): Step {
  const missing = approvalsNeeded(state.plan, wave) - approvalsFor(state, wave, nowMs).length;
  if (missing <= 0 || state.breakGlass !== null) return openWave(state, wave, nowMs);
  const { name } = wavesOf(state.plan)[wave]!;
  const reason = `wave "${name}" waits for ${missing} approval${missing === 1 ? "" : "s"}`;
  return { state: enter({ ...state, currentWave: wave }, "awaiting-approval", reason, nowMs), effects: [] };
}

function approve(
  state: RolloutState,
  { by, comment, scope = "wave" }: { by: string; comment: string; scope?: ApprovalScope },
  nowMs: number,
): Step {
  if (state.name === "held") {
    // A person takes the wave's verdict upon themselves.
    const noted = note(state, `${by} let wave "${waveName(state)}" pass${quoted(comment)}`, nowMs);
    return passWave(noted, nowMs);
  }
  if (state.name !== "awaiting-approval") throw notAllowed(state, "approve", ["awaiting-approval", "held"]);
  const wave = state.currentWave;
  if (approvalsFor(state, wave, nowMs).some((approval) => approval.by === by)) {
    throw new ConflictError({
      expected: "an approval by another person",
      got: `a second one by ${by}`,
      todo: "Each approval must come from a different person.",
    });
  }
  const { approvalExpiresS } = state.plan;
  const expiresAtMs = approvalExpiresS === undefined ? null : nowMs + 1000 * approvalExpiresS;
  const what = scope === "rollout" ? "the rollout" : `wave "${waveName(state)}"`;
  const approved = {
    ...note(state, `${by} approved ${what}${quoted(comment)}`, nowMs),
    approvals: [...state.approvals, { by, atMs: nowMs, comment, scope, wave, expiresAtMs }],
  };
  return openWhenApproved(approved, wave, nowMs);
}

/** Characters of a reason that can be called one. */
const MIN_REASON = 10;

/** For emergencies: nobody is waited for any more, neither people nor windows nor batteries. The gates still judge. */
function breakGlass(state: RolloutState, by: string, comment: string, nowMs: number): Step {
  const allowed: readonly RolloutStateName[] = ["awaiting-approval", "running", "paused", "held"];
  if (!allowed.includes(state.name)) throw notAllowed(state, "break-glass", allowed);
  if (comment.trim().length < MIN_REASON) {
    throw new PreconditionError({
      expected: `a reason of at least ${MIN_REASON} characters`,
      got: comment.trim() === "" ? "none" : JSON.stringify(comment),
      todo: "Say why with --comment: the audit keeps it.",
    });
  }
  const broken = {
    ...note(state, `BREAK-GLASS by ${by}: ${comment}`, nowMs),
    breakGlass: { by, atMs: nowMs, comment },
  };
  if (state.name === "awaiting-approval") return openWave(broken, state.currentWave, nowMs);
  if (state.name === "running") return { state: broken, effects: [{ type: "hint" }] };
  return resume(broken, by, comment, nowMs);
}

function pause(state: RolloutState, by: string, comment: string, nowMs: number): Step {
  if (state.name !== "running") throw notAllowed(state, "pause", ["running"]);
  return { state: enter(state, "paused", `paused by ${by}${quoted(comment)}`, nowMs), effects: [] };
}

function resume(state: RolloutState, by: string, comment: string, nowMs: number): Step {
  if (state.name !== "paused" && state.name !== "held") throw notAllowed(state, "resume", ["paused", "held"]);
  const resumed = enter(state, "running", `resumed by ${by}${quoted(comment)}`, nowMs);
  // The time in which nothing could happen doesn't count against the deadline.
  const wave = resumed.waves[resumed.currentWave]!;
  const next = withWave(resumed, { ...wave, deadlineAtMs: nowMs + 1000 * state.plan.gates.deadlineS });
  return { state: next, effects: [...pendingEffects(next), { type: "hint" }] };
}

function abort(
  state: RolloutState,
  event: { by: string; comment: string; rollback: boolean },
  nowMs: number,
): Step {
  if (["rolling-back", "rolled-back", "aborted"].includes(state.name)) {
    throw notAllowed(state, "abort", ["awaiting-approval", "running", "paused", "held", "completed"]);
  }
  const reason = `aborted by ${event.by}${quoted(event.comment)}`;
  if (event.rollback) return rollBack(state, "fleet", reason, nowMs);
  if (state.name === "completed") throw notAllowed(state, "abort", ["running"]);
  return { state: enter(state, "aborted", reason, nowMs), effects: [{ type: "hint" }] };
}

function openWave(state: RolloutState, index: number, nowMs: number): Step {
  const running = enter(
    { ...state, currentWave: index },
    "running",
    `opens wave "${wavesOf(state.plan)[index]!.name}"`,
    nowMs,
  );
  return {
    state: withWave(running, { ...running.waves[index]!, phase: "opening" }),
    effects: [{ type: "openWave" }],
  };
}

function waveOpened(
  state: RolloutState,
  opened: { threshold: number; members: number; control: number; unable?: number },
  nowMs: number,
): Step {
  const wave = state.waves[state.currentWave]!;
  if (wave.phase !== "opening") return { state, effects: [] };
  const devices = `${opened.members} device${opened.members === 1 ? "" : "s"}`;
  const unable = unableText(state.plan, opened.unable ?? 0);
  const text = `wave "${waveName(state)}" is open: ${devices}, ${comparedWith(state, opened.control)}${unable}`;
  const next = withWave(note({ ...state, reason: text }, text, nowMs), {
    ...wave,
    phase: "installing",
    openedAtMs: nowMs,
    deadlineAtMs: nowMs + 1000 * state.plan.gates.deadlineS,
    threshold: opened.threshold,
    members: opened.members,
    control: opened.control,
  });
  return { state: next, effects: [{ type: "hint" }] };
}

function unableText(plan: RolloutPlan, devices: number): string {
  const ability = abilityFor(plan);
  if (ability === null || devices === 0) return "";
  return `; ${devices} more can't ${ability.text}, keep what they run, and join when their agents can`;
}

function comparedWith({ plan, currentWave }: RolloutState, control: number): string {
  if (isStagingWave(plan, currentWave)) return "whose spare slots are filled";
  if (isBlueGreenPlan(plan)) return "each compared with its own past";
  return isShadowPlan(plan) ? "each its own control" : `${control} to compare with`;
}

function observed(state: RolloutState, facts: WaveFacts, nowMs: number): Step {
  if (state.name === "rolling-back") {
    if (facts.returning > 0) return { state, effects: [] };
    return {
      state: enter(state, "rolled-back", `${state.reason}; all devices are back`, nowMs),
      effects: [],
    };
  }
  const wave = state.waves[state.currentWave]!;
  if (state.name !== "running" || (wave.phase !== "installing" && wave.phase !== "soaking")) {
    return { state, effects: [] };
  }
  if (isPastDeadline(state, nowMs)) {
    const reason = `the rollout's deadline passed in wave "${waveName(state)}" and a person must decide`;
    return { state: { ...enter(state, "held", reason, nowMs), isOverdue: true }, effects: [] };
  }
  const gates = judgeAll(state, facts, nowMs);
  const isSettled = facts.installs.confirmed >= neededToSettle(state.plan.gates, facts.installs.members);
  const settledAtMs = wave.settledAtMs ?? (isSettled ? nowMs : null);
  const judged = withWave(state, {
    ...wave,
    phase: settledAtMs === null ? "installing" : "soaking",
    settledAtMs,
    gates,
  });
  const stop = gates.find((gate) => gate.verdict === "stop");
  if (stop !== undefined) return fail(judged, stop, nowMs);
  const { soakS } = wavesOf(state.plan)[state.currentWave]!;
  const isSoaked = settledAtMs !== null && nowMs - settledAtMs >= 1000 * soakS;
  const undecided = gates.filter((gate) => gate.verdict === "undecided");
  // An A/B test is over when its time is: that nothing was proved is a finding too, and goes no further.
  const isMeasured = isAbPlan(state.plan) && settledAtMs !== null && facts.installs.members > 0;
  if (isSoaked && (undecided.length === 0 || isMeasured)) return passWave(judged, nowMs);
  if (isMeasured) return { state: judged, effects: [] };
  if (wave.deadlineAtMs !== null && nowMs >= wave.deadlineAtMs) {
    const open = undecided.map((gate) => `${gate.gate}: ${gate.text}`).join("; ");
    const reason = `the deadline of wave "${waveName(state)}" passed and a person must decide (${open || "soak time"})`;
    return { state: enter(judged, "held", reason, nowMs), effects: [] };
  }
  return { state: judged, effects: [] };
}

function isPastDeadline(state: RolloutState, nowMs: number): boolean {
  const deadlineS = state.plan.limits?.deadlineS;
  const startedAtMs = state.waves[0]!.openedAtMs;
  if (deadlineS === undefined || startedAtMs === null || state.isOverdue) return false;
  return nowMs - startedAtMs >= 1000 * deadlineS;
}

/** The shell collects evidence when a look is due; in between the gate keeps what it had. */
const NO_EVIDENCE: Omit<Evidence, "metric"> = { wave: [], control: [], notApplicable: null };

function judgeAll(state: RolloutState, facts: WaveFacts, nowMs: number): GateEvidence[] {
  const { plan } = state;
  const wave = state.waves[state.currentWave]!;
  // One error budget for the whole rollout: every gate of every wave gets an equal part.
  const budget = plan.gates.falseStopRate / Math.max(1, plan.gates.telemetry.length * judgedWaves(plan));
  // Nothing of what is only staged runs: there is nothing to measure yet.
  const isStaging = isStagingWave(plan, state.currentWave);
  const judged = isStaging ? [] : plan.gates.telemetry;
  const telemetry = judged.map((gate, i) => {
    const evidence = facts.evidence.find((one) => one.metric === gate.metric) ?? NO_EVIDENCE;
    const before = wave.gates.find((one) => one.gate === gate.metric);
    const seed = 0x6d6f7465 + 7919 * state.currentWave + 104729 * i;
    const judged = judgeTelemetry(gate, before, evidence, { budget, windows: facts.windows, seed });
    const looked = withLook(judged, before, evidence, seed, nowMs);
    return isAbPlan(plan) ? withFinding(looked) : looked;
  });
  const done = isStaging ? "staged" : "confirmed";
  const mayBeEmpty = isLastWave(state) && !isAbPlan(plan);
  return [judgeInstalls(plan.gates, facts.installs, mayBeEmpty, done), ...telemetry];
}

/** Remembers what a look has seen; between looks what was remembered stays. */
function withLook(
  gate: GateEvidence,
  before: GateEvidence | undefined,
  { wave, control }: Omit<Evidence, "metric">,
  seed: number,
  atMs: number,
): GateEvidence {
  const trail = before?.trail ?? [];
  const { looks, difference, threshold, verdict } = gate;
  if (looks === (before?.looks ?? 0) || difference === null || threshold === null) {
    return trail.length === 0 ? gate : { ...gate, trail };
  }
  const { low, high } = intervalOf(wave, control, threshold, seed + looks);
  const look = {
    atMs,
    verdict,
    difference,
    low,
    high,
    waveDevices: wave.length,
    controlDevices: control?.length ?? 0,
  };
  return { ...gate, trail: [...trail, look] };
}

function passWave(state: RolloutState, nowMs: number): Step {
  const passed = withWave(state, { ...state.waves[state.currentWave]!, phase: "passed" });
  if (isLastWave(state)) {
    const text = isAbPlan(state.plan)
      ? `measured: ${findingsText(state.waves[0]!.gates)}`
      : `wave "${waveName(state)}" passed; that was the last one`;
    return { state: enter(passed, "completed", text, nowMs), effects: [] };
  }
  const noted = note(passed, `wave "${waveName(state)}" passed`, nowMs);
  return openWhenApproved(noted, state.currentWave + 1, nowMs);
}

function fail(state: RolloutState, gate: GateEvidence, nowMs: number): Step {
  const reason = `gate "${gate.gate}" stopped wave "${waveName(state)}": ${gate.text}`;
  const stopped = withWave(state, { ...state.waves[state.currentWave]!, phase: "stopped" });
  switch (state.plan.onFailure) {
    case "hold":
      // The wave stays open to a person's resume.
      return { state: enter(state, "held", reason, nowMs), effects: [] };
    case "rollback-wave":
      // All have switched: the last wave is everybody.
      return rollBack(stopped, isBlueGreenPlan(state.plan) ? "fleet" : "wave", reason, nowMs);
    case "rollback-fleet":
      return rollBack(stopped, "fleet", reason, nowMs);
  }
}

function rollBack(state: RolloutState, scope: RollbackScope, reason: string, nowMs: number): Step {
  return {
    state: { ...enter(state, "rolling-back", reason, nowMs), rollbackScope: scope },
    effects: [{ type: "returnMembers", scope }, { type: "hint" }],
  };
}

function enter(state: RolloutState, name: RolloutStateName, reason: string, nowMs: number): RolloutState {
  // "paused by ada" says it already.
  const text = reason.startsWith(`${name} `) ? reason : `${name}: ${reason}`;
  return note({ ...state, name, reason }, text, nowMs);
}

/** Entries kept of a rollout's history; a rollout that is paused and resumed for years must not grow without bound. */
const MAX_HISTORY = 200;

function note(state: RolloutState, text: string, nowMs: number): RolloutState {
  return {
    ...state,
    updatedAtMs: nowMs,
    history: [...state.history, { atMs: nowMs, text }].slice(-MAX_HISTORY),
  };
}

function withWave(state: RolloutState, wave: WaveState): RolloutState {
  return { ...state, waves: state.waves.map((old, i) => (i === state.currentWave ? wave : old)) };
}

function isLastWave(state: RolloutState): boolean {
  return state.currentWave === wavesOf(state.plan).length - 1;
}

function waveName(state: RolloutState): string {
  return wavesOf(state.plan)[state.currentWave]!.name;
}

function quoted(comment: string): string {
  return comment === "" ? "" : `: ${comment}`;
}

function notAllowed(state: RolloutState, action: string, allowed: readonly string[]): ConflictError {
  return new ConflictError({
    expected: `a rollout that is ${allowed.join(" or ")} for "${action}"`,
    got: `one that is ${state.name}`,
    todo: "Look at the rollout's state and history first.",
  });
}
