import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { generate, type IConnackPacket, type IPublishPacket, type Packet, parser } from "mqtt-packet";

export const CONNECTION_LIMITS = {
  /** Milliseconds to wait for a connection, and for the answer to a subscription. */
  answerMs: 15_000,
  /** Seconds without a word after which the broker is asked whether it lives. */
  keepaliveS: 30,
} as const;

export interface BrokerAddress {
  /** mqtt:// or mqtts:// */
  readonly url: URL;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface ConnectionOptions {
  readonly address: BrokerAddress;
  readonly clientId: string;
  readonly username: string | null;
  readonly password: string | null;
  /** False for a session that outlives the connection: the broker keeps what comes meanwhile. */
  readonly isClean: boolean;
  /** `acknowledge` of QoS 1: when it is called, and not before, the broker forgets the message. */
  onMessage(message: IncomingMessage, acknowledge: () => void, connection: BrokerConnection): void;
}

export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly isRetained: boolean;
}

/**
 * One connection to a broker, MQTT 3.1.1. Messages are acknowledged one by one and in any
 * order, many under way: so one fsync serves a whole group of them. (The usual client acknowledges one before it looks at
 * the next.)
 */
export class BrokerConnection {
  /** Resolves with the reason when the connection has ended. */
  readonly ended: Promise<string>;
  private readonly answers = new Map<number, (packet: Packet) => void>();
  private readonly keepalive: NodeJS.Timeout;
  private lastId = 0;
  private isAlive = true;
  private reason = "closed by the broker";

  private constructor(
    private readonly socket: Socket,
    private readonly options: ConnectionOptions,
  ) {
    this.ended = new Promise((resolve) => {
      socket.once("close", () => {
        clearInterval(this.keepalive);
        resolve(this.reason);
      });
    });
    socket.on("error", (error) => {
      this.reason = error.message;
    });
    const packets = parser({ protocolVersion: 4 });
    packets.on("packet", (packet) => this.take(packet));
    packets.on("error", (error) => this.fail(error.message));
    socket.on("data", (data) => packets.parse(data));
    this.keepalive = setInterval(() => {
      if (!this.isAlive) return this.fail("the broker is silent");
      this.isAlive = false;
      this.send({ cmd: "pingreq" });
    }, CONNECTION_LIMITS.keepaliveS * 1000);
  }

  /** @throws Error when the broker can't be reached, or refuses. */
  static async open(options: ConnectionOptions): Promise<BrokerConnection> {
    const socket = await dial(options.address);
    const connection = new BrokerConnection(socket, options);
    try {
      const { clientId, username, password, isClean } = options;
      const connack = connection.answer(0);
      connection.send({
        cmd: "connect",
        protocolId: "MQTT",
        protocolVersion: 4,
        clientId,
        clean: isClean,
        keepalive: 2 * CONNECTION_LIMITS.keepaliveS,
        ...(username === null ? {} : { username }),
        ...(password === null ? {} : { password: Buffer.from(password) }),
      });
      const { returnCode } = (await connack) as IConnackPacket;
      if (returnCode !== 0) throw new Error(REFUSALS[returnCode ?? 0] ?? `refused with code ${returnCode}`);
      return connection;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** @throws Error when the broker refuses one of the topics. */
  async subscribe(topics: readonly { readonly topic: string; readonly qos: 0 | 1 }[]): Promise<void> {
    const messageId = ++this.lastId;
    const suback = this.answer(messageId);
    this.send({ cmd: "subscribe", messageId, subscriptions: [...topics] });
    const packet = await suback;
    const granted = packet.cmd === "suback" ? packet.granted : [];
    const refused = topics.filter((_, i) => Number(granted[i]) >= 0x80);
    if (refused.length > 0) throw new Error(`no right to subscribe to ${refused[0]!.topic}`);
  }

  /** QoS 0. Resolves when the network has taken it, or when the connection has ended. */
  async publish(topic: string, payload: Uint8Array | string): Promise<void> {
    const bytes = typeof payload === "string" ? payload : Buffer.from(payload);
    if (this.send({ cmd: "publish", topic, payload: bytes, qos: 0, dup: false, retain: false })) return;
    if (this.socket.destroyed) return;
    const drained = new Promise<void>((resolve) => this.socket.once("drain", resolve));
    await Promise.race([drained, this.ended]);
  }

  /** @param reason what `ended` resolves with. Messages that were not acknowledged come again. */
  close(reason = "closed"): void {
    this.reason = reason;
    if (this.socket.writable) this.socket.end(generate({ cmd: "disconnect" }));
    setTimeout(() => this.socket.destroy(), 1000).unref();
  }

  private take(packet: Packet): void {
    this.isAlive = true;
    switch (packet.cmd) {
      case "publish":
        this.takeMessage(packet);
        break;
      case "connack":
        this.answers.get(0)?.(packet);
        break;
      case "suback":
        this.answers.get(packet.messageId ?? 0)?.(packet);
        break;
      default:
        break;
    }
  }

  private takeMessage({ topic, payload, qos, retain, messageId }: IPublishPacket): void {
    const message = { topic, payload: Buffer.from(payload), isRetained: retain };
    const acknowledge = () => {
      if (qos === 1 && messageId !== undefined) this.send({ cmd: "puback", messageId });
    };
    // What the broker has kept comes right behind its answer to the connection, before `open` has returned.
    this.options.onMessage(message, acknowledge, this);
  }

  private answer(id: number): Promise<Packet> {
    return new Promise<Packet>((resolve, reject) => {
      const give = (outcome: () => void) => {
        clearTimeout(timer);
        this.answers.delete(id);
        outcome();
      };
      const timer = setTimeout(
        () => give(() => reject(new Error(`no answer in ${CONNECTION_LIMITS.answerMs / 1000} s`))),
        CONNECTION_LIMITS.answerMs,
      );
      this.answers.set(id, (packet) => give(() => resolve(packet)));
      void this.ended.then((reason) => give(() => reject(new Error(reason))));
    });
  }

  private send(packet: Packet): boolean {
    return this.socket.writable && this.socket.write(generate(packet, { protocolVersion: 4 }));
  }

  private fail(reason: string): void {
    this.reason = reason;
    this.socket.destroy();
  }
}

/** MQTT 3.1.1, 3.2.2.3. */
const REFUSALS: Record<number, string> = {
  1: "the broker does not speak MQTT 3.1.1",
  2: "the broker refuses the client id",
  3: "the broker is not available",
  4: "the broker refuses the user name or password",
  5: "the broker refuses these credentials",
};

async function dial({ url, ca, cert, key }: BrokerAddress): Promise<Socket> {
  const isTls = url.protocol === "mqtts:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port || (isTls ? 8883 : 1883));
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  const socket = isTls ? connectTls({ host, port, servername: host, ...tls }) : connect({ host, port });
  const late = setTimeout(
    () => socket.destroy(new Error("no connection in time")),
    CONNECTION_LIMITS.answerMs,
  );
  try {
    await once(socket, isTls ? "secureConnect" : "connect");
    socket.setNoDelay(true);
    return socket;
  } finally {
    clearTimeout(late);
  }
}
