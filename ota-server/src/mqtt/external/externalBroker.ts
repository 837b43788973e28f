import {
  COMMANDS,
  decodeExchangeRequest,
  decodeReportBatch,
  parseTopic,
  SchemaError,
  type TopicKind,
  topics,
} from "@mote/protocol";
import type { Clock } from "../../clock.js";
import type { Events } from "../../events.js";
import type { Reports } from "../../fleet/reports.js";
import type { Log } from "../../log.js";
import type { Ingest } from "../../monitor/ingest.js";
import { type DeviceRecord, findDevice, setOnline } from "../../store/devices.js";
import type { Store } from "../../store/store.js";
import type { MqttCounters, MqttSide } from "../door.js";
import { type Exchange, tooMany } from "../exchange.js";
import { Lane } from "../lane.js";
import { type BrokerAddress, BrokerConnection, type IncomingMessage } from "./connection.js";
import type { Guard } from "./guard.js";
import { Turnstile } from "./turnstile.js";

export const EXTERNAL_LIMITS = {
  /** Pause after a lost connection: doubles from the first to the longest, and half of it is drawn. */
  retryFirstMs: 250,
  retryMaxMs: 15_000,
  /** How often a server looks whether it is to consume. */
  leadMs: 500,
  /** Requests of one device that wait for those before them; more are answered 429. */
  maxWaitingRequests: 32,
  /** Answers that are made at once, of all devices; each holds a chunk. */
  maxAnswers: 64,
  /** Largest payload that is looked at. */
  payloadMaxBytes: 128 * 1024,
} as const;

export interface ExternalBrokerParts {
  readonly address: BrokerAddress;
  /** Under which the broker keeps what comes while no server consumes; the same for all servers of a fleet. */
  readonly clientId: string;
  readonly guard: Guard;
  readonly ingest: Ingest;
  readonly reports: Reports;
  readonly store: Store;
  readonly events: Events;
  readonly clock: Clock;
  readonly log: Log;
  readonly exchange: Exchange;
}

const SUBSCRIPTIONS: readonly { readonly kind: TopicKind; readonly qos: 0 | 1 }[] = [
  { kind: "telemetry", qos: 1 },
  { kind: "report", qos: 1 },
  { kind: "presence", qos: 1 },
  { kind: "request", qos: 0 },
];

/**
 * A broker that is not the server's. Every server of a fleet has a connection to administer it; the one that leads consumes
 * what devices send, by a session that outlives it, and acknowledges to the broker what is durable in the store.
 */
export class ExternalBroker implements MqttSide {
  readonly counters: MqttCounters = { frames: 0, repeatedFrames: 0, malformed: 0, refusedConnections: 0 };
  private readonly online = new Map<string, { readonly product: string }>();
  /** Of devices that wait for something: what they send is stored in its order, and what they ask is answered in its. */
  private readonly messages = new Map<string, Lane>();
  private readonly requests = new Map<string, Lane>();
  private readonly answers = new Turnstile(EXTERNAL_LIMITS.maxAnswers);
  private control: BrokerConnection | null = null;
  private consumer: BrokerConnection | null = null;
  private readonly stop = new AbortController();
  private running: Promise<unknown> = Promise.resolve();

  private constructor(private readonly parts: ExternalBrokerParts) {}

  /** Waits for no broker: one that is away now is looked for until it is there. */
  static open(parts: ExternalBrokerParts): ExternalBroker {
    const broker = new ExternalBroker(parts);
    broker.running = Promise.all([
      broker.keep("control", async () => broker.openControl()),
      broker.keep("consumer", async () => broker.openConsumer()),
    ]);
    return broker;
  }

  get connections(): number {
    return this.online.size;
  }

  get problems(): readonly string[] {
    if (this.control === null) return ["the MQTT broker can't be reached"];
    const isMissed = this.parts.store.peers.isLeader && this.consumer === null;
    return isMissed ? ["the MQTT broker does not let the server consume"] : [];
  }

