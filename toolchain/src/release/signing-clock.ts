import { EARLIEST_CLOCK_MS } from "@mote/protocol";
import { ClockError } from "../errors.js";

const DAY_MS = 86_400_000;

/** By how much two people's clocks may honestly differ. */
const SKEW_MS = DAY_MS;

/** This machine's time, for what people sign. Throws ClockError for a time before this software existed. */
export function signingTimeMs(nowMs: number = Date.now()): number {
  if (nowMs >= EARLIEST_CLOCK_MS) return nowMs;
  throw new ClockError({
    expected: `a clock that shows ${new Date(EARLIEST_CLOCK_MS).toISOString().slice(0, 10)} or later`,
    got: new Date(nowMs).toISOString(),
    todo: "What is signed now would have expired long ago. Set this machine's clock (date -s, or its time service) and sign again.",
  });
}

/**
 * Whoever replaces a document signs later than whoever signed it; so with the same lifetime the new one expires later.
 *
 * @param what is signed, such as "targets version 3".
 * @param may the person has said that it is to expire sooner.
 * @throws ClockError
 */
export function checkExpiresLater(what: string, held: string, expiresMs: number, may: boolean): void {
  if (may || expiresMs + SKEW_MS >= Date.parse(held)) return;
  throw new ClockError({
    expected: `${what} to expire no sooner than what it replaces, at ${held}`,
    got: `an expiry of ${new Date(expiresMs).toISOString()}, by this machine's clock and the days asked for`,
    todo: "Set this machine's clock if it is slow. If it is right, ask for more days, or say --expires-sooner.",
  });
}
