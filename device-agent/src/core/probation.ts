import type { HealthCriteria, ReportCode } from "@mote/protocol";
import { percentile } from "./window.js";

/**
 * Judges a release that serves on probation by the update's own health criteria. Pure but for what it counts; the time
 * is handed in. There is no deadline: a device whose sensor is silent stays on probation, and silence confirms nothing.
 */

export type Verdict =
  | { readonly kind: "undecided" }
  | { readonly kind: "healthy" }
  | { readonly kind: "unhealthy"; readonly code: ReportCode; readonly detail: string };

/** Inferences whose latency does not count: engines are slow until their code is warm. */
const WARM_UP = 3;
/** Latencies kept; probation of a fast sensor must not grow without bound. */
const MAX_LATENCIES = 1024;

export class Probation {
  private inferences = 0;
  private errors = 0;
  private lastError = "";
  private readonly latencies: number[] = [];

  constructor(
    private readonly criteria: HealthCriteria,
    private readonly startedMs: number,
  ) {}

  ok(latencyUs: number): void {
    this.inferences++;
    if (this.inferences > WARM_UP && this.latencies.length < MAX_LATENCIES) this.latencies.push(latencyUs);
  }

  error(reason: string): void {
    this.inferences++;
    this.errors++;
    this.lastError = reason;
  }

  /** @param nowMs of the same monotonic clock as `startedMs`. */
  verdict(nowMs: number): Verdict {
    const { probationInferences, probationS, maxErrorShare, maxLatencyUs } = this.criteria;
    const counted = Math.max(this.inferences, probationInferences);
    // Decided as soon as even perfect inferences could not save it: a bad model should not serve its probation out.
    if (this.errors > maxErrorShare * counted) {
      return {
        kind: "unhealthy",
        code: "unhealthy-errors",
        detail: `${this.errors} of ${this.inferences} inferences failed (allowed: ${maxErrorShare}): ${this.lastError}`,
      };
    }
    if (this.inferences < probationInferences || nowMs - this.startedMs < probationS * 1000) {
      return { kind: "undecided" };
    }
    // The median: one pause of the operating system must not take a release back, a slow model must.
    const typicalUs = percentile(this.latencies, 0.5);
    if (typicalUs > maxLatencyUs) {
      return {
        kind: "unhealthy",
        code: "unhealthy-latency",
        detail: `median latency ${Math.round(typicalUs)} us (allowed: ${maxLatencyUs} us)`,
      };
    }
    return { kind: "healthy" };
  }
}
