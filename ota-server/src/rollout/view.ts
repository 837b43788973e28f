import type { RolloutView } from "@mote/protocol";
import type { Member } from "../store/rollouts.js";
import { inScope } from "./desired.js";
import type { RolloutState } from "./state.js";

/** What people see of a rollout. */
export function rolloutView(state: RolloutState, members: readonly Member[]): RolloutView {
  const counted = (wave: number, ...states: Member["state"][]) =>
    members.filter((member) => member.wave <= wave && states.includes(member.state)).length;
  const returning = members.filter((member) => state.rollbackScope !== null && inScope(state, member.wave));
  return {
    id: state.id,
    plan: state.plan,
    sequence: state.sequence,
    state: state.name,
    reason: state.reason,
    createdAtMs: state.createdAtMs,
    updatedAtMs: state.updatedAtMs,
    currentWave: state.currentWave,
    waves: state.waves.map((wave, i) => ({
      name: state.plan.waves[i]!.name,
      state: wave.phase === "opening" ? "waiting" : wave.phase,
      openedAtMs: wave.openedAtMs,
      members: wave.members,
      offered: members.filter((member) => member.wave <= i).length,
      confirmed: counted(i, "confirmed", "returning", "returned"),
      failed: counted(i, "failed"),
      control: wave.control,
      gates: [...wave.gates],
    })),
    approvals: [...state.approvals],
    breakGlass: state.breakGlass,
    waiting: waitingOf(members),
    rollback: {
      done: returning.filter((member) => member.state === "returned").length,
      pending: returning.filter((member) => member.state === "returning").length,
    },
    history: [...state.history],
  };
}

/** Most devices first. */
function waitingOf(members: readonly Member[]): RolloutView["waiting"] {
  const counts = new Map<string, number>();
  for (const { state, code, detail } of members) {
    if (state !== "offered" || code !== "waiting-preconditions") continue;
    const reason = detail ?? "unknown";
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts]
    .map(([reason, devices]) => ({ reason, devices }))
    .sort((a, b) => b.devices - a.devices || (a.reason < b.reason ? -1 : 1));
}
