import type { Duplex } from "node:stream";
import {
  generate,
  type IConnectPacket,
  type IPubrelPacket,
  type ISubscribePacket,
  type Packet,
  writeToStream,
} from "mqtt-packet";
import type { Sender } from "../monitor/ingest.js";
import type { Lane } from "./lane.js";
import { type IncomingPublish, isPublish, packetLength, readPacket, readPublish } from "./packets.js";

export const CONNECTION_LIMITS = {
  /** Until CONNECT has come, and until the refusal of one has been taken. Beats. */
  connectBeats: 10,
  /** Silence after which a device is taken to be gone is one and a half times this, whatever it says. Seconds. */
  keepaliveMaxS: 3600,
  /** Largest first packet: a token, and perhaps a will. */
  connectMaxBytes: 16 * 1024,
  /** Largest packet after it, beside the payload of a message. */
  headMaxBytes: 1024,
  /** Largest packet of ours: 64 reports. */
  payloadMaxBytes: 128 * 1024,
  /** Messages of one connection that are being taken; while there are more, nothing is read from it. */
  maxUnderWay: 64,
  /** Messages of QoS 2 that the device has yet to release. */
  maxUnreleased: 64,
  /** A device that takes nothing for so long, while an answer waits for it, is disconnected. */
  drainTimeoutMs: 120_000,
  /** Pieces in which a packet has come that are kept as they came. */
  maxPieces: 64,
} as const;

/** Why a CONNECT is refused (MQTT 3.1.1, section 3.2.2.3). */
export const REFUSAL = { version: 1, clientId: 2, notAuthorized: 5 } as const;

/** A device that has proved itself. */
export interface ConnectedDevice extends Sender {
  readonly product: string;
}

/** Who decides for the connections, and takes what they bring. */
export interface ConnectionOwner {
  /** Grows by one each second. */
  readonly beat: number;
  /** Rejects for who may not connect. */
  admit(connection: MqttConnection, packet: IConnectPacket): Promise<void>;
  /** It has been let in, and told so. */
  ready(connection: MqttConnection): void;
  maySubscribe(connection: MqttConnection, topic: string): boolean;
  /** Resolves when the message may be acknowledged; a rejection ends the connection. */
  take(connection: MqttConnection, topic: string, payload: Buffer): Promise<void>;
  /** @param error what ended it; null where it ended in order. */
  ended(connection: MqttConnection, error: Error | null): void;
}

/** It would keep a buffer of each of the 65,536 numbers, 10 MB, to write its packets from; few of them are written. */
writeToStream.cacheNumbers = false;

type State = "new" | "connecting" | "ready" | "closed";

const CONNECTION = Symbol("connection");
type Stream = Duplex & { [CONNECTION]?: MqttConnection };

const PINGRESP = Buffer.from([0xd0, 0]);
const PUBACK = 0x40;
const PUBREC = 0x50;
const PUBCOMP = 0x70;
/** SUBACK's word for a topic that may not be subscribed to. */
const SUBSCRIPTION_REFUSED = 0x80;

/**
 * One client of the embedded broker, MQTT 3.1 and 3.1.1. What a client publishes goes to the owner and to nobody else, and
 * what it hears the owner sends it; so there are no subscriptions to keep and no session that would outlive the
 * connection. The will is nobody's business: presence follows the connection itself.
 *
 * Ten thousand of these are what the collector of garbage has to walk through: a handful of objects each, no timer, no
 * closure, and nothing that is kept from one message to the next.
 */
export class MqttConnection {
  id = "";
  isClean = true;
  /** What the owner knows of it, here because ten thousand entries of a map are slow to mark: whose connection it is. */
  device: ConnectedDevice | null = null;
  /** And the requests that wait for each other; null before the first. */
  lane: Lane | null = null;
  private state: State = "new";
  private keepaliveS = 0;
  private heardAt: number;
  /** A packet that has come in part, and how long it has to be before it is looked at again. */
  private pieces: Buffer[] | null = null;
  private wanted = 0;
  private underWay = 0;
  private isPaused = false;
  /** Messages of QoS 2 by id, and whether they are durable; null before there are any. */
  private unreleased: Map<number, boolean> | null = null;
  private error: Error | null = null;

  /** @param address of the network, where the stream does not know. */
  constructor(
    private readonly stream: Stream,
    private readonly owner: ConnectionOwner,
    private readonly address: string | null = null,
  ) {
    this.heardAt = owner.beat;
    stream[CONNECTION] = this;
    stream.on("data", onData);
    stream.on("error", onError);
    stream.on("close", onClose);
  }

  get isClosed(): boolean {
    return this.state === "closed";
  }

