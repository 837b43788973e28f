import { openRelease, type Release } from "./candidate.js";
import { judge, toInput, toReal } from "./judgement.js";
import type { BlobStore, InferenceEngine, LoadedModel, Log, Sample } from "./ports.js";
import { messageOf } from "./report-code.js";
import type { Slot } from "./state.js";
import { type FrameContent, TelemetryWindow, type WindowFacts } from "./window.js";

/** What it takes to run a release. */
export interface RunDeps {
  readonly engine: InferenceEngine;
  readonly blobs: BlobStore;
  readonly hardware: string;
  readonly log: Log;
  readonly random: () => number;
}

/** The release in the shadow: makes some of the serving one's inferences again, and only counts. Nobody acts on it. */
export class Shadow {
  #release: Release | null = null;
  #model: LoadedModel | null = null;
  #window: TelemetryWindow | null = null;
  #key = "";
  #problem = "";

  constructor(private readonly deps: RunDeps) {}

  /** Takes up the release in `slot`, or none. @returns the window of the one before. */
  async follow(
    slot: Slot | null,
    nowMs: number,
    facts: () => Promise<WindowFacts>,
  ): Promise<FrameContent | null> {
    const key = slot?.manifestSha256 ?? "";
    if (key === this.#key) return null;
    const closed = this.#window === null ? null : this.close(nowMs, await facts());
    await this.stop();
    this.#key = key;
    if (slot === null) return closed;
    this.#window = this.#newWindow(slot.sequence, nowMs);
    try {
      const read = (sha256: string) => this.deps.blobs.read(sha256);
      const release = await openRelease(slot, this.deps.hardware, read);
      const { artifact, input, output } = release.variant;
      const source = { sha256: artifact.sha256, input, output, read: () => read(artifact.sha256) };
      this.#model = await this.deps.engine.open(source);
      this.#release = release;
      this.deps.log({ event: "shadowing", version: slot.version, sequence: slot.sequence });
    } catch (error) {
      this.#tell(error);
    }
    return closed;
  }

  /** @param servedTop class that the serving release named for this sample. */
  async look(sample: Sample, servedTop: number): Promise<void> {
    const window = this.#window;
    if (window === null) return;
    try {
      if (this.#release === null || this.#model === null) throw new Error(this.#problem);
      const { manifest, variant } = this.#release;
      const result = await this.#model.run(toInput(sample.values, manifest.preprocessing, variant.input));
      const judgement = judge(toReal(result.output, variant.output), manifest.envelope?.minConfidence ?? 0);
      if (judgement === null) throw new Error("the model's output is not a number");
      window.add(judgement, result.latencyUs, sample.label);
      window.compare(judgement.top === servedTop);
      this.#problem = "";
    } catch (error) {
      window.addError();
      this.#tell(error);
    }
  }

  /** Ends the window; null when it saw nothing. */
  close(nowMs: number, facts: WindowFacts): FrameContent | null {
    const window = this.#window;
    if (window === null) return null;
    this.#window = this.#newWindow(window.releaseSequence, nowMs);
    return window.isEmpty ? null : window.close(facts);
  }

  async stop(): Promise<void> {
    await this.#model?.close();
    this.#release = null;
    this.#model = null;
    this.#window = null;
    this.#key = "";
    this.#problem = "";
  }

  #newWindow(sequence: number, nowMs: number): TelemetryWindow {
    return new TelemetryWindow(sequence, false, nowMs, this.deps.random, true);
  }

  /** Said once, not once per inference. */
  #tell(error: unknown): void {
    const problem = messageOf(error);
    if (problem !== this.#problem) this.deps.log({ event: "shadow-error", message: problem });
    this.#problem = problem;
  }
}
