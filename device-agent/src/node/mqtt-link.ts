import { COMMANDS, NetworkError, topics } from "@mote/protocol";
import type { MqttClient } from "mqtt";
import { backoffMs } from "../core/backoff.js";
import type { Clock, Log, MessageLink, Random } from "../core/ports.js";
import { messageOf } from "../core/report-code.js";
import type { Session } from "../core/session.js";
import type { AgentSettings } from "../core/settings.js";
import { ANSWER_MS, MqttConnection } from "./mqtt-connection.js";

export interface MqttLinkDeps {
  readonly url: string;
  readonly deviceId: string;
  readonly session: Session;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: AgentSettings;
  readonly log: Log;
  /** The server hints that a poll is worth while. */
  onPollHint(): void;
  /** The server hears again; what was asked while it did not is lost. */
  onAskAgain(): void;
  /** The server answers a request. */
  onAnswer(payload: Uint8Array): void;
  onConnected(): void;
  onDisconnected(): void;
}

/** Seconds without a message after which a ping proves that the link lives. */
const KEEPALIVE_S = 60;
const CLOSE_MS = 2_000;

/**
 * The link to the broker: signs in with a session token, is back after a loss with growing, jittered pauses (a fleet
 * that lost its broker must not return as one), and tells presence by its last will.
 */
export class MqttLink implements MessageLink {
  #client: MqttClient | null = null;
  /** Of the connection that has subscribed; null while there is none. */
  #ready: MqttClient | null = null;
  readonly #waiting = new Set<() => void>();

  constructor(private readonly deps: MqttLinkDeps) {}

  get isConnected(): boolean {
    return this.#client?.connected === true;
  }

  /** Can a request be sent and its answer be heard? */
  get isReady(): boolean {
    return this.#ready?.connected === true;
  }

  /** Hands a request to the broker, once there is a connection; whether it arrives its answer tells. */
  async request(payload: Uint8Array): Promise<void> {
    if (!this.isReady) await this.#whenReady();
    const client = this.#ready;
    if (client === null) throw this.#lost("no connection");
    await client.publishAsync(topics.request(this.deps.deviceId), Buffer.from(payload), { qos: 0 });
  }

  async publish(kind: "telemetry" | "report", payload: Uint8Array): Promise<void> {
    const client = this.#client;
    if (client === null) throw this.#lost("no connection");
    const timeout = new AbortController();
    try {
      await Promise.race([
        client.publishAsync(topics[kind](this.deps.deviceId), Buffer.from(payload), { qos: 1 }),
        this.deps.clock.sleep(ANSWER_MS, timeout.signal).then(() => {
          if (!timeout.signal.aborted) throw this.#lost(`no acknowledgement in ${ANSWER_MS / 1000} s`);
        }),
      ]);
    } catch (error) {
      throw error instanceof NetworkError ? error : this.#lost(messageOf(error), error);
    } finally {
      timeout.abort();
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, settings, log } = this.deps;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const { ended } = await this.#connect();
        failures = 0;
        log({ event: "connected", url: this.deps.url });
        this.deps.onConnected();
        const reason = await this.#until(ended, signal);
        if (signal.aborted) break;
        log({ event: "disconnected", reason });
      } catch (error) {
        // A refused sign-in may mean that the server forgot its sessions.
        this.deps.session.forget();
        log({ event: "connect-failed", message: messageOf(error) });
      }
      await this.#drop();
      failures++;
      await clock.sleep(backoffMs(failures, settings.retryFirstMs, settings.retryMaxMs, random), signal);
    }
    await this.#goodbye();
  }

  /** Resolves when there is a connection, or when it is no use to wait longer. */
  async #whenReady(): Promise<void> {
    const enough = new AbortController();
    const wake = () => enough.abort();
    this.#waiting.add(wake);
    await this.deps.clock.sleep(ANSWER_MS, enough.signal);
    this.#waiting.delete(wake);
  }

  /** `ended` resolves when the connection does end (in an object: an awaited promise would be awaited too). */
  async #connect(): Promise<{ readonly ended: Promise<string> }> {
    const { url, deviceId, session } = this.deps;
    const connection = await MqttConnection.open(url, {
      clientId: deviceId,
      username: deviceId,
      password: await session.brokerPassword(),
      keepalive: KEEPALIVE_S,
      will: { topic: topics.presence(deviceId), payload: Buffer.from("offline"), qos: 1, retain: true },
    });
    const { client, ended } = connection;
    this.#client = client;
    client.on("message", (topic, payload) => {
      if (topic === topics.command(deviceId)) this.#obey(payload.toString());
      if (topic === topics.answer(deviceId)) this.deps.onAnswer(payload);
    });
    const welcome = async () => {
      await client.subscribeAsync([topics.command(deviceId), topics.answer(deviceId)], { qos: 0 });
      await client.publishAsync(topics.presence(deviceId), "online", { qos: 1, retain: true });
    };
    await connection.whileOpen(welcome());
    this.#ready = client;
    for (const wake of this.#waiting) wake();
    return { ended };
  }

  /** What this agent does not know is a hint to poll, and so finds out what there is. */
  #obey(command: string): void {
    if (command === COMMANDS.again) this.deps.onAskAgain();
    else this.deps.onPollHint();
  }

  async #until(ended: Promise<string>, signal: AbortSignal): Promise<string> {
    let stop = () => {};
    const stopped = new Promise<string>((resolve) => {
      stop = () => resolve("stopped");
    });
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    try {
      return await Promise.race([ended, stopped]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async #goodbye(): Promise<void> {
    if (this.#client?.connected === true) {
      const farewell = this.#client.publishAsync(topics.presence(this.deps.deviceId), "offline", {
        qos: 1,
        retain: true,
      });
      await Promise.race([farewell.catch(() => {}), this.deps.clock.sleep(CLOSE_MS)]);
    }
    await this.#drop(false);
  }

  /** @param force without a word to the broker, which then speaks the last will. */
  async #drop(force = true): Promise<void> {
    const client = this.#client;
    this.#client = null;
    this.#ready = null;
    if (client === null) return;
    this.deps.onDisconnected();
    await Promise.race([client.endAsync(force).catch(() => {}), this.deps.clock.sleep(CLOSE_MS)]);
  }

  #lost(got: string, cause?: unknown): NetworkError {
    return new NetworkError({
      expected: `the broker at ${this.deps.url} to acknowledge`,
      got,
      todo: "The message stays queued and is sent again.",
      cause,
    });
  }
}
