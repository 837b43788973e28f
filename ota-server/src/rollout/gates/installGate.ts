import type { GateEvidence, Gates } from "@mote/protocol";

export interface Installs {
  /** Devices that belong to the waves opened so far. */
  readonly members: number;
  readonly offered: number;
  readonly confirmed: number;
  readonly failed: number;
  readonly timedOut: number;
}

/** Installs need no statistics: the plan says how many of the wave may fail, and how many must have made it. */
export function judgeInstalls(
  gates: Gates,
  installs: Installs,
  /** Has an earlier wave tested it? */
  mayBeEmpty: boolean,
  /** What those are called that have made it. */
  done: "confirmed" | "staged" = "confirmed",
): GateEvidence {
  const { members, confirmed, failed, timedOut } = installs;
  const allowed = Math.floor(gates.maxFailureShare * members);
  const needed = neededToSettle(gates, members);
  const failures = failed + timedOut;
  const evidence = {
    gate: "installs",
    difference: null,
    margin: null,
    waveDevices: members,
    controlDevices: 0,
    pWorse: null,
    threshold: null,
    looks: 0,
  };
  if (members === 0 && !mayBeEmpty) {
    // An empty canary has tested nothing: silence never advances.
    return { ...evidence, verdict: "undecided", text: "no device belongs to this wave" };
  }
  const figures = `${confirmed} of ${members} ${done}, ${failed} failed, ${timedOut} timed out`;
  if (failures > allowed) {
    return { ...evidence, verdict: "stop", text: `${figures}; at most ${allowed} may fail` };
  }
  if (confirmed >= needed) return { ...evidence, verdict: "advance", text: `${figures}; ${needed} needed` };
  return { ...evidence, verdict: "undecided", text: `${figures}; waits for ${needed}` };
}

export function neededToSettle(gates: Gates, members: number): number {
  return Math.ceil(gates.minConfirmedShare * members);
}
