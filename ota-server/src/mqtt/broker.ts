import { createServer, type Server } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import {
  decodeExchangeRequest,
  decodeReportBatch,
  maySubscribe,
  parseTopic,
  SchemaError,
  signInTopics,
  topics,
} from "@mote/protocol";
import type { IConnectPacket } from "mqtt-packet";
import type { Clock } from "../clock.js";
import type { Events } from "../events.js";
import type { Reports } from "../fleet/reports.js";
import type { Sessions } from "../fleet/sessions.js";
import type { Log } from "../log.js";
import type { Ingest, Sender } from "../monitor/ingest.js";
import { setOnline } from "../store/devices.js";
import type { Store } from "../store/store.js";
import type { TlsFiles } from "../tls.js";
import { CONNECTION_LIMITS, type ConnectionOwner, MqttConnection } from "./connection.js";
import type { MqttCounters, MqttSide } from "./door.js";
import { type Caller, type Exchange, tooMany } from "./exchange.js";
import { GUEST_LIMITS, Guests } from "./guests.js";
import { Lane } from "./lane.js";

export const MQTT_LIMITS = {
  /** Largest payload that is looked at. */
  payloadMaxBytes: CONNECTION_LIMITS.payloadMaxBytes,
  /** Requests of one device that wait for those before them; more are answered 429. */
  maxWaitingRequests: 32,
  /** How often it is said that connections are turned away. */
  fullNoticeMs: 60_000,
  beatMs: 1000,
} as const;

export interface BrokerParts {
  readonly sessions: Sessions;
  readonly ingest: Ingest;
  readonly reports: Reports;
  readonly store: Store;
  readonly events: Events;
  readonly clock: Clock;
  readonly log: Log;
  readonly tls: TlsFiles | null;
  readonly exchange: Exchange;
  /** Beyond it connections are turned away; null for no limit. */
  readonly maxConnections: number | null;
}

/**
 * The embedded MQTT broker. Devices publish to the server alone, so a message ends in the store and is fanned out to
 * nobody.
 */
export class Broker implements MqttSide, ConnectionOwner {
  readonly problems = [];
  readonly counters: MqttCounters = { frames: 0, repeatedFrames: 0, malformed: 0, refusedConnections: 0 };
  beat = 0;
  private readonly parts: BrokerParts;
  private readonly server: Server;
  private readonly all = new Set<MqttConnection>();
  private readonly guests = new Guests();
  private readonly heart: NodeJS.Timeout;
  /** Null where no other server could claim a device. */
  private readonly serverId: string | null;
  /** A device may be connected twice for a while: an old link not yet given up, or its own diagnosis. */
  private readonly connected = new Map<string, readonly MqttConnection[]>();

  private constructor(parts: BrokerParts) {
    this.parts = parts;
    const { peers } = parts.store;
    this.serverId = peers.isShared ? peers.id : null;
    const handle = (stream: Duplex) => this.accept(stream);
    // An answer must not wait until the one before it is acknowledged by the network.
    const options = { noDelay: true };
    this.server =
      parts.tls === null
        ? createServer(options, handle)
        : createTlsServer({ ...parts.tls, ...options }, handle);
    // One timer for all: a fleet that sends often would move its own at every message.
    this.heart = setInterval(() => {
      this.beat++;
      for (const connection of this.all) connection.watch();
    }, MQTT_LIMITS.beatMs);
  }

  /** Without descriptors left the system would turn connections away unheard, and the store could open no file. */
  private limitTo(maxConnections: number): void {
    let saidMs = Number.NEGATIVE_INFINITY;
    this.server.maxConnections = maxConnections;
    this.server.on("drop", () => {
      this.counters.refusedConnections++;
      const nowMs = this.parts.clock();
      if (Math.abs(nowMs - saidMs) < MQTT_LIMITS.fullNoticeMs) return;
      saidMs = nowMs;
      this.parts.log.warn("mqtt-full", {
        connections: maxConnections,
        todo: "raise the limit of open files",
      });
    });
  }

  static open(parts: BrokerParts): Broker {
    const broker = new Broker(parts);
    if (parts.maxConnections !== null) broker.limitTo(parts.maxConnections);
    return broker;
  }

  /** @returns the port. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(port, host, () => {
        this.server.off("error", reject);
        const address = this.server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  get connections(): number {
    return this.connected.size;
  }

  /** @param address of the network, for a stream that does not know it. */
  accept(stream: Duplex, address: string | null = null): void {
    this.all.add(new MqttConnection(stream, this, address));
  }

  hint(product: string): void {
    for (const [deviceId, connections] of this.connected) {
      for (const connection of connections) {
        if (connection.device?.product === product) void connection.send(topics.command(deviceId), "poll");
      }
    }
  }

  /** The session's token is the password. */
  async credentialFor(): Promise<null> {
    return null;
  }

  disconnect(deviceId: string): void {
    for (const connection of this.connected.get(deviceId) ?? []) connection.close();
  }

