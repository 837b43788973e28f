import type {
  Finding,
  Metric,
  Role,
  RolloutDeviceState,
  RolloutStateName,
  Verdict,
  WaveView,
} from "@mote/protocol";

/** The contract's names in the words of somebody who has read no documentation. */

export type Tone = "good" | "bad" | "wait" | "busy" | "idle";
type Word = readonly [text: string, tone: Tone];

export const ROLLOUT: Record<RolloutStateName, Word> = {
  "awaiting-approval": ["waits for approval", "wait"],
  running: ["running", "busy"],
  paused: ["paused", "wait"],
  held: ["held: decide", "bad"],
  "rolling-back": ["going back", "bad"],
  "rolled-back": ["taken back", "bad"],
  completed: ["done", "good"],
  aborted: ["ended early", "idle"],
};

export const WAVE: Record<WaveView["state"], Word> = {
  waiting: ["not started", "idle"],
  installing: ["installing", "busy"],
  soaking: ["being watched", "busy"],
  passed: ["passed", "good"],
  stopped: ["stopped", "bad"],
};

export const VERDICT: Record<Verdict, Word> = {
  advance: ["fine", "good"],
  stop: ["worse", "bad"],
  undecided: ["undecided", "wait"],
  "not-applicable": ["nothing to compare", "idle"],
};

/** Of an A/B test. */
export const FINDING: Record<Finding, Word> = {
  better: ["better", "good"],
  worse: ["worse", "bad"],
  equal: ["no difference", "idle"],
  undecided: ["undecided", "wait"],
};

export const MEMBER: Record<RolloutDeviceState, Word> = {
  offered: ["at it or waiting", "busy"],
  staged: ["waits for the switch", "wait"],
  confirmed: ["confirmed", "good"],
  failed: ["failed", "bad"],
  returning: ["going back", "wait"],
  returned: ["back", "idle"],
};

const METRICS: Record<Metric | "installs", string> = {
  installs: "Installs",
  confidence: "Confidence",
  accuracy: "Accuracy on labelled probes",
  errorRate: "Errors",
  latency: "Latency",
  agreement: "Agreement with the release that serves",
};

export function gateName(gate: string): string {
  return METRICS[gate as Metric] ?? gate;
}

/** A difference of a metric in its unit; positive is worse. */
export function difference(gate: string, value: number): string {
  const digits = gate === "latency" ? 0 : gate === "errorRate" ? 2 : 1;
  const size = Math.abs(100 * value).toFixed(digits);
  const sign = Number(size) === 0 ? "" : value > 0 ? "+" : "−";
  return `${sign}${size} ${gate === "latency" ? "%" : "points"}`;
}

/** What its positive direction means. */
export function worseIs(gate: string): string {
  return (
    { latency: "slower", errorRate: "more errors", agreement: "other answers", installs: "more failures" }[
      gate
    ] ?? "lost"
  );
}

const PRECONDITIONS: Record<string, string> = {
  minBatteryPercent: "more battery",
  requireCharging: "a charger",
  links: "another kind of network",
  allowMetered: "a link that is not metered",
  minFreeBytes: "free space",
  minTemperatureC: "a warmer place",
  maxTemperatureC: "a cooler place",
  requireIdle: "a moment in which the device is idle",
  requireNoCriticalTask: "the end of a critical task",
  windows: "its time window",
};

/** What a device waits for; its own words where it gives some. */
export function waitsFor(reason: string): string {
  return PRECONDITIONS[reason] ?? reason;
}

const CODES: Record<string, string> = {
  "signature-invalid": "a signature that is not valid",
  "metadata-expired": "signed metadata that has expired",
  "below-floor": "a release below the signed floor",
  "wrong-hardware": "a release for other hardware",
  "wrong-architecture": "parameters for other code",
  "manifest-invalid": "a manifest that is not valid",
  "download-failed": "a broken download",
  "digest-mismatch": "content that is not what was signed",
  "patch-failed": "a patch that did not apply",
  "disk-full": "a full disk",
  "golden-failed": "golden vectors that came out wrong",
  "unhealthy-errors": "too many errors on trial",
  "unhealthy-latency": "too slow on trial",
  withdrawn: "an offer that was withdrawn",
  interrupted: "an interruption",
  internal: "a fault of the agent",
  "install-failed": "an install that failed",
};

export function reasonOf(code: string | null): string {
  return code === null ? "" : (CODES[code] ?? code);
}

const PHASES: Record<string, string> = {
  idle: "at rest",
  waiting: "waits",
  verifying: "checks signatures",
  downloading: "fetches",
  applying: "writes the spare slot",
  trying: "tries the golden vectors",
  probation: "serves on probation",
  confirming: "makes it the confirmed one",
  reverting: "goes back",
  shadowing: "runs in the shadow",
  staged: "waits in the spare slot for the switch",
};

export function phaseOf(phase: string): string {
  return PHASES[phase] ?? phase;
}

/** Each role may do what those before it may. */
const RANK: readonly Role[] = ["viewer", "operator", "approver", "release-manager", "admin"];

export function may(role: Role, wanted: Role): boolean {
  return RANK.indexOf(role) >= RANK.indexOf(wanted);
}
