import { POWER_DEFAULTS, type PowerPolicy } from "./power.js";

/** The agent's defaults and limits, each with its unit. A platform or a person may hand in others. */
export interface AgentSettings {
  /** Used until the server has named an interval. Seconds. */
  readonly pollIntervalS: number;
  /** A poll comes this share of its interval earlier or later, so that a fleet does not poll as one. */
  readonly pollJitterShare: number;
  /** First and longest pause after a failure; it doubles between. Milliseconds. */
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  /** How often unmet preconditions are looked at again. Milliseconds. */
  readonly preconditionsEveryMs: number;
  /** Tries of one update's download before the device gives it up and says so. */
  readonly downloadAttempts: number;
  /** Restarts in the midst of one update before the update itself is suspected. */
  readonly maxRestarts: number;
  /** After so long in the shadow without a restart, earlier restarts are forgiven: devices are switched off at times. */
  readonly shadowSettleMs: number;
  /** A link that brings nothing for so long is given up. Milliseconds. */
  readonly stallMs: number;
  /** Room that must stay free beside an update. Bytes. */
  readonly reserveBytes: number;
  /** Inferences per second; 0 is as fast as the sensor gives. */
  readonly rateHz: number;
  /** Length of a telemetry window. Milliseconds. */
  readonly windowMs: number;
  /** Telemetry frames kept while there is no link; beyond it the oldest is dropped and counted. */
  readonly maxFrames: number;
  /** Reports kept while there is no link. A report is never dropped below this many. */
  readonly maxReports: number;
  readonly power: PowerPolicy;
}

export const AGENT_DEFAULTS: AgentSettings = {
  pollIntervalS: 300,
  pollJitterShare: 0.2,
  retryFirstMs: 1_000,
  retryMaxMs: 15 * 60_000,
  preconditionsEveryMs: 30_000,
  downloadAttempts: 5,
  maxRestarts: 5,
  shadowSettleMs: 10 * 60_000,
  stallMs: 30_000,
  reserveBytes: 256 * 1024,
  rateHz: 5,
  windowMs: 60_000,
  maxFrames: 2_000,
  maxReports: 500,
  power: POWER_DEFAULTS,
};
