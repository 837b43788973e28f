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

/** A number of [0, 1) that only the id decides. Asked at every poll: FNV-1a, its bits mixed as MurmurHash3 ends. */
function fractionOf(deviceId: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < deviceId.length; at++) hash = Math.imul(hash ^ deviceId.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
