import type { DeviceConditions } from "@mote/protocol";

/**
 * What the device allows itself, whatever the operator asks: a device that runs its battery down to please a rollout
 * serves nobody. Unknown battery or temperature restrains nothing.
 */
export interface PowerPolicy {
  /** Below it, and not charging, the device infers less often and starts no update. Percent. */
  readonly lowBatteryPercent: number;
  /** Below it, it infers only to show that it lives. Percent. */
  readonly criticalBatteryPercent: number;
  /** Shares of the usual inference rate. */
  readonly lowRateShare: number;
  readonly criticalRateShare: number;
  /** Above it, no update is started and inference slows down. Degrees Celsius. */
  readonly maxTemperatureC: number;
}

export const POWER_DEFAULTS: PowerPolicy = {
  lowBatteryPercent: 15,
  criticalBatteryPercent: 5,
  lowRateShare: 0.5,
  criticalRateShare: 0.1,
  maxTemperatureC: 85,
};

export interface Allowance {
  /** Of the usual inference rate, in (0, 1]. */
  readonly rateShare: number;
  /** Why no update may start now; null when one may. */
  readonly noUpdate: "ownLowBattery" | "ownHighTemperature" | null;
}

export function allowance(now: DeviceConditions, policy: PowerPolicy): Allowance {
  if (now.temperatureC !== null && now.temperatureC > policy.maxTemperatureC) {
    return { rateShare: policy.lowRateShare, noUpdate: "ownHighTemperature" };
  }
  if (now.batteryPercent === null || now.charging === true) return { rateShare: 1, noUpdate: null };
  if (now.batteryPercent < policy.criticalBatteryPercent) {
    return { rateShare: policy.criticalRateShare, noUpdate: "ownLowBattery" };
  }
  if (now.batteryPercent < policy.lowBatteryPercent) {
    return { rateShare: policy.lowRateShare, noUpdate: "ownLowBattery" };
  }
  return { rateShare: 1, noUpdate: null };
}
