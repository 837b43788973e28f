import { DEFAULT_RETRIES, DEFAULT_SWITCH_SOAK_S, type RolloutPlan } from "@mote/protocol";
import { UsageError } from "../errors.js";

/**
 * How a rehearsal compresses time: the fleet's life runs `speed` times as fast, so every length of time in the plan, of
 * telemetry windows, probation and polls is divided by it. What it can't divide is the work itself: an install takes a
 * real device's time on this machine, so there is a greatest speed.
 */

const LEAST_REAL_S = {
  /** A shorter telemetry window would measure this machine's scheduler. */
  window: 0.5,
  /** In which a device must have downloaded, tried and confirmed, on a busy machine. */
  installTimeout: 20,
  deadline: 20,
  poll: 1,
} as const;

/** What real fleets do, where the operator does not say otherwise. Seconds. */
export const FLEET_DEFAULTS_S = { window: 60, poll: 60 } as const;

/** The greatest speed at which the plan still means what it says. */
export function greatestSpeed(plan: RolloutPlan, windowS: number): number {
  const { installTimeoutS, deadlineS } = plan.gates;
  const bounds = [
    windowS / LEAST_REAL_S.window,
    installTimeoutS / LEAST_REAL_S.installTimeout,
    deadlineS / LEAST_REAL_S.deadline,
  ];
  return Math.max(1, Math.floor(Math.min(...bounds)));
}

/** @throws UsageError for a speed beyond the greatest */
export function chooseSpeed(plan: RolloutPlan, windowS: number, wanted: number | null): number {
  const greatest = greatestSpeed(plan, windowS);
  if (wanted === null || wanted <= greatest) return wanted ?? greatest;
  throw new UsageError({
    expected: `a speed of at most ${greatest} for this plan`,
    got: String(wanted),
    todo: `Telemetry windows shorter than ${LEAST_REAL_S.window} s and install time-outs shorter than ${LEAST_REAL_S.installTimeout} s would measure this machine. Longer windows (--window-s) or a longer installTimeoutS allow more.`,
  });
}

/** Seconds between the polls of the rehearsal's devices; waves call them up over MQTT besides. */
export function pollRealS(speed: number): number {
  return Math.max(LEAST_REAL_S.poll, FLEET_DEFAULTS_S.poll / speed);
}

/**
 * The plan as the rehearsal's server gets it.
 *
 * @param share of the eligible devices that are simulated; numbers of devices shrink with it.
 */
export function pacedPlan(plan: RolloutPlan, speed: number, share: number): RolloutPlan {
  const { gates, limits, retries = DEFAULT_RETRIES, approvalExpiresS } = plan;
  const fewer = (count: number) => Math.max(1, Math.round(count * share));
  const { concurrent, deadlineS } = limits ?? {};
  return {
    ...plan,
    // The simulated devices are those that the query found.
    query: {},
    waves: plan.waves.map((wave) => ({
      ...wave,
      soakS: wave.soakS / speed,
      ...(wave.count === undefined ? {} : { count: fewer(wave.count) }),
    })),
    ...(plan.strategy === "blue-green"
      ? { switch: { ...plan.switch, soakS: (plan.switch?.soakS ?? DEFAULT_SWITCH_SOAK_S) / speed } }
      : {}),
    gates: {
      ...gates,
      installTimeoutS: gates.installTimeoutS / speed,
      deadlineS: gates.deadlineS / speed,
    },
    // An hour of the server's clock is longer than a rehearsal: installsPerHour is told in words (paceNotes).
    limits: {
      ...(concurrent === undefined ? {} : { concurrent: fewer(concurrent) }),
      ...(deadlineS === undefined ? {} : { deadlineS: deadlineS / speed }),
    },
    retries: { maxAttempts: retries.maxAttempts, backoffS: retries.backoffS / speed },
    ...(approvalExpiresS === undefined ? {} : { approvalExpiresS: approvalExpiresS / speed }),
  };
}

/** Where the rehearsal is not the real thing, in words. */
export function paceNotes(plan: RolloutPlan, speed: number, devices: number, eligible: number): string[] {
  const notes = [
    `Time runs ${speed} times as fast: a minute here is ${spanText(60 * speed)} of the fleet's life.`,
  ];
  if (devices < eligible) {
    notes.push(
      `${devices} devices stand for ${eligible}: numbers of devices in the plan shrink with them, and gates see fewer devices than they will, so they decide later here.`,
    );
  }
  const perHour = plan.limits?.installsPerHour;
  if (perHour !== undefined) {
    notes.push(
      `installsPerHour is left out here. In the field ${perHour} an hour take ${spanText((3600 * eligible) / perHour)} for all ${eligible} devices.`,
    );
  }
  return notes;
}

/** A length of time for people: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`. */
export function spanText(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}