  async close(): Promise<void> {
    clearInterval(this.heart);
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const connection of this.all) connection.close();
    await closed;
  }

  async admit(connection: MqttConnection, packet: IConnectPacket): Promise<void> {
    try {
      await this.authenticate(connection, packet);
    } catch (error) {
      this.counters.refusedConnections++;
      throw error;
    }
  }

  private async authenticate(connection: MqttConnection, packet: IConnectPacket): Promise<void> {
    const { username, password } = packet;
    if (username === undefined) {
      if (this.guests.admit(connection, connection.remoteAddress)) return;
      throw new Error("no credentials, and not there to sign in");
    }
    const { device } = await this.parts.sessions.authenticate(password?.toString("utf8") ?? "");
    if (device.id !== username) throw new Error("a token of another device");
    // An older connection of the same client id is ended, so nobody may take another's.
    if (!isOwnClientId(connection.id, device.id)) throw new Error("a client id of another device");
    const { id, product, enrolledAtMs } = device;
    connection.device = { id, product, enrolledAtMs };
  }

  ready(connection: MqttConnection): void {
    this.setPresence(connection, true);
    void this.expelRevoked(connection);
  }

  /** Who was revoked between its authentication and now was not yet among those whom a revocation disconnects. */
  private async expelRevoked(connection: MqttConnection): Promise<void> {
    const { device } = connection;
    if (device === null) return;
    try {
      if (!(await this.parts.sessions.isStillKnown(device))) connection.close();
    } catch (error) {
      this.parts.log.error("mqtt-expel", error, { device: device.id });
    }
  }

  ended(connection: MqttConnection, error: Error | null): void {
    this.all.delete(connection);
    this.guests.leave(connection);
    this.setPresence(connection, false);
    if (error === null) return;
    const { device } = connection;
    if (device === null) this.parts.log.warn("mqtt-connection", { error: error.message });
    else this.parts.log.warn("mqtt-client", { device: device.id, error: error.message });
  }

  maySubscribe(connection: MqttConnection, topic: string): boolean {
    const { device } = connection;
    if (device !== null) return maySubscribe(device.id, topic);
    return this.guests.has(connection) && topic === signInTopics.answer(connection.id);
  }

  /** The PUBACK is sent when this resolves: what is stored here is durable before it is acknowledged. */
  async take(connection: MqttConnection, topic: string, payload: Buffer): Promise<void> {
    if (payload.length > MQTT_LIMITS.payloadMaxBytes) throw new Error("payload too large");
    const { device } = connection;
    if (device === null) return this.takeFromGuest(connection, topic, payload);
    const kind = kindOf(device.id, topic);
    try {
      if (kind === "telemetry") await this.takeFrame(device, payload);
      if (kind === "report") await this.parts.reports.add(device.id, decodeReportBatch(payload));
      if (kind === "request") {
        const caller = { deviceId: device.id, address: connection.remoteAddress };
        await this.takeRequest(connection, caller, topics.answer(device.id), payload);
      }
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      // It would come again for ever if it were not acknowledged; so it is, and dropped, and said.
      this.counters.malformed++;
      this.parts.log.warn("mqtt-malformed", { device: device.id, topic, error: error.message });
    }
  }

  /** Whatever is wrong ends the connection: a guest has no acknowledgement to wait for. */
  private async takeFromGuest(connection: MqttConnection, topic: string, payload: Buffer): Promise<void> {
    const address = topic === signInTopics.request(connection.id) ? this.guests.ask(connection) : null;
    if (address === null) throw new Error(`who has not signed in may not publish to ${topic}`);
    if (payload.length > GUEST_LIMITS.requestMaxBytes) throw new Error("payload too large");
    await this.takeRequest(
      connection,
      { deviceId: null, address },
      signInTopics.answer(connection.id),
      payload,
    );
  }

  /** @throws SchemaError */
  private async takeRequest(
    connection: MqttConnection,
    caller: Caller,
    topic: string,
    payload: Buffer,
  ): Promise<void> {
    const request = decodeExchangeRequest(payload);
    connection.lane ??= new Lane(MQTT_LIMITS.maxWaitingRequests);
    const isTaken = await connection.lane.run(async () => {
      // Nobody is there any more to hear the answer.
      if (connection.isClosed) return;
      await connection.send(topic, await this.parts.exchange.answer(caller, request));
    });
    if (!isTaken) await connection.send(topic, tooMany(request));
  }

  private async takeFrame(sender: Sender, payload: Uint8Array): Promise<void> {
    const isNew = await this.parts.ingest.add(sender, payload);
    this.counters.frames++;
    if (!isNew) this.counters.repeatedFrames++;
  }

  private setPresence(connection: MqttConnection, online: boolean): void {
    const { device } = connection;
    if (device === null) return;
    const { id: deviceId } = device;
    const others = (this.connected.get(deviceId) ?? []).filter((other) => other !== connection);
    if (online) {
      this.connected.set(deviceId, others.concat(connection));
      // The same client on a new connection (MQTT 3.1.1, section 3.1.4). Those without a name of their own are different.
      for (const other of others) if (other.id === connection.id && other.id !== "") other.close();
    } else if (others.length > 0) {
      // A device that came back on a new connection is still online.
      this.connected.set(deviceId, others);
      return;
    } else if (!this.connected.delete(deviceId)) {
      // It never got as far as to be online.
      return;
    }
    const atMs = this.parts.clock();
    this.parts.store
      .write((db) => setOnline(db, deviceId, online, atMs, this.serverId))
      .then(
        () => this.parts.events.emit({ type: "device", atMs, deviceId, text: online ? "online" : "offline" }),
        (error) => this.parts.log.error("presence", error, { device: deviceId }),
      );
  }
}

/** What a device publishes; throws where it may not. */
function kindOf(deviceId: string, topic: string): "telemetry" | "report" | "presence" | "request" {
  const parsed = parseTopic(topic);
  const kind = parsed?.deviceId === deviceId ? parsed.kind : null;
  if (kind === null || kind === "command" || kind === "answer") {
    throw new Error(`${deviceId} may not publish to ${topic}`);
  }
  return kind;
}

/** The device's own name, that of its diagnosis, or none at all. */
function isOwnClientId(clientId: string, deviceId: string): boolean {
  return clientId === deviceId || clientId === `${deviceId}-diagnose` || clientId === "";
}
