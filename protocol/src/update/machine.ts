import { IllegalTransitionError } from "../errors.js";

/**
 * The device's update as a table: every state answers every event. The machine is pure; the agent's shell (or the
 * firmware's) performs the effect of the state that it enters, and persists the state *before* it performs it, so that
 * after a power cut the same effect is simply performed again.
 */

export const STATES = [
  /** Runs the confirmed slot; nothing to do. */
  "idle",
  /** An offer is known; waits for the preconditions (battery, link, window …). */
  "waiting",
  /** Fetches trust metadata and the manifest, and judges them. */
  "verifying",
  /** Fetches the artifact, whole or as a patch; resumes where it stopped. */
  "downloading",
  /** Writes the spare slot and checks its digest. */
  "applying",
  /** Runs the golden vectors on the spare slot. The confirmed slot still serves. */
  "trying",
  /** The spare slot serves, under the update's own health criteria. */
  "probation",
  /** Makes the new slot the confirmed one. */
  "confirming",
  /** Goes back to the confirmed slot. */
  "reverting",
  /** The spare slot runs beside the confirmed one and only reports; the confirmed slot serves. */
  "shadowing",
  /** The spare slot holds a release that passed its golden vectors and waits for the word to switch; nothing of it runs. */
  "staged",
] as const;
export type UpdateState = (typeof STATES)[number];

export const EVENTS = [
  "offer",
  "withdraw",
  "preconditionsMet",
  "preconditionsLost",
  "trusted",
  "refused",
  "downloaded",
  "downloadFailed",
  "applied",
  /** This route's bytes do not make the artifact; another route may. */
  "routeFailed",
  /** No route can help: the disk is full, or the last one failed. */
  "applyFailed",
  "goldenPassed",
  /** The golden vectors passed on a release that was offered as a shadow. */
  "shadowReady",
  /** The shadow harms the device that it runs on. */
  "shadowFailed",
  /** The golden vectors passed on a release that is to wait for the switch. */
  "goldenHeld",
  /** The word to switch has come, nothing stands against it, and the release is one that would be taken today. */
  "activated",
  "goldenFailed",
  "healthy",
  "unhealthy",
  "confirmed",
  "reverted",
  /** The process or the board started; sent once with the persisted state. */
  "restarted",
] as const;
export type UpdateEvent = (typeof EVENTS)[number];

/** What a microcontroller's table leaves out: it runs one model at a time, and what it has proved it begins to serve. */
export const BEYOND_FIRMWARE: ReadonlySet<UpdateState | UpdateEvent> = new Set([
  "shadowing",
  "shadowReady",
  "shadowFailed",
  "staged",
  "goldenHeld",
  "activated",
]);

/** A state to go to; "stay" keeps the state without doing its effect again; "never" is a fault of the shell. */
export type Answer = UpdateState | "stay" | "never";

type Row = Record<UpdateEvent, Answer>;

const quiet: Row = {
  offer: "stay",
  withdraw: "stay",
  preconditionsMet: "stay",
  preconditionsLost: "stay",
  trusted: "never",
  refused: "never",
  downloaded: "never",
  downloadFailed: "never",
  applied: "never",
  routeFailed: "never",
  applyFailed: "never",
  goldenPassed: "never",
  shadowReady: "never",
  shadowFailed: "never",
  goldenHeld: "never",
  activated: "never",
  goldenFailed: "never",
  healthy: "never",
  unhealthy: "never",
  confirmed: "never",
  reverted: "never",
  restarted: "never",
};

export const TABLE: Record<UpdateState, Row> = {
  idle: { ...quiet, offer: "waiting", restarted: "idle" },
  waiting: { ...quiet, withdraw: "idle", preconditionsMet: "verifying", restarted: "waiting" },
  verifying: {
    ...quiet,
    withdraw: "idle",
    preconditionsLost: "waiting",
    trusted: "downloading",
    // Metadata could not be fetched: tried again later, as any download.
    downloadFailed: "waiting",
    refused: "idle",
    restarted: "waiting",
  },
  downloading: {
    ...quiet,
    withdraw: "idle",
    preconditionsLost: "waiting",
    downloaded: "applying",
    downloadFailed: "waiting",
    refused: "idle",
    // Trust is judged again after a restart: metadata may have expired while the power was off.
    restarted: "waiting",
  },
  applying: {
    ...quiet,
    withdraw: "idle",
    applied: "trying",
    routeFailed: "downloading",
    applyFailed: "idle",
    // The spare slot may be half-written; applying starts it from its first byte.
    restarted: "applying",
  },
  trying: {
    ...quiet,
    withdraw: "idle",
    goldenPassed: "probation",
    shadowReady: "shadowing",
    goldenHeld: "staged",
    goldenFailed: "reverting",
    restarted: "trying",
  },
  probation: {
    ...quiet,
    withdraw: "reverting",
    healthy: "confirming",
    unhealthy: "reverting",
    restarted: "probation",
  },
  confirming: { ...quiet, confirmed: "idle", restarted: "confirming" },
  reverting: { ...quiet, reverted: "idle", restarted: "reverting" },
  // Ends when the server no longer wants it. The spare slot keeps the release: to promote it needs no download.
  shadowing: { ...quiet, withdraw: "idle", shadowFailed: "idle", restarted: "shadowing" },
  // It may have lain there for weeks: trust is asked and the golden vectors are tried once more before it serves.
  staged: { ...quiet, withdraw: "idle", activated: "trying", refused: "idle", restarted: "staged" },
};

/** Pure. Throws IllegalTransitionError where the table says "never". */
export function transition(state: UpdateState, event: UpdateEvent): { state: UpdateState; enter: boolean } {
  const answer = TABLE[state][event];
  if (answer === "never") {
    const allowed = EVENTS.filter((name) => TABLE[state][name] !== "never");
    throw new IllegalTransitionError({
      expected: `one of ${allowed.join(", ")} in state "${state}"`,
      got: `"${event}"`,
      todo: "This is a fault in the agent: report it with the agent's log.",
    });
  }
  return answer === "stay" ? { state, enter: false } : { state: answer, enter: true };
}
