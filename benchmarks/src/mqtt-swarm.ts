import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { CONFIDENCE_BINS, encodeFrame, topics } from "@mote/protocol";
import { generate } from "mqtt-packet";

/**
 * Thousands of MQTT 3.1.1 connections from one process, on bare sockets with packets made beforehand: what a load
 * generator costs is taken from the machine that is measured.
 */

export interface SwarmMember {
  readonly id: string;
  readonly token: string;
}

const PUBACK = 4;
const CONNACK = 2;
/** Frame numbers from here take five bytes in CBOR, so that one packet serves for all of them. */
const FIRST_FRAME = 1 << 16;

class Connection {
  private readonly packet: Buffer;
  private readonly messageIdAt: number;
  private readonly frameAt: number;
  private frame: number;
  private messageId = 0;
  private received = Buffer.alloc(0);
  /** By message id: what waits for its acknowledgement. */
  private readonly waiting = new Map<number, () => void>();
  private onConnack: (() => void) | null = null;

  constructor(
    private readonly socket: Socket,
    id: string,
    firstFrame: number,
  ) {
    this.frame = firstFrame;
    const payload = Buffer.from(sampleFrame(firstFrame));
    const topic = topics.telemetry(id);
    this.packet = generate({
      cmd: "publish",
      topic,
      payload,
      qos: 1,
      messageId: 1,
      dup: false,
      retain: false,
    });
    const payloadAt = this.packet.length - payload.length;
    this.messageIdAt = payloadAt - 2;
    // [array head, version, 0x1a, four bytes of the number, …
    this.frameAt = payloadAt + (payload[0] === 0x98 ? 2 : 1) + 2;
    socket.on("data", (chunk) => this.take(chunk));
    socket.on("error", () => undefined);
  }

  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.onConnack = resolve;
      this.socket.once("close", () => reject(new Error("refused")));
    });
  }

  /** @param dueAt when it ought to be sent. @returns milliseconds from then to the acknowledgement. */
  send(dueAt: number): Promise<number> {
    this.messageId = (this.messageId % 65_535) + 1;
    this.packet.writeUInt16BE(this.messageId, this.messageIdAt);
    this.packet.writeUInt32BE(this.frame++, this.frameAt);
    return new Promise((resolve) => {
      this.waiting.set(this.messageId, () => resolve(performance.now() - dueAt));
      // A copy: the next frame may be written before the socket has taken this one.
      this.socket.write(Buffer.from(this.packet));
    });
  }

  end(): void {
    this.socket.destroy();
  }

  private acknowledge(messageId: number): void {
    this.waiting.get(messageId)?.();
    this.waiting.delete(messageId);
  }

  private take(chunk: Buffer): void {
    const data = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
    let at = 0;
    // Whatever the server sends is shorter than 128 B: a length is one byte.
    while (data.length - at >= 2 && data.length - at >= 2 + data[at + 1]!) {
      const kind = data[at]! >> 4;
      if (kind === PUBACK) this.acknowledge(data.readUInt16BE(at + 2));
      if (kind === CONNACK && data[at + 3] === 0) this.onConnack?.();
      at += 2 + data[at + 1]!;
    }
    this.received = Buffer.from(data.subarray(at));
  }
}

function sampleFrame(sequence: number): Uint8Array {
  return encodeFrame({
    sequence,
    windowStartMs: Date.now(),
    windowMs: 60_000,
    releaseSequence: 1,
    onProbation: false,
    inferences: 40,
    errors: 0,
    abstained: 0,
    latencyUs: { mean: 900, p95: 1200, max: 1500 },
    energyUj: 12,
    confidence: Array.from({ length: CONFIDENCE_BINS }, (_, bin) => (bin === 18 ? 40 : 0)),
    outputs: [4, 4, 4, 4, 4, 4, 4, 4, 4, 4],
    probes: { seen: 0, correct: 0 },
    batteryPercent: 80,
    temperatureC: 20,
  });
}

export class Swarm {
  private constructor(private readonly connections: readonly Connection[]) {}

  get size(): number {
    return this.connections.length;
  }

  /** Connects all members, some at a time: a handshake storm is not what is measured here. */
  static async connect(url: string, members: readonly SwarmMember[], round = 0): Promise<Swarm> {
    const { hostname, port, protocol } = new URL(url);
    const connections: Connection[] = [];
    const open = async ({ id, token }: SwarmMember): Promise<void> => {
      const socket =
        protocol === "mqtts:"
          ? connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false })
          : connect(Number(port), hostname);
      socket.setNoDelay(true);
      const connection = new Connection(socket, id, FIRST_FRAME + round * 1_000_000);
      const ready = connection.ready();
      socket.write(
        generate({
          cmd: "connect",
          protocolId: "MQTT",
          protocolVersion: 4,
          clean: true,
          clientId: id,
          keepalive: 600,
          username: id,
          password: Buffer.from(token),
        }),
      );
      await ready;
      connections.push(connection);
    };
    await inParallel(members, 64, open);
    return new Swarm(connections);
  }

  /** `active` members send one frame after another, each after its acknowledgement. @returns frames a second. */
  async closedLoop(active: number, seconds: number): Promise<number> {
    const start = performance.now();
    const end = start + seconds * 1000;
    let acknowledged = 0;
    await Promise.all(
      this.connections.slice(0, active).map(async (connection) => {
        while (performance.now() < end) {
          await connection.send(performance.now());
          acknowledged++;
        }
      }),
    );
    return (1000 * acknowledged) / (performance.now() - start);
  }

  /**
   * Frames at a fixed rate, each from the next member, whether or not earlier ones are acknowledged. Timed from when each
   * is due, so that a generator that is late makes the answers late and not the load light. @returns ms.
   */
  async openLoop(rate: number, seconds: number): Promise<number[]> {
    const times: Promise<number>[] = [];
    const start = performance.now();
    let sent = 0;
    while (performance.now() - start < seconds * 1000) {
      const due = Math.min(
        Math.floor(((performance.now() - start) / 1000) * rate),
        Math.floor(rate * seconds),
      );
      for (; sent < due; sent++) {
        times.push(
          this.connections[sent % this.connections.length]!.send(start + (1000 * (sent + 1)) / rate),
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return Promise.all(times);
  }

  end(): void {
    for (const connection of this.connections) connection.end();
  }
}

/** `task` over all items, at most `width` at a time. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  task: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(width, items.length) }, async () => {
      for (let index = next++; index < items.length; index = next++) await task(items[index]!, index);
    }),
  );
}