  get remoteAddress(): string {
    if (this.address !== null) return this.address;
    const { remoteAddress } = this.stream as { remoteAddress?: string };
    return remoteAddress ?? "unknown";
  }

  /** Ends it at once. @param error where it is not in order. */
  close(error: Error | null = null): void {
    if (this.state !== "closed") {
      this.state = "closed";
      this.error = error;
    }
    this.stream.destroy();
  }

  /** To this connection alone, at QoS 0. Resolves when the network has taken it, or the connection is gone. */
  send(topic: string, payload: string | Uint8Array): Promise<void> {
    if (this.state !== "ready") return Promise.resolve();
    const bytes = typeof payload === "string" ? payload : Buffer.from(payload);
    const packet = generate({ cmd: "publish", topic, payload: bytes, qos: 0, dup: false, retain: false });
    return new Promise((resolve) => {
      const late = setTimeout(
        () => this.close(new Error("takes nothing of what is sent to it")),
        CONNECTION_LIMITS.drainTimeoutMs,
      );
      late.unref();
      this.stream.write(packet, () => {
        clearTimeout(late);
        resolve();
      });
    });
  }

  /** To be called at each beat. */
  watch(): void {
    const silentS = this.owner.beat - this.heardAt;
    if (this.state === "ready") {
      if (silentS > 1.5 * this.keepaliveS + 1) this.close(new Error("keep alive timeout"));
    } else if (this.state !== "connecting" && silentS > CONNECTION_LIMITS.connectBeats) {
      this.close(new Error("connect did not arrive in time"));
    }
  }

  /** For the stream alone: it is gone. */
  gone(): void {
    this.state = "closed";
    this.owner.ended(this, this.error);
  }

  /** For the stream alone: what has come. */
  read(chunk: Buffer): void {
    if (this.isClosed) return;
    this.heardAt = this.owner.beat;
    const bytes = this.join(chunk);
    if (bytes === null) return;
    let at = 0;
    try {
      // What follows a CONNECT waits for its answer.
      while (at < bytes.length && (this.state === "new" || this.state === "ready")) {
        const length = packetLength(bytes, at);
        if (length !== null && length > this.maxBytes) throw new Error("a packet that is too large");
        if (length === null || at + length > bytes.length) break;
        this.handle(bytes, at, at + length);
        at += length;
      }
    } catch (error) {
      this.close(error as Error);
      return;
    }
    if (at < bytes.length) this.keep(at === 0 ? bytes : bytes.subarray(at));
    if (this.underWay > CONNECTION_LIMITS.maxUnderWay || this.stream.writableNeedDrain) this.pause();
  }

  private get maxBytes(): number {
    const { connectMaxBytes, headMaxBytes, payloadMaxBytes } = CONNECTION_LIMITS;
    return this.state === "new" ? connectMaxBytes : headMaxBytes + payloadMaxBytes;
  }

  private keep(rest: Buffer): void {
    this.pieces = [rest];
    this.wanted = packetLength(rest, 0) ?? rest.length + 1;
  }

  /** With what came before it; null while a packet is not whole. */
  private join(chunk: Buffer): Buffer | null {
    const pieces = this.pieces;
    if (pieces === null) return chunk;
    pieces.push(chunk);
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (length < this.wanted && pieces.length < CONNECTION_LIMITS.maxPieces) return null;
    const whole = Buffer.concat(pieces, length);
    this.pieces = null;
    if (length >= this.wanted) return whole;
    // Who sends byte by byte must not have an object of each.
    this.pieces = [whole];
    return null;
  }

  private handle(bytes: Buffer, at: number, end: number): void {
    const isMessage = isPublish(bytes, at);
    if (this.state === "new" && isMessage) throw new Error("a message before the connection");
    if (isMessage) this.takeMessage(readPublish(bytes, at, end));
    else this.takePacket(readPacket(bytes.subarray(at, end)));
  }

  private takePacket(packet: Packet): void {
    if ((packet.cmd === "connect") !== (this.state === "new")) throw new Error(`${packet.cmd} out of turn`);
    switch (packet.cmd) {
      case "connect":
        void this.connect(packet);
        break;
      case "subscribe":
        this.subscribe(packet);
        break;
      case "unsubscribe":
        this.write(generate({ cmd: "unsuback", messageId: packet.messageId ?? 0, granted: [] }));
        break;
      case "pubrel":
        this.releaseMessage(packet);
        break;
      case "pingreq":
        this.write(PINGRESP);
        break;
      case "disconnect":
        this.close();
        break;
      case "puback":
      case "pubrec":
      case "pubcomp":
        // Nothing is sent to it at QoS 1 or 2.
        break;
      default:
        throw new Error(`a client does not send ${packet.cmd}`);
    }
  }

