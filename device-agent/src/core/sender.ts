import { type DeviceClient, encodeReportBatch, REPORT_BATCH_MAX } from "@mote/protocol";
import { backoffMs } from "./backoff.js";
import type { Clock, Document, Log, MessageLink, Random } from "./ports.js";
import { messageOf } from "./report-code.js";
import type { Session } from "./session.js";
import type { AgentSettings } from "./settings.js";
import {
  EMPTY_OUTBOX,
  framePayload,
  type TelemetryOutbox,
  withFrame,
  withoutFrames,
} from "./telemetry-outbox.js";
import type { Updater } from "./updater.js";
import type { FrameContent } from "./window.js";

export interface SenderDeps {
  readonly link: MessageLink;
  readonly client: DeviceClient;
  readonly session: Session;
  readonly telemetry: Document<TelemetryOutbox>;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: AgentSettings;
  readonly deviceId: string;
  readonly log: Log;
}

/** Frames that are under way at once. */
const FRAMES_IN_FLIGHT = 16;

/**
 * Empties the queues: reports first, over MQTT or, where there is no broker to be had, over HTTP; then telemetry, over
 * MQTT. Nothing leaves a queue before the server has acknowledged it.
 */
export class Sender {
  #outbox: TelemetryOutbox = EMPTY_OUTBOX;
  #wake: AbortController = new AbortController();
  #writing: Promise<unknown> = Promise.resolve();
  #failures = 0;

  constructor(
    private readonly updater: Updater,
    private readonly deps: SenderDeps,
  ) {}

  get outbox(): TelemetryOutbox {
    return this.#outbox;
  }

  async load(): Promise<void> {
    this.#outbox = (await this.deps.telemetry.load()) ?? EMPTY_OUTBOX;
  }

  /** Queues a frame durably: its sequence number must never be used twice. */
  async queueFrame(content: FrameContent): Promise<void> {
    await this.#change((outbox) => withFrame(outbox, content, this.deps.settings.maxFrames));
    this.wake();
  }

  /** There is something to send, or the link is back. */
  wake(): void {
    this.#wake.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.wake();
    signal.addEventListener("abort", stop, { once: true });
    while (!signal.aborted) {
      this.#wake = new AbortController();
      let pauseMs = IDLE_MS;
      try {
        await this.flush();
        this.#failures = 0;
      } catch (error) {
        this.#failures++;
        const { retryFirstMs, retryMaxMs } = this.deps.settings;
        pauseMs = backoffMs(this.#failures, retryFirstMs, retryMaxMs, this.deps.random);
        this.deps.log({ event: "send-failed", message: messageOf(error), retryInMs: Math.round(pauseMs) });
      }
      await this.deps.clock.sleep(pauseMs, this.#wake.signal);
    }
    signal.removeEventListener("abort", stop);
  }

  /** Sends what is queued now. Throws when the server can't be reached; the queues stay. */
  async flush(): Promise<void> {
    for (;;) {
      const reports = this.updater.state.reports.slice(0, REPORT_BATCH_MAX);
      if (reports.length === 0) break;
      const ids = await this.#sendReports(reports);
      if (ids.size === 0) break;
      await this.updater.acknowledge(ids);
    }
    while (this.deps.link.isConnected && this.#outbox.frames.length > 0) {
      const frames = this.#outbox.frames.slice(0, FRAMES_IN_FLIGHT);
      const results = await Promise.allSettled(
        frames.map((frame) => this.deps.link.publish("telemetry", framePayload(frame))),
      );
      const sent = frames.filter((_, i) => results[i]!.status === "fulfilled").map((frame) => frame.sequence);
      await this.#change((outbox) => withoutFrames(outbox, new Set(sent)));
      const failed = results.find((result) => result.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    }
  }

  async #sendReports(reports: Updater["state"]["reports"]): Promise<Set<string>> {
    const { link, session, client, deviceId } = this.deps;
    if (link.isConnected) {
      try {
        await link.publish("report", encodeReportBatch(reports));
        return new Set(reports.map((report) => report.id));
      } catch (error) {
        this.deps.log({ event: "mqtt-failed", message: messageOf(error) });
      }
    }
    return new Set(await session.with((token) => client.reports(deviceId, token, reports)));
  }

  #change(change: (outbox: TelemetryOutbox) => TelemetryOutbox): Promise<void> {
    const write = this.#writing.then(async () => {
      const next = change(this.#outbox);
      await this.deps.telemetry.save(next);
      this.#outbox = next;
    });
    this.#writing = write.catch(() => {});
    return write;
  }
}

/** Looks at the queues at least this often even if nobody wakes it. */
const IDLE_MS = 5_000;
