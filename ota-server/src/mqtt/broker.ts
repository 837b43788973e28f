import { createServer, type Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import {
  COMMANDS,
  decodeExchangeRequest,
  decodeReportBatch,
  mayPublish,
  maySubscribe,
  parseTopic,
  SchemaError,
  signInTopics,
  topics,
} from "@mote/protocol";
import { Aedes, type AuthenticateError, type Client, type PublishPacket } from "aedes";
import { writeToStream } from "mqtt-packet";
import type { Clock } from "../clock.js";
import type { Events } from "../events.js";
import type { Reports } from "../fleet/reports.js";
import type { Sessions } from "../fleet/sessions.js";
import type { Log } from "../log.js";
import type { Ingest, Sender } from "../monitor/ingest.js";
import { setOnline } from "../store/devices.js";
import type { Store } from "../store/store.js";
import type { TlsFiles } from "../tls.js";
import type { MqttCounters, MqttSide } from "./door.js";
import { type Caller, type Exchange, tooMany } from "./exchange.js";
import { GUEST_LIMITS, Guests } from "./guests.js";
import { Lane } from "./lane.js";
import { packetLimit } from "./packetLimit.js";

export const MQTT_LIMITS = {
  /** Largest packet of ours: 64 reports. */
  payloadMaxBytes: 128 * 1024,
  connectTimeoutMs: 10_000,
  keepaliveLimitS: 3600,
  /** A device that takes nothing for so long, while an answer waits for it, is disconnected. */
  drainTimeoutMs: 120_000,
  /** Requests of one device that wait for those before them; more are answered 429. */
  maxWaitingRequests: 32,
  /** How often it is said that connections are turned away. */
  fullNoticeMs: 60_000,
} as const;

const NOT_AUTHORIZED = 5;
const NOTHING = Buffer.alloc(0);
/** A payload, its topic and number, or a sign-in. */
const limitPackets = packetLimit(MQTT_LIMITS.payloadMaxBytes + 1024);

/** aedes writes by it. It would keep a buffer of each of the 65,536 numbers, 6 MB that are marked with everything else. */
writeToStream.cacheNumbers = false;

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
export class Broker implements MqttSide {
  readonly problems = [];
  readonly counters: MqttCounters = { frames: 0, repeatedFrames: 0, malformed: 0, refusedConnections: 0 };
  private readonly parts: BrokerParts;
  private readonly aedes: Aedes;
  private readonly server: Server;
  /** Device of each connection that has proved itself. */
  private readonly devices = new WeakMap<Client, Sender & { readonly product: string }>();
  private readonly guests = new Guests();
  private readonly lanes = new WeakMap<Client, Lane>();
  /** Of connections that came by another way than a socket of this broker's. */
  private readonly addresses = new WeakMap<object, string>();
  /** Null where no other server could claim a device. */
  private readonly serverId: string | null;
  /** A device may be connected twice for a while: an old link not yet given up, or its own diagnosis. */
  private readonly connected = new Map<string, { readonly clients: Set<Client>; readonly product: string }>();

  private constructor(parts: BrokerParts, aedes: Aedes) {
    this.parts = parts;
    this.aedes = aedes;
    const { peers } = parts.store;
    this.serverId = peers.isShared ? peers.id : null;
    const handle = (stream: Duplex) => this.handle(stream);
    // An answer must not wait until the one before it is acknowledged by the network.
    const options = { noDelay: true };
    this.server =
      parts.tls === null
        ? createServer(options, handle)
        : createTlsServer({ ...parts.tls, ...options }, handle);
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

  static async open(parts: BrokerParts): Promise<Broker> {
    const aedes = await Aedes.createBroker({
      connectTimeout: MQTT_LIMITS.connectTimeoutMs,
      keepaliveLimit: MQTT_LIMITS.keepaliveLimitS,
      maxTopicLevels: 8,
      drainTimeout: MQTT_LIMITS.drainTimeoutMs,
    });
    endInTheStore(aedes);
    const broker = new Broker(parts, aedes);
    broker.wire();
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

  /** A connection that comes by another way, such as a WebSocket. @param address of the network, where it comes from. */
  accept(stream: Duplex, address: string): void {
    this.addresses.set(stream, address);
    this.handle(stream);
  }

  private handle(stream: Duplex): void {
    limitPackets(this.aedes.handle(stream));
  }

  hint(product: string): void {
    for (const [deviceId, device] of this.connected) {
      if (device.product !== product) continue;
      for (const client of device.clients) void send(client, topics.command(deviceId), COMMANDS.poll);
    }
  }

  /** The session's token is the password. */
  async credentialFor(): Promise<null> {
    return null;
  }

  disconnect(deviceId: string): void {
    for (const client of this.connected.get(deviceId)?.clients ?? []) client.close();
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.aedes.close(resolve));
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private wire(): void {
    const { aedes } = this;
    aedes.authenticate = (client, username, password, done) => {
      this.authenticate(client, username, password?.toString("utf8") ?? "").then(
        () => done(null, true),
        () => {
          this.counters.refusedConnections++;
          const error: AuthenticateError = Object.assign(new Error("not authorized"), {
            returnCode: NOT_AUTHORIZED as AuthenticateError["returnCode"],
          });
          done(error, null);
        },
      );
    };
    aedes.authorizeSubscribe = (client, subscription, done) => {
      const deviceId = this.devices.get(client)?.id;
      const isOwn =
        deviceId === undefined
          ? this.guests.has(client) && subscription.topic === signInTopics.answer(client.id)
          : maySubscribe(deviceId, subscription.topic);
      // null refuses this one subscription (SUBACK 0x80) and keeps the connection.
      done(null, isOwn ? subscription : null);
    };
    // aedes sends the PUBACK after this callback: what is stored here is durable before it is acknowledged.
    aedes.authorizePublish = (client, packet, done) => {
      this.take(client, packet).then(() => done(null), done);
    };
    aedes.on("clientReady", (client) => {
      // It may have been closed on the way here; its disconnection was told before.
      if (client.closed) return;
      this.setPresence(client, true);
      void this.expelRevoked(client);
    });
    aedes.on("clientDisconnect", (client) => {
      this.guests.leave(client);
      this.setPresence(client, false);
    });
    aedes.on("clientError", (client, error) =>
      this.parts.log.warn("mqtt-client", { device: this.devices.get(client)?.id, error: error.message }),
    );
    aedes.on("connectionError", (_client, error) =>
      this.parts.log.warn("mqtt-connection", { error: error.message }),
    );
  }

  private async authenticate(client: Client, username: string | undefined, token: string): Promise<void> {
    if (username === undefined) {
      if (this.guests.admit(client, this.addressOf(client))) return;
      throw new Error("no credentials, and not there to sign in");
    }
    const { device } = await this.parts.sessions.authenticate(token);
    if (device.id !== username) throw new Error("a token of another device");
    // The broker ends an older connection of the same client id, so nobody may take another's.
    if (!isOwnClientId(client.id, device.id)) throw new Error("a client id of another device");
    const { id, product, enrolledAtMs } = device;
    this.devices.set(client, { id, product, enrolledAtMs });
  }

  /** Who was revoked between its authentication and now was not yet among those whom a revocation disconnects. */
  private async expelRevoked(client: Client): Promise<void> {
    const device = this.devices.get(client);
    if (device === undefined) return;
    try {
      if (!(await this.parts.sessions.isStillKnown(device))) client.close();
    } catch (error) {
      this.parts.log.error("mqtt-expel", error, { device: device.id });
    }
  }

  private async take(client: Client | null, packet: PublishPacket): Promise<void> {
    // Wills are published by the broker itself, without a client; presence needs no more than the disconnection.
    if (client === null) return;
    // Nothing of ours is read from a retained message: aedes need not keep any.
    packet.retain = false;
    const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
    const { topic: name } = packet;
    // The parser has made the packet when the one before it ended, so it has grown old: what it points at would do so too.
    packet.payload = NOTHING;
    packet.topic = "";
    if (payload.length > MQTT_LIMITS.payloadMaxBytes) throw new Error("payload too large");
    const device = this.devices.get(client);
    if (device === undefined) return this.takeFromGuest(client, name, payload);
    const topic = parseTopic(name);
    if (topic === null || !mayPublish(device.id, name)) {
      throw new Error(`${device.id} may not publish to ${name}`);
    }
    try {
      if (topic.kind === "telemetry") await this.takeFrame(device, payload);
      if (topic.kind === "report") await this.parts.reports.add(device.id, decodeReportBatch(payload));
      if (topic.kind === "request") {
        const caller = { deviceId: device.id, address: this.addressOf(client) };
        await this.takeRequest(client, caller, topics.answer(device.id), payload);
      }
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      // It would come again for ever if it were not acknowledged; so it is, and dropped, and said.
      this.counters.malformed++;
      this.parts.log.warn("mqtt-malformed", { device: device.id, topic: name, error: error.message });
    }
  }

  /** Whatever is wrong ends the connection: a guest has no acknowledgement to wait for. */
  private async takeFromGuest(client: Client, topic: string, payload: Buffer): Promise<void> {
    const address = topic === signInTopics.request(client.id) ? this.guests.ask(client) : null;
    if (address === null) throw new Error(`who has not signed in may not publish to ${topic}`);
    if (payload.length > GUEST_LIMITS.requestMaxBytes) throw new Error("payload too large");
    await this.takeRequest(client, { deviceId: null, address }, signInTopics.answer(client.id), payload);
  }

  /** @throws SchemaError */
  private async takeRequest(client: Client, caller: Caller, topic: string, payload: Buffer): Promise<void> {
    const request = decodeExchangeRequest(payload);
    const lane = this.lanes.get(client) ?? new Lane(MQTT_LIMITS.maxWaitingRequests);
    this.lanes.set(client, lane);
    const isTaken = await lane.run(async () => {
      // Nobody is there any more to hear the answer.
      if (client.closed) return;
      await send(client, topic, await this.parts.exchange.answer(caller, request));
    });
    if (!isTaken) await send(client, topic, tooMany(request));
  }

  private addressOf({ conn }: Client): string {
    return this.addresses.get(conn) ?? (conn instanceof Socket ? conn.remoteAddress : undefined) ?? "unknown";
  }

  private async takeFrame(sender: Sender, payload: Uint8Array): Promise<void> {
    const isNew = await this.parts.ingest.add(sender, payload);
    this.counters.frames++;
    if (!isNew) this.counters.repeatedFrames++;
  }

  private setPresence(client: Client, online: boolean): void {
    const device = this.devices.get(client);
    if (device === undefined) return;
    const { id: deviceId, product } = device;
    const connections = this.connected.get(deviceId) ?? { clients: new Set<Client>(), product };
    if (online) {
      connections.clients.add(client);
      this.connected.set(deviceId, connections);
    } else {
      connections.clients.delete(client);
      // A device that came back on a new connection is still online.
      if (connections.clients.size > 0) return;
      this.connected.delete(deviceId);
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

/** As aedes calls it by itself: with the client that a message has come from, or with none for its own messages. */
type Publish = (packet: PublishPacket, from: Client | Done | null, done?: Done) => void;
type Done = (error?: Error) => void;

/**
 * What a client publishes has been taken (`Broker.take`) by the time it would be fanned out, and nobody may subscribe to
 * it: to look for who has would cost a fifth of what taking it costs. A will goes the same way, so none is retained.
 */
function endInTheStore(aedes: Aedes): void {
  const fanOut = aedes.publish.bind(aedes) as Publish;
  const publish: Publish = (packet, from, done) => {
    if (from === null || typeof from === "function") fanOut(packet, from, done);
    else done?.();
  };
  aedes.publish = publish;
}

/** To this connection alone, whoever else may have subscribed. Resolves when the network has taken it, or it is gone. */
function send(client: Client, topic: string, payload: string | Uint8Array): Promise<void> {
  const bytes = typeof payload === "string" ? payload : Buffer.from(payload);
  return new Promise((resolve) => {
    if (client.closed) return resolve();
    client.publish({ cmd: "publish", topic, payload: bytes, qos: 0, dup: false, retain: false }, () =>
      resolve(),
    );
  });
}

/** The device's own name, that of its diagnosis, or none at all (aedes then gives a random one). */
function isOwnClientId(clientId: string, deviceId: string): boolean {
  return clientId === deviceId || clientId === `${deviceId}-diagnose` || clientId.startsWith("aedes_");
}
