import type { Plan } from "../plan/problem.js";

/** One limit that does not hold. */
export interface Over {
  readonly limit: "ram" | "flash" | "latency" | "energy" | "averagePower";
  readonly allowed: number;
  readonly needed: number;
  readonly unit: "B" | "us" | "uJ" | "uW";
  /** The layer that has the largest share of it. */
  readonly layer: string;
  readonly proposal: string;
}

export interface LayerProfile {
  readonly name: string;
  readonly kind: string;
  readonly macs: number;
  readonly bytesMoved: number;
  readonly latencyUs: number;
  readonly worstCaseLatencyUs: number;
  readonly energyUj: number;
  /** Arena bytes alive while this layer runs; 0 where a runtime owns the memory. */
  readonly liveBytes: number;
  readonly paramBytes: number;
}

export interface ProfileReport {
  readonly model: string;
  readonly target: string;
  readonly latencyUs: number;
  readonly worstCaseLatencyUs: number;
  /** null where the target's sheet states no power. */
  readonly energyUj: number | null;
  readonly averagePowerUw: number | null;
  readonly batteryDays: number | null;
  readonly inferencesPerS: number;
  readonly ramBytes: number;
  readonly ramParts: Readonly<Record<string, number>>;
  readonly flashBytes: number;
  readonly flashParts: Readonly<Record<string, number>>;
  readonly macs: number;
  readonly fits: boolean;
  readonly over: readonly Over[];
  readonly layers: readonly LayerProfile[];
  /** In plain words, how each number came about. */
  readonly basis: readonly string[];
  readonly plan?: Plan;
}