  hint(product: string): void {
    for (const [deviceId, device] of this.online) {
      if (device.product === product) void this.control?.publish(topics.command(deviceId), COMMANDS.poll);
    }
  }

  disconnect(deviceId: string): void {
    this.parts.guard
      .expel(deviceId)
      .catch((error: unknown) => this.parts.log.error("mqtt-expel", error, { device: deviceId }));
  }

  async credentialFor(deviceId: string): Promise<{ readonly password: string } | null> {
    const { store, guard } = this.parts;
    const known = async () => {
      const device = await store.read((db) => findDevice(db, deviceId));
      return device?.revokedAtMs === null ? device : null;
    };
    const device = await known();
    if (device === null) return null;
    const password = await guard.admit(device);
    if ((await known()) !== null) return { password };
    // Revoked meanwhile, and perhaps expelled before it was admitted.
    await guard.expel(deviceId);
    return null;
  }

  async close(): Promise<void> {
    this.stop.abort();
    this.consumer?.close();
    this.control?.close();
    await this.running;
  }

  /** Opens a connection whenever there is none and there ought to be one. */
  private async keep(name: string, open: () => Promise<BrokerConnection | null>): Promise<void> {
    const { log } = this.parts;
    let failures = 0;
    while (!this.stop.signal.aborted) {
      try {
        const connection = await open();
        if (connection === null) {
          await this.pause(EXTERNAL_LIMITS.leadMs);
          continue;
        }
        failures = 0;
        log.info("mqtt-connected", { connection: name });
        log.warn("mqtt-lost", { connection: name, reason: await connection.ended });
      } catch (error) {
        log.warn("mqtt-unreachable", {
          connection: name,
          error: error instanceof Error ? error.message : String(error),
        });
      }
      const { retryFirstMs, retryMaxMs } = EXTERNAL_LIMITS;
      const full = Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(failures++, 16));
      await this.pause(full * (0.5 + 0.5 * Math.random()));
    }
  }

  private async openControl(): Promise<BrokerConnection> {
    const { guard, store, clientId } = this.parts;
    const connection = await BrokerConnection.open({
      ...this.connectionOptions(`${clientId}-${store.peers.id}`),
      isClean: true,
      onMessage: ({ payload }) => guard.hear(payload),
    });
    try {
      if (guard.topics.length > 0) {
        await connection.subscribe(guard.topics.map((topic) => ({ topic, qos: 0 as const })));
      }
      await guard.prepare((topic, payload) => void connection.publish(topic, payload));
    } catch (error) {
      connection.close();
      throw error;
    }
    this.control = connection;
    void connection.ended.then(() => {
      if (this.control === connection) this.control = null;
    });
    return connection;
  }

  /** Null on a server that does not lead. */
  private async openConsumer(): Promise<BrokerConnection | null> {
    const { store, clientId } = this.parts;
    // Rights come by the other connection.
    if (!store.peers.isLeader || this.control === null) return null;
    const connection = await BrokerConnection.open({
      ...this.connectionOptions(clientId),
      isClean: false,
      onMessage: (message, acknowledge, from) => {
        this.take(message, from).then(acknowledge, (error: unknown) => {
          this.parts.log.error("mqtt-take", error, { topic: message.topic });
          if (parseTopic(message.topic)?.kind === "request") return;
          // What is not acknowledged comes again on the next connection, and not before.
          from.close("what came could not be stored");
        });
      },
    });
    try {
      await connection.subscribe(SUBSCRIPTIONS.map(({ kind, qos }) => ({ topic: topics[kind]("+"), qos })));
    } catch (error) {
      connection.close();
      throw error;
    }
    this.consumer = connection;
    const watch = setInterval(() => {
      if (!store.peers.isLeader) connection.close("another server leads");
    }, EXTERNAL_LIMITS.leadMs);
    void connection.ended.then(() => {
      clearInterval(watch);
      this.consumer = null;
      this.online.clear();
    });
    return connection;
  }

  private connectionOptions(clientId: string) {
    return { address: this.parts.address, clientId, ...this.parts.guard.credentials() };
  }

  /** Resolves when the broker may forget the message. The topic's device is who the broker let publish there. */
  private async take(
    { topic, payload, isRetained }: IncomingMessage,
    connection: BrokerConnection,
  ): Promise<void> {
    const parsed = parseTopic(topic);
    if (parsed === null || payload.length > EXTERNAL_LIMITS.payloadMaxBytes)
      return this.drop(topic, "not ours");
    const { deviceId, kind } = parsed;
    try {
      // At QoS 0: nothing waits for its end, and who gets no answer asks again.
      if (kind === "request") await this.answer(deviceId, payload, connection);
      else {
        await laneOf(this.messages, deviceId, Number.POSITIVE_INFINITY, () =>
          this.store(deviceId, kind, payload),
        );
        // It was there before this server heard: what it has asked meanwhile was at QoS 0, and is lost.
        if (kind === "presence" && isRetained && isOnline(payload)) {
          await connection.publish(topics.command(deviceId), COMMANDS.again);
        }
      }
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      this.drop(topic, error.message);
    }
  }

  private async store(deviceId: string, kind: TopicKind, payload: Buffer): Promise<void> {
    const { store, ingest, reports } = this.parts;
    const device = await store.read((db) => findDevice(db, deviceId));
    if (device === null || device.revokedAtMs !== null) {
      return this.drop(topics[kind](deviceId), "a device that is not enrolled");
    }
    if (kind === "telemetry") {
      const isNew = await ingest.add(device, payload);
      this.counters.frames++;
      if (!isNew) this.counters.repeatedFrames++;
    }
    if (kind === "report") await reports.add(device.id, decodeReportBatch(payload));
    if (kind === "presence") await this.takePresence(device, isOnline(payload));
  }

  private async answer(deviceId: string, payload: Buffer, connection: BrokerConnection): Promise<void> {
    const request = decodeExchangeRequest(payload);
    const topic = topics.answer(deviceId);
    // The broker does not say from where a device comes; each stands for itself.
    const caller = { deviceId, address: `mqtt ${deviceId}` };
    const isTaken = await laneOf(this.requests, deviceId, EXTERNAL_LIMITS.maxWaitingRequests, () =>
      this.answers.pass(async () => {
        await connection.publish(topic, await this.parts.exchange.answer(caller, request));
      }),
    );
    if (!isTaken) await connection.publish(topic, tooMany(request));
  }

  private async takePresence(device: DeviceRecord, online: boolean): Promise<void> {
    if (this.online.has(device.id) === online && device.online === online) return;
    if (online) this.online.set(device.id, { product: device.product });
    else this.online.delete(device.id);
    const atMs = this.parts.clock();
    await this.parts.store.write((db) => setOnline(db, device.id, online, atMs));
    this.parts.events.emit({
      type: "device",
      atMs,
      deviceId: device.id,
      text: online ? "online" : "offline",
    });
  }

  /** Acknowledged, or it would come again for ever; and said. */
  private drop(topic: string, reason: string): void {
    this.counters.malformed++;
    this.parts.log.warn("mqtt-malformed", { topic, error: reason });
  }

  private pause(ms: number): Promise<void> {
    const { signal } = this.stop;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

function isOnline(presence: Buffer): boolean {
  return presence.toString("utf8") === "online";
}

/** Does the work in the device's turn. Lanes are there only while something waits in them. */
async function laneOf(
  lanes: Map<string, Lane>,
  deviceId: string,
  maxWaiting: number,
  work: () => Promise<void>,
): Promise<boolean> {
  const lane = lanes.get(deviceId) ?? new Lane(maxWaiting);
  lanes.set(deviceId, lane);
  try {
    return await lane.run(work);
  } finally {
    if (lane.isIdle) lanes.delete(deviceId);
  }
}
