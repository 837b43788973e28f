import type { Clock } from "../clock.js";
import { TooManyRequestsError } from "../errors.js";
import { BoundedMap } from "./boundedMap.js";

export const REQUEST_LIMITS = {
  /** Requests that a device may make at once, after a while of silence: an outage's reports, a few retries. */
  burst: 120,
  /** Devices whose recent requests are remembered; those that came first are forgotten first. */
  maxDevices: 50_000,
} as const;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Keeps one device that has lost its mind from taking the server from all the others (token bucket). */
export class RequestLimit {
  private readonly perMs: number;
  private readonly clock: Clock;
  private readonly buckets = new BoundedMap<string, Bucket>(REQUEST_LIMITS.maxDevices);

  constructor(perMinute: number, clock: Clock) {
    this.perMs = perMinute / 60_000;
    this.clock = clock;
  }

  /** Throws TooManyRequestsError. */
  take(deviceId: string): void {
    const nowMs = this.clock();
    const held = this.buckets.get(deviceId);
    // A clock that was set back gives nothing and takes nothing.
    const idleMs = held === undefined ? 0 : Math.max(0, nowMs - held.atMs);
    const tokens =
      held === undefined
        ? REQUEST_LIMITS.burst
        : Math.min(REQUEST_LIMITS.burst, held.tokens + idleMs * this.perMs);
    const left = Math.max(0, tokens - 1);
    if (held === undefined) this.buckets.set(deviceId, { tokens: left, atMs: nowMs });
    else {
      held.tokens = left;
      held.atMs = nowMs;
    }
    if (tokens >= 1) return;
    const waitS = Math.max(1, Math.ceil((1 - tokens) / this.perMs / 1000));
    throw new TooManyRequestsError(
      {
        expected: `at most ${Math.round(this.perMs * 60_000)} requests a minute of one device`,
        got: "more",
        todo: `Come again in ${waitS} s.`,
      },
      waitS,
    );
  }
}
