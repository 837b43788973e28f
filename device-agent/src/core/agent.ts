import { type Codec, DEFAULT_SHADOW_SHARE, type DeviceClient } from "@mote/protocol";
import { backoffMs, jitteredMs } from "./backoff.js";
import type { EffectDeps } from "./effects.js";
import type { MessageLink, Sensor } from "./ports.js";
import { allowance } from "./power.js";
import { messageOf } from "./report-code.js";
import { Sender } from "./sender.js";
import { Serving } from "./serving.js";
import type { Session } from "./session.js";
import { heldArtifacts, servingSlot } from "./slots.js";
import { FRESH } from "./state.js";
import { Updater } from "./updater.js";
import type { FrameContent } from "./window.js";

export interface AgentDeps extends EffectDeps {
  readonly deviceId: string;
  readonly client: DeviceClient;
  readonly session: Session;
  readonly link: MessageLink;
  readonly sensor: Sensor;
  readonly agentVersion: string;
  readonly codecs: readonly Codec[];
}

/** Looks for a first model this often; there is nothing to serve until a poll brought one. */
const NO_MODEL_MS = 200;

/** One device: polls, updates, infers, reports. Owns its loops; everything outside comes in through AgentDeps. */
export class Agent {
  readonly updater: Updater;
  readonly sender: Sender;
  readonly #serving: Serving;
  #pollNow: AbortController = new AbortController();
  #pollIntervalMs: number;
  #pollFailures = 0;

  private constructor(
    private readonly deps: AgentDeps,
    updater: Updater,
  ) {
    this.updater = updater;
    this.#pollIntervalMs = deps.settings.pollIntervalS * 1000;
    this.sender = new Sender(updater, { ...deps, telemetry: deps.stores.telemetry });
    updater.onReports = () => this.sender.wake();
    this.#serving = new Serving(updater, { ...deps, blobs: deps.stores.blobs });
  }

  /** Loads what the device remembers. */
  static async open(deps: AgentDeps): Promise<Agent> {
    const state = (await deps.stores.state.load()) ?? FRESH;
    // 32 random bits per boot: a report id is unique even if the state was once restored from a copy.
    const prefix = Math.floor(deps.random() * 2 ** 32)
      .toString(16)
      .padStart(8, "0");
    const agent = new Agent(deps, new Updater(state, deps, prefix));
    await agent.sender.load();
    return agent;
  }

  /** Polls at once instead of at the end of the interval: a hint of the server, of no authority. */
  pollSoon(): void {
    this.#pollNow.abort();
  }

  /** Runs until `signal` is aborted; whatever was going on then is on the disk. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.updater.run(signal),
      this.sender.run(signal),
      this.#pollLoop(signal),
      this.#inferenceLoop(signal),
    ]);
    await this.#serving.stop();
  }

  async #pollLoop(signal: AbortSignal): Promise<void> {
    const stop = () => this.#pollNow.abort();
    signal.addEventListener("abort", stop, { once: true });
    while (!signal.aborted) {
      this.#pollNow = new AbortController();
      const pauseMs = await this.#poll(signal);
      await this.deps.clock.sleep(pauseMs, this.#pollNow.signal);
    }
    signal.removeEventListener("abort", stop);
  }

  /** @returns milliseconds until the next poll. */
  async #poll(signal: AbortSignal): Promise<number> {
    const { session, client, deviceId, settings, random, log } = this.deps;
    try {
      const request = await this.#pollRequest();
      const answer = await session.with((token) => client.poll(deviceId, token, request, signal));
      this.#pollIntervalMs = answer.pollIntervalS * 1000;
      this.#pollFailures = 0;
      this.updater.offered(answer.offer);
      return jitteredMs(this.#pollIntervalMs, settings.pollJitterShare, random);
    } catch (error) {
      if (signal.aborted) return 0;
      this.#pollFailures++;
      const pauseMs = backoffMs(this.#pollFailures, settings.retryFirstMs, settings.retryMaxMs, random);
      log({ event: "poll-failed", message: messageOf(error), retryInMs: Math.round(pauseMs) });
      return pauseMs;
    }
  }

  async #pollRequest() {
    const { stores, conditions, agentVersion, codecs } = this.deps;
    const { state } = this.updater;
    const serving = servingSlot(state);
    const trust = await stores.trust.load();
    const { batteryPercent, freeBytes, ...others } = await conditions();
    return {
      running: { sequence: serving?.sequence ?? 0, artifactSha256: serving?.artifactSha256 ?? null },
      held: heldArtifacts(state),
      floor: trust?.floors[this.deps.product] ?? 0,
      codecs: [...codecs],
      agentVersion,
      batteryPercent: batteryPercent === null ? null : Math.round(batteryPercent),
      freeBytes,
      conditions: others,
      canShadow: true,
      canHold: true,
    };
  }

  async #inferenceLoop(signal: AbortSignal): Promise<void> {
    const { clock, settings, sensor, log, conditions } = this.deps;
    let windowStartMs = clock.monotonicMs();
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs();
      if (!this.#serving.hasModel) {
        windowStartMs = startedMs;
        await clock.sleep(NO_MODEL_MS, signal);
        continue;
      }
      const { rateShare } = allowance(await conditions(), settings.power);
      try {
        const closed = await this.#serving.infer(
          await sensor.next(),
          clock.wallMs() ?? 0,
          () => this.#facts(windowStartMs),
          rateShare === 1 && this.#isSampled(),
        );
        if (closed.length > 0) {
          await this.#queue(closed);
          windowStartMs = clock.monotonicMs();
        }
        if (clock.monotonicMs() - windowStartMs >= settings.windowMs) {
          await this.#closeWindow(windowStartMs);
          windowStartMs = clock.monotonicMs();
        }
      } catch (error) {
        // A full disk or a broken sensor must not end the device's other work.
        log({ event: "fault", message: messageOf(error) });
        await clock.sleep(settings.retryFirstMs, signal);
      }
      const periodMs = settings.rateHz > 0 ? 1000 / (settings.rateHz * rateShare) : 0;
      const restMs = periodMs - (clock.monotonicMs() - startedMs);
      await clock.sleep(Math.max(0, restMs), signal);
    }
    await this.#closeWindow(windowStartMs).catch(() => {});
  }

  async #closeWindow(windowStartMs: number): Promise<void> {
    const facts = await this.#facts(windowStartMs);
    await this.#queue(this.#serving.closeWindows(this.deps.clock.wallMs() ?? 0, facts));
  }

  async #queue(frames: readonly FrameContent[]): Promise<void> {
    for (const frame of frames) await this.sender.queueFrame(frame);
  }

  /** A device that saves power infers for its own purpose only; otherwise the shadow gets its share. */
  #isSampled(): boolean {
    const { shadowShare = DEFAULT_SHADOW_SHARE } = this.updater.state.update.offer ?? {};
    return this.deps.random() < shadowShare;
  }

  async #facts(windowStartMs: number) {
    const { batteryPercent, temperatureC } = await this.deps.conditions();
    return { windowMs: this.deps.clock.monotonicMs() - windowStartMs, batteryPercent, temperatureC };
  }
}
