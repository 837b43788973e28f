import type { Clock } from "./clock.js";

export const PACE_LIMITS = {
  /** Share of the time that work which can wait may take: on a busy server it comes less often, and finds more to join. */
  share: 0.05,
  /** It is never put off for longer. */
  maxWaitMs: 10_000,
} as const;

/** Says when work that can wait is due again, by how long it took the last time. */
export class Pace {
  private readonly clock: Clock;
  private nextMs = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get isDue(): boolean {
    const waitMs = this.nextMs - this.clock();
    // Longer than it can be: the clock was set back.
    return waitMs <= 0 || waitMs > PACE_LIMITS.maxWaitMs;
  }

  /** Does the work, and puts the next off by twenty times as long as it took. */
  async run(work: () => Promise<void>): Promise<void> {
    const startMs = this.clock();
    try {
      await work();
    } finally {
      const endMs = this.clock();
      const tookMs = Math.max(0, endMs - startMs);
      this.nextMs = endMs + Math.min(PACE_LIMITS.maxWaitMs, tookMs / PACE_LIMITS.share);
    }
  }
}
