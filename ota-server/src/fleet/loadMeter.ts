import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";

export const LOAD_LIMITS = {
  /** Delay of the event loop, in its worst tenth, that devices don't notice. Milliseconds. */
  easyDelayMs: 100,
  /** How often the load is read. */
  sampleMs: 5000,
  /** Share of the newest sample; so one long query does not send a whole fleet away. */
  smoothing: 0.5,
} as const;

/** How busy this process is: 1 with ease, 3 when work waits three times as long as it should. */
export class LoadMeter {
  private readonly delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 20 });
  private readonly timer: NodeJS.Timeout;
  private load = 1;

  constructor() {
    this.delay.enable();
    this.timer = setInterval(() => this.sample(), LOAD_LIMITS.sampleMs);
    this.timer.unref();
  }

  get current(): number {
    return this.load;
  }

  close(): void {
    clearInterval(this.timer);
    this.delay.disable();
  }

  private sample(): void {
    const now = Math.max(1, this.delay.percentile(90) / 1e6 / LOAD_LIMITS.easyDelayMs);
    this.load += LOAD_LIMITS.smoothing * (now - this.load);
    this.delay.reset();
  }
}
