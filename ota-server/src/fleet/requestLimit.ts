import type { Clock } from "../clock.js";
import { TooManyRequestsError } from "../errors.js";

export const REQUEST_LIMITS = {
  /** Requests that a device may make at once, after a while of silence: an outage's reports, a few retries. */
  burst: 120,
  /** Devices whose recent requests are remembered; those that have been quiet longest are forgotten first. */
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
  private readonly buckets = new Map<string, Bucket>();

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
    this.buckets.delete(deviceId);
    this.buckets.set(deviceId, { tokens: Math.max(0, tokens - 1), atMs: nowMs });
    for (const oldest of this.buckets.keys()) {
      if (this.buckets.size <= REQUEST_LIMITS.maxDevices) break;
      this.buckets.delete(oldest);
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
