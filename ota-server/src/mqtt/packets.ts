import { type Packet, parser } from "mqtt-packet";

/** A message that comes in. It points into the bytes that it was read from. */
export interface IncomingPublish {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: number;
  /** 0 at QoS 0. */
  readonly messageId: number;
}

const PUBLISH = 3;
/** Bytes that tell a packet's length, at most (MQTT 3.1.1, section 2.2.3). */
const LENGTH_BYTES = 4;

/**
 * Bytes of the packet that begins at `at`, head and all; null while too few have come to say so.
 *
 * @throws Error on a length that MQTT does not know.
 */
export function packetLength(bytes: Buffer, at: number): number | null {
  let length = 0;
  for (let i = 1; i <= LENGTH_BYTES; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return null;
    length += (byte & 0x7f) * 128 ** (i - 1);
    if (byte < 0x80) return 1 + i + length;
  }
  throw new Error("a packet's length has more than four bytes");
}

export function isPublish(bytes: Buffer, at: number): boolean {
  return bytes[at]! >> 4 === PUBLISH;
}

/**
 * Reads the PUBLISH in `[at, end)` (MQTT 3.1.1, section 3.3). By hand: it is nearly all of what comes, and a parser for
 * each of ten thousand connections is a third of the memory that they hold.
 *
 * @throws Error on what is none.
 */
export function readPublish(bytes: Buffer, at: number, end: number): IncomingPublish {
  const qos = (bytes[at]! >> 1) & 3;
  if (qos === 3) throw new Error("a message of QoS 3");
  let next = at + 1;
  while (bytes[next]! >= 0x80) next++;
  const topicAt = next + 3;
  const topicEnd = topicAt <= end ? topicAt + bytes.readUInt16BE(next + 1) : Number.POSITIVE_INFINITY;
  const payloadAt = topicEnd + (qos > 0 ? 2 : 0);
  if (payloadAt > end) throw new Error("a message that ends within its head");
  const messageId = qos > 0 ? bytes.readUInt16BE(topicEnd) : 0;
  if (qos > 0 && messageId === 0) throw new Error("a message id of 0");
  return {
    topic: bytes.toString("utf8", topicAt, topicEnd),
    payload: bytes.subarray(payloadAt, end),
    qos,
    messageId,
  };
}

/** Reads any other packet, of which there are few. @throws Error on what is none. */
export function readPacket(bytes: Buffer): Packet {
  let packet: Packet | null = null;
  let failure: Error | null = null;
  // A new one each time: it remembers the version of the last CONNECT that it saw.
  const reader = parser({ protocolVersion: 4 });
  reader.on("packet", (one) => {
    packet = one;
  });
  reader.on("error", (error) => {
    failure = error;
  });
  reader.parse(bytes);
  if (failure !== null || packet === null)
    throw failure ?? new Error("a packet that does not fill its length");
  return packet;
}