  private async connect(packet: IConnectPacket): Promise<void> {
    const { protocolVersion = 4, clean = true, keepalive = 0, clientId } = packet;
    if (protocolVersion > 4) return this.refuse(REFUSAL.version);
    if (clientId === "" && !clean) return this.refuse(REFUSAL.clientId);
    this.state = "connecting";
    this.stream.pause();
    this.id = clientId;
    this.isClean = clean;
    this.keepaliveS = Math.min(
      keepalive === 0 ? Number.POSITIVE_INFINITY : keepalive,
      CONNECTION_LIMITS.keepaliveMaxS,
    );
    try {
      await this.owner.admit(this, packet);
    } catch {
      this.refuse(REFUSAL.notAuthorized);
      return;
    }
    // It may have gone meanwhile.
    if (this.isClosed) return;
    this.state = "ready";
    this.heardAt = this.owner.beat;
    this.write(generate({ cmd: "connack", returnCode: 0, sessionPresent: false }));
    this.owner.ready(this);
    if (this.isClosed) return;
    this.stream.resume();
    const pieces = this.pieces;
    this.pieces = null;
    if (pieces !== null) this.read(Buffer.concat(pieces));
  }

  private refuse(returnCode: number): void {
    if (this.isClosed) return;
    this.state = "closed";
    this.stream.end(generate({ cmd: "connack", returnCode, sessionPresent: false }), () =>
      this.stream.destroy(),
    );
  }

  private subscribe({ messageId = 0, subscriptions }: ISubscribePacket): void {
    if (subscriptions.length === 0) throw new Error("a subscription to nothing");
    // Whatever is sent is sent at QoS 0.
    const granted = subscriptions.map(({ topic }) =>
      this.owner.maySubscribe(this, topic) ? 0 : SUBSCRIPTION_REFUSED,
    );
    this.write(generate({ cmd: "suback", messageId, granted }));
  }

  private takeMessage({ topic, payload, qos, messageId }: IncomingPublish): void {
    if (qos === 2 && !this.isFirst(messageId)) return;
    this.underWay++;
    this.owner.take(this, topic, payload).then(
      () => this.taken(qos, messageId),
      (error: unknown) => this.close(error instanceof Error ? error : new Error(String(error))),
    );
  }

  private taken(qos: number, messageId: number): void {
    this.underWay--;
    if (qos === 1) this.acknowledge(PUBACK, messageId);
    if (qos === 2) {
      this.unreleased?.set(messageId, true);
      this.acknowledge(PUBREC, messageId);
    }
    if (this.isPaused) this.goOn();
  }

  /** Of a message of QoS 2, which is taken once until it is released. */
  private isFirst(messageId: number): boolean {
    this.unreleased ??= new Map();
    const isDurable = this.unreleased.get(messageId);
    if (isDurable === true) this.acknowledge(PUBREC, messageId);
    if (isDurable !== undefined) return false;
    if (this.unreleased.size >= CONNECTION_LIMITS.maxUnreleased)
      throw new Error("too many messages unreleased");
    this.unreleased.set(messageId, false);
    return true;
  }

  private releaseMessage({ messageId = 0 }: IPubrelPacket): void {
    this.unreleased?.delete(messageId);
    this.acknowledge(PUBCOMP, messageId);
  }

  private acknowledge(kind: number, messageId: number): void {
    const bytes = Buffer.allocUnsafe(4);
    bytes[0] = kind;
    bytes[1] = 2;
    bytes[2] = messageId >> 8;
    bytes[3] = messageId & 0xff;
    this.write(bytes);
  }

  private write(bytes: Buffer): void {
    if (this.state === "ready") this.stream.write(bytes);
  }

  /** Reads no more until what it has sent is taken, and it takes what it is sent. */
  private pause(): void {
    if (this.isPaused || this.state !== "ready") return;
    this.isPaused = true;
    this.stream.pause();
    if (this.stream.writableNeedDrain) this.stream.once("drain", () => this.goOn());
  }

  private goOn(): void {
    if (!this.isPaused || this.isClosed) return;
    if (this.underWay > CONNECTION_LIMITS.maxUnderWay / 2 || this.stream.writableNeedDrain) return;
    this.isPaused = false;
    this.stream.resume();
  }
}

// One function for all connections, where each would have closures of its own.

function onData(this: Stream, chunk: Buffer): void {
  this[CONNECTION]?.read(chunk);
}

function onError(this: Stream, error: Error): void {
  this[CONNECTION]?.close(error);
}

function onClose(this: Stream): void {
  this[CONNECTION]?.gone();
}
