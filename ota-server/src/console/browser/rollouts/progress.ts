import type { RolloutView, WaveView } from "@mote/protocol";
import { many } from "../format.js";
import type { StackPart } from "../parts/stack.js";
import { to } from "../route.js";
import { gateName } from "../words.js";

/** How far a rollout is, and what it waits for, in words. Pure. */

/** Members of a wave (and of those before it) by what has become of them. */
export function partsOf(wave: WaveView, id: string): StackPart[] {
  const { members, offered, updating, waiting, staged, confirmed, failed } = wave;
  if (wave.openedAtMs === null) return [];
  return [
    { name: "confirmed", count: confirmed, look: "is-good", href: to.rolloutDevices(id, "confirmed") },
    ...(staged === 0
      ? []
      : [
          {
            name: "waiting for the switch",
            count: staged,
            look: wave.isStaging ? ("is-good" as const) : ("is-wait" as const),
            href: to.rolloutDevices(id, "staged"),
          },
        ]),
    { name: "at it", count: updating, look: "is-busy", href: to.rolloutDevices(id, "offered") },
    { name: "waiting", count: waiting, look: "is-wait", href: to.rolloutDevices(id, "offered") },
    { name: "failed", count: failed, look: "is-bad", href: to.rolloutDevices(id, "failed") },
    { name: "not asked for it yet", count: Math.max(0, members - offered), look: "is-idle" },
  ];
}

export interface WaitsUntil {
  readonly text: string;
  /** When by itself something happens, if nothing else does. */
  readonly untilMs: number | null;
}

/** What would have to happen before the rollout goes on. */
export function nextStep(rollout: RolloutView): WaitsUntil | null {
  const wave = rollout.waves[rollout.currentWave];
  if (wave === undefined) return null;
  switch (rollout.state) {
    case "awaiting-approval":
      return {
        text: `Wave “${wave.name}” opens when ${many(rollout.approvalsMissing, "more person", "more people")} approve${rollout.approvalsMissing === 1 ? "s" : ""}.`,
        untilMs: null,
      };
    case "paused":
      return { text: "No further device is told until somebody resumes it.", untilMs: null };
    case "held":
      return { text: "No further device is told until somebody decides.", untilMs: null };
    case "rolling-back":
      return {
        text: `${many(rollout.rollback.pending, "device")} still to go back to what they ran before.`,
        untilMs: null,
      };
    case "running":
      return runningStep(rollout, wave);
    default:
      return null;
  }
}

function runningStep(rollout: RolloutView, wave: WaveView): WaitsUntil {
  const { soakS, isStaging } = wave;
  const isLast = rollout.currentWave === rollout.waves.length - 1;
  const then = isLast
    ? "the rollout is done"
    : `wave “${rollout.waves[rollout.currentWave + 1]!.name}” opens`;
  if (wave.openedAtMs === null) return { text: `Wave “${wave.name}” is being drawn.`, untilMs: null };
  if (wave.settledAtMs === null) {
    const needed = Math.ceil(rollout.plan.gates.minConfirmedShare * wave.members);
    const missing = Math.max(0, needed - wave.confirmed - (isStaging ? wave.staged : 0));
    const must = isStaging ? "hold the release, proved" : "confirm";
    return {
      text: `${many(missing, "more device")} of wave “${wave.name}” must ${must}; then it is watched${soakS > 0 ? "" : " until every gate is fine"}, and ${then}.`,
      untilMs: wave.deadlineAtMs,
    };
  }
  const open = wave.gates.filter(({ verdict }) => verdict === "undecided").map(({ gate }) => gateName(gate));
  const soakedAtMs = wave.settledAtMs + 1000 * soakS;
  if (open.length > 0) {
    return {
      text: `Undecided: ${open.join(", ")}. When every gate says “fine” and the time to watch is over, ${then}; at the deadline a person is asked.`,
      untilMs: wave.deadlineAtMs,
    };
  }
  return { text: `Every gate says “fine”. When the time to watch is over, ${then}.`, untilMs: soakedAtMs };
}

/** Does it still move, or wait for somebody? */
export function isActive({ state }: RolloutView): boolean {
  return !["completed", "aborted", "rolled-back"].includes(state);
}

/** Devices that the rollout has brought to the release so far. */
export function devicesOn(rollout: RolloutView): number {
  return rollout.waves.reduce((most, wave) => Math.max(most, wave.confirmed), 0);
}
