import { type DeviceClient, decodeReportBatch } from "@mote/protocol";
import type { MessageLink } from "./ports.js";
import type { Session } from "./session.js";

/** Frames in one request; as many as are under way at once. */
const FRAMES_MAX = 16;

interface Waiting {
  readonly payload: Uint8Array;
  resolve(): void;
  reject(reason: unknown): void;
}

/**
 * A link whose acknowledgement is always the server's. Where the broker is the server's own, its PUBACK is; where it is
 * another's, reports and telemetry go as requests over the same connection, and count when the server has answered.
 */
export class ConfirmedLink implements MessageLink {
  #waiting: Waiting[] = [];
  #isSending = false;

  constructor(
    private readonly link: MessageLink,
    /** Of the requests that the link carries. */
    private readonly client: DeviceClient,
    private readonly session: Session,
    private readonly deviceId: string,
  ) {}

  get isConnected(): boolean {
    return this.link.isConnected;
  }

  async publish(kind: "telemetry" | "report", payload: Uint8Array): Promise<void> {
    if (this.session.isAcknowledgedByBroker) return this.link.publish(kind, payload);
    const { session, client, deviceId } = this;
    if (kind === "report") {
      await session.with((token) => client.reports(deviceId, token, decodeReportBatch(payload)));
      return;
    }
    const stored = new Promise<void>((resolve, reject) => this.#waiting.push({ payload, resolve, reject }));
    if (!this.#isSending) void this.#send();
    return stored;
  }

  /**
   * One request after another: the server knows a repetition by its number, so a frame that overtook those before it would
   * have them taken for repetitions. What waits behind a failure fails with it, and comes again in its order.
   */
  async #send(): Promise<void> {
    this.#isSending = true;
    // Frames that are handed in one after another go together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const frames = this.#waiting.splice(0, FRAMES_MAX);
      try {
        const payloads = frames.map(({ payload }) => payload);
        await this.session.with((token) => this.client.telemetry(this.deviceId, token, payloads));
        for (const { resolve } of frames) resolve();
      } catch (error) {
        for (const { reject } of [...frames, ...this.#waiting.splice(0)]) reject(error);
      }
    }
    this.#isSending = false;
  }
}
