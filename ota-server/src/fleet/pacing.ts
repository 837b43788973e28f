import { createHash } from "node:crypto";

export const PACING_LIMITS = {
  /** Share by which a device's interval differs from the others', so that a fleet that starts at once spreads out. */
  jitter: 0.2,
  /** Under load the interval grows up to this many times. */
  maxStretch: 32,
} as const;

/** How often devices are asked to come. */
export class Pacing {
  private readonly intervalS: number;
  private readonly load: () => number;

  /** @param load 1 for as much as the server takes with ease; 3 for three times that. */
  constructor(intervalS: number, load: () => number = () => 1) {
    this.intervalS = intervalS;
    this.load = load;
  }

  /**
   * Seconds. The same device gets the same answer while the load is the same: conditional polls stay conditional.
   */
  intervalFor(deviceId: string): number {
    const spread = 1 + PACING_LIMITS.jitter * (fractionOf(deviceId) - 0.5);
    return this.intervalS * this.stretch() * spread;
  }

  /** 1 while there is no need; in steps, so that an interval that is told stays true for a while. */
  stretch(): number {
    const load = this.load();
    const wanted = Number.isFinite(load) ? Math.min(PACING_LIMITS.maxStretch, Math.max(1, load)) : 1;
    return 2 ** Math.ceil(Math.log2(wanted) - 1e-9);
  }
}

/** A number of [0, 1) that only the id decides. */
function fractionOf(deviceId: string): number {
  return createHash("sha256").update(deviceId).digest().readUInt32BE(0) / 2 ** 32;
}
