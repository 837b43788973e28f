import { CONFIDENCE_BINS, MAX_CLASSES, type TelemetryFrame } from "@mote/protocol";
import { confidenceBin, type Judgement } from "./judgement.js";

/** What one telemetry window saw. Kept as counts, so that a window costs the same whether it saw ten inferences or a million. */

/** Latencies kept for the percentile; beyond it every new one replaces a random old one (Vitter's algorithm R). */
const LATENCY_RESERVOIR = 512;

export type FrameContent = Omit<TelemetryFrame, "sequence">;

export interface WindowFacts {
  readonly windowMs: number;
  readonly batteryPercent: number | null;
  readonly temperatureC: number | null;
}

export class TelemetryWindow {
  private inferences = 0;
  private errors = 0;
  private abstained = 0;
  private latencySum = 0;
  private latencyMax = 0;
  private latencyCount = 0;
  private readonly latencies: number[] = [];
  private readonly confidence = new Array<number>(CONFIDENCE_BINS).fill(0);
  private readonly outputs: number[] = [];
  private probesSeen = 0;
  private probesCorrect = 0;
  private compared = 0;
  private agreed = 0;

  constructor(
    readonly releaseSequence: number,
    readonly onProbation: boolean,
    private readonly startMs: number,
    private readonly random: () => number,
    /** Of a release that runs in the shadow of another. */
    private readonly isShadow = false,
  ) {}

  get isEmpty(): boolean {
    return this.inferences === 0;
  }

  addError(): void {
    this.inferences++;
    this.errors++;
  }

  /** @param label truth of the sample, where the device knows it. */
  add(judgement: Judgement, latencyUs: number, label: number | null): void {
    this.inferences++;
    if (!judgement.mayAct) this.abstained++;
    this.confidence[confidenceBin(judgement.confidence)]!++;
    if (judgement.top < MAX_CLASSES) {
      while (this.outputs.length <= judgement.top) this.outputs.push(0);
      this.outputs[judgement.top]!++;
    }
    this.addLatency(latencyUs);
    if (label === null) return;
    this.probesSeen++;
    if (label === judgement.top) this.probesCorrect++;
  }

  /** @param agrees the release in the shadow named the class that the serving one named. */
  compare(agrees: boolean): void {
    this.compared++;
    if (agrees) this.agreed++;
  }

  close(facts: WindowFacts): FrameContent {
    return {
      windowStartMs: this.startMs,
      windowMs: facts.windowMs,
      releaseSequence: this.releaseSequence,
      onProbation: this.onProbation,
      inferences: this.inferences,
      errors: this.errors,
      abstained: this.abstained,
      latencyUs: {
        mean: this.latencyCount === 0 ? 0 : this.latencySum / this.latencyCount,
        p95: percentile(this.latencies, 0.95),
        max: this.latencyMax,
      },
      // No agent on a general computer can tell its energy; an MCU's comes from its bundle.
      energyUj: 0,
      confidence: this.confidence,
      outputs: this.outputs,
      probes: { seen: this.probesSeen, correct: this.probesCorrect },
      batteryPercent: facts.batteryPercent,
      temperatureC: facts.temperatureC,
      shadow: this.isShadow ? { compared: this.compared, agreed: this.agreed } : null,
    };
  }

  private addLatency(latencyUs: number): void {
    this.latencyCount++;
    this.latencySum += latencyUs;
    this.latencyMax = Math.max(this.latencyMax, latencyUs);
    if (this.latencies.length < LATENCY_RESERVOIR) {
      this.latencies.push(latencyUs);
      return;
    }
    const at = Math.floor(this.random() * this.latencyCount);
    if (at < LATENCY_RESERVOIR) this.latencies[at] = latencyUs;
  }
}

/** Nearest rank; 0 for no values. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}
