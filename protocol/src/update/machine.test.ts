import { describe, expect, it } from "vitest";
import { IllegalTransitionError } from "../errors.js";
import {
  type Answer,
  EVENTS,
  STATES,
  TABLE,
  transition,
  type UpdateEvent,
  type UpdateState,
} from "./machine.js";

/**
 * The table once more, written the way a reviewer reads it: for each state the events that move it and those that it
 * may ignore. Whatever is in neither list must be refused.
 */
const MOVES: Record<UpdateState, Partial<Record<UpdateEvent, UpdateState>>> = {
  idle: { offer: "waiting", restarted: "idle" },
  waiting: { withdraw: "idle", preconditionsMet: "verifying", restarted: "waiting" },
  verifying: {
    withdraw: "idle",
    preconditionsLost: "waiting",
    trusted: "downloading",
    refused: "idle",
    downloadFailed: "waiting",
    restarted: "waiting",
  },
  downloading: {
    withdraw: "idle",
    preconditionsLost: "waiting",
    downloaded: "applying",
    downloadFailed: "waiting",
    refused: "idle",
    restarted: "waiting",
  },
  applying: {
    withdraw: "idle",
    applied: "trying",
    routeFailed: "downloading",
    applyFailed: "idle",
    restarted: "applying",
  },
  trying: {
    withdraw: "idle",
    goldenPassed: "probation",
    shadowReady: "shadowing",
    goldenHeld: "staged",
    goldenFailed: "reverting",
    restarted: "trying",
  },
  probation: {
    withdraw: "reverting",
    healthy: "confirming",
    unhealthy: "reverting",
    restarted: "probation",
  },
  confirming: { confirmed: "idle", restarted: "confirming" },
  reverting: { reverted: "idle", restarted: "reverting" },
  shadowing: { withdraw: "idle", shadowFailed: "idle", restarted: "shadowing" },
  staged: { withdraw: "idle", activated: "trying", refused: "idle", restarted: "staged" },
};

const ANYTIME: readonly UpdateEvent[] = ["offer", "withdraw", "preconditionsMet", "preconditionsLost"];

function expected(state: UpdateState, event: UpdateEvent): Answer {
  return MOVES[state][event] ?? (ANYTIME.includes(event) ? "stay" : "never");
}

describe("the update machine", () => {
  for (const state of STATES) {
    it.each(
      EVENTS.map((event) => ({ event, answer: expected(state, event) })),
    )(`in ${state} answers $event with $answer`, ({ event, answer }) => {
      expect(TABLE[state][event]).toBe(answer);
      if (answer === "never") {
        expect(() => transition(state, event)).toThrow(IllegalTransitionError);
      } else if (answer === "stay") {
        expect(transition(state, event)).toEqual({ state, enter: false });
      } else {
        expect(transition(state, event)).toEqual({ state: answer, enter: true });
      }
    });
  }

  it("names the events that it would take when it refuses one", () => {
    expect(() => transition("idle", "healthy")).toThrow(/offer.*in state "idle"; got "healthy"/);
  });

  it("comes back to idle from every state, whatever fails", () => {
    const failing: readonly UpdateEvent[] = [
      "withdraw",
      "refused",
      "applyFailed",
      "goldenFailed",
      "unhealthy",
      "reverted",
      "confirmed",
    ];
    for (const start of STATES) {
      const seen = new Set<UpdateState>([start]);
      const queue: UpdateState[] = [start];
      for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
        for (const event of failing) {
          const answer = TABLE[at][event];
          if (answer === "never" || answer === "stay" || seen.has(answer)) continue;
          seen.add(answer);
          queue.push(answer);
        }
      }
      expect(seen.has("idle"), `from ${start}`).toBe(true);
    }
  });

  it("lets nothing but a passed trial and a healthy probation reach the confirmed slot", () => {
    const into = (target: UpdateState) =>
      STATES.flatMap((state) =>
        EVENTS.filter((event) => state !== target && TABLE[state][event] === target).map(
          (event) => `${state}:${event}`,
        ),
      );
    expect(into("confirming")).toEqual(["probation:healthy"]);
    expect(into("probation")).toEqual(["trying:goldenPassed"]);
    expect(into("shadowing")).toEqual(["trying:shadowReady"]);
    expect(into("staged")).toEqual(["trying:goldenHeld"]);
    expect(into("trying")).toEqual(["applying:applied", "staged:activated"]);
  });
});
