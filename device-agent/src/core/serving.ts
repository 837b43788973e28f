import { openRelease, type Release } from "./candidate.js";
import { elements, judge, toInput, toReal } from "./judgement.js";
import type { LoadedModel, Sample } from "./ports.js";
import { messageOf } from "./report-code.js";
import { type RunDeps, Shadow } from "./shadow.js";
import { isOnTrial, servingSlot, shadowSlot } from "./slots.js";
import type { Updater } from "./updater.js";
import { type FrameContent, TelemetryWindow, type WindowFacts } from "./window.js";

/** Answers inferences with the release that serves, follows it when it changes, and keeps the window's counts. */
export class Serving {
  #release: Release | null = null;
  #model: LoadedModel | null = null;
  #loadError: string | null = null;
  #key = "";
  #window: TelemetryWindow | null = null;
  #lastProblem = "";
  readonly #shadow: Shadow;

  constructor(
    private readonly updater: Updater,
    private readonly deps: RunDeps,
  ) {
    this.#shadow = new Shadow(deps);
  }

  get hasModel(): boolean {
    return servingSlot(this.updater.state) !== null;
  }

  /**
   * One inference.
   *
   * @param nowMs of the device's clock; 0 without one.
   * @param mayShadow this sample may be looked at by the release in the shadow too.
   * @returns windows that had to be closed because another release serves now, or another one in its shadow.
   */
  async infer(
    sample: Sample,
    nowMs: number,
    facts: () => Promise<WindowFacts>,
    mayShadow: boolean,
  ): Promise<FrameContent[]> {
    const shadow = shadowSlot(this.updater.state);
    const ended = [await this.#follow(nowMs, facts), await this.#shadow.follow(shadow, nowMs, facts)];
    // Both windows begin and end together: what they saw is compared.
    if (ended[0] === null && ended[1] !== null) ended[0] = this.#closeWindow(nowMs, await facts());
    const closed = ended.filter((frame) => frame !== null);
    const release = this.#release;
    if (release === null || this.#window === null) return closed;
    const { input, output } = release.variant;
    try {
      if (this.#model === null) throw new Error(this.#loadError ?? "no model is loaded");
      if (sample.values.length !== elements(input)) {
        throw new Error(
          `the model takes ${elements(input)} values a sample, the sensor gave ${sample.values.length}`,
        );
      }
      const result = await this.#model.run(toInput(sample.values, release.manifest.preprocessing, input));
      const judgement = judge(toReal(result.output, output), release.manifest.envelope?.minConfidence ?? 0);
      if (judgement === null) throw new Error("the model's output is not a number");
      this.#window.add(judgement, result.latencyUs, sample.label);
      this.updater.probation?.ok(result.latencyUs);
      this.#lastProblem = "";
      if (mayShadow) await this.#shadow.look(sample, judgement.top);
    } catch (error) {
      const problem = messageOf(error);
      this.#window.addError();
      this.updater.probation?.error(problem);
      // Said once, not once per inference.
      if (problem !== this.#lastProblem) this.deps.log({ event: "inference-error", message: problem });
      this.#lastProblem = problem;
    }
    return closed;
  }

  /** Ends the windows; those that saw nothing are left out. */
  closeWindows(nowMs: number, facts: WindowFacts): FrameContent[] {
    return [this.#closeWindow(nowMs, facts), this.#shadow.close(nowMs, facts)].filter(
      (frame) => frame !== null,
    );
  }

  #closeWindow(nowMs: number, facts: WindowFacts): FrameContent | null {
    const window = this.#window;
    if (window === null) return null;
    this.#window = new TelemetryWindow(window.releaseSequence, window.onProbation, nowMs, this.deps.random);
    return window.isEmpty ? null : window.close(facts);
  }

  async stop(): Promise<void> {
    await this.#shadow.stop();
    await this.#closeModel();
  }

  async #closeModel(): Promise<void> {
    await this.#model?.close();
    this.#model = null;
  }

  async #follow(nowMs: number, facts: () => Promise<WindowFacts>): Promise<FrameContent | null> {
    const { state } = this.updater;
    const slot = servingSlot(state);
    const onTrial = isOnTrial(state);
    const key = slot === null ? "" : `${slot.manifestSha256} ${onTrial}`;
    if (key === this.#key) return null;
    const closed = this.#closeWindow(nowMs, await facts());
    if (slot?.artifactSha256 !== this.#release?.slot.artifactSha256 || this.#model === null) {
      await this.#closeModel();
      this.#loadError = null;
    }
    this.#release = null;
    this.#window =
      slot === null ? null : new TelemetryWindow(slot.sequence, onTrial, nowMs, this.deps.random);
    this.#key = key;
    if (slot === null) return closed;
    try {
      const read = (sha256: string) => this.deps.blobs.read(sha256);
      const release = await openRelease(slot, this.deps.hardware, read);
      const { artifact, input, output } = release.variant;
      this.#release = release;
      this.#model ??= await this.deps.engine.open({
        sha256: artifact.sha256,
        input,
        output,
        read: () => read(artifact.sha256),
      });
      this.deps.log({
        event: "serving",
        version: slot.version,
        sequence: slot.sequence,
        onProbation: onTrial,
      });
    } catch (error) {
      this.#loadError = messageOf(error);
      this.deps.log({ event: "model-error", version: slot.version, message: this.#loadError });
      this.updater.probation?.error(this.#loadError);
    }
    return closed;
  }
}
