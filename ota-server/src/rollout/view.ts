import type { RolloutView, WaveView } from "@mote/protocol";
import type { MemberTally } from "../store/memberViews.js";
import { isStagingWave, wavesOf } from "./blueGreen.js";
import { inScope } from "./desired.js";
import { promotionOf } from "./promotion.js";
import { approvalsFor, approvalsNeeded, type RolloutState } from "./state.js";

/** What people see of a rollout. */
export function rolloutView(
  state: RolloutState,
  members: readonly MemberTally[],
  nowMs: number,
): RolloutView {
  const returning = members.filter(({ wave }) => state.rollbackScope !== null && inScope(state, wave));
  return {
    id: state.id,
    plan: state.plan,
    sequence: state.sequence,
    state: state.name,
    reason: state.reason,
    createdAtMs: state.createdAtMs,
    updatedAtMs: state.updatedAtMs,
    currentWave: state.currentWave,
    waves: state.waves.map((_, i) => waveView(state, i, members)),
    approvals: [...state.approvals],
    approvalsMissing: approvalsMissing(state, nowMs),
    breakGlass: state.breakGlass,
    waiting: waitingOf(members),
    rollback: {
      done: count(returning, (one) => one.state === "returned"),
      pending: count(returning, (one) => one.state === "returning"),
    },
    history: [...state.history],
    promotion: promotionOf(state),
  };
}

function waveView(state: RolloutState, index: number, all: readonly MemberTally[]): WaveView {
  const wave = state.waves[index]!;
  const { name, soakS } = wavesOf(state.plan)[index]!;
  const members = all.filter((one) => one.wave <= index);
  const isWaiting = (one: MemberTally) => one.waitsFor !== null;
  return {
    name,
    state: wave.phase === "opening" ? "waiting" : wave.phase,
    openedAtMs: wave.openedAtMs,
    isStaging: isStagingWave(state.plan, index),
    soakS,
    settledAtMs: wave.settledAtMs,
    deadlineAtMs: wave.deadlineAtMs,
    members: wave.members,
    offered: count(members, () => true),
    updating: count(members, (one) => one.state === "offered" && !isWaiting(one)),
    waiting: count(members, isWaiting),
    staged: count(members, (one) => one.state === "staged"),
    confirmed: count(
      members,
      ({ state: is }) => is === "confirmed" || is === "returning" || is === "returned",
    ),
    failed: count(members, (one) => one.state === "failed"),
    retrying: count(members, (one) => one.isRetrying),
    control: wave.control,
    gates: [...wave.gates],
  };
}

function approvalsMissing(state: RolloutState, nowMs: number): number {
  if (state.name !== "awaiting-approval") return 0;
  const { plan, currentWave } = state;
  return Math.max(0, approvalsNeeded(plan, currentWave) - approvalsFor(state, currentWave, nowMs).length);
}

function count(tallies: readonly MemberTally[], has: (one: MemberTally) => boolean): number {
  return tallies.reduce((sum, one) => sum + (has(one) ? one.devices : 0), 0);
}

/** Devices may give reasons in their own words; more than these would only be noise. */
const REASONS_SHOWN = 20;

/** Most devices first. */
function waitingOf(members: readonly MemberTally[]): RolloutView["waiting"] {
  const counts = new Map<string, number>();
  for (const { waitsFor, devices } of members) {
    if (waitsFor !== null) counts.set(waitsFor, (counts.get(waitsFor) ?? 0) + devices);
  }
  const sorted = [...counts]
    .map(([reason, devices]) => ({ reason, devices }))
    .sort((a, b) => b.devices - a.devices || (a.reason < b.reason ? -1 : 1));
  const others = sorted.slice(REASONS_SHOWN).reduce((sum, { devices }) => sum + devices, 0);
  const shown = sorted.slice(0, REASONS_SHOWN);
  return others === 0 ? shown : [...shown, { reason: "other reasons", devices: others }];
}
