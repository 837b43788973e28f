import fc from "fast-check";
import { generate } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { isPublish, packetLength, readPacket, readPublish } from "./packets.js";

const publish = fc.record({
  topic: fc
    .string({ minLength: 1, maxLength: 300, unit: "grapheme" })
    .filter((topic) => !/[#+\0]/.test(topic)),
  payload: fc.uint8Array({ maxLength: 20_000 }).map((bytes) => Buffer.from(bytes)),
  qos: fc.constantFrom(0, 1, 2),
  messageId: fc.integer({ min: 1, max: 0xffff }),
  dup: fc.boolean(),
  retain: fc.boolean(),
});

const bytesOf = (one: typeof publish extends fc.Arbitrary<infer T> ? T : never): Buffer =>
  generate({ cmd: "publish", ...one, qos: one.qos as 0 | 1 | 2, dup: one.dup && one.qos > 0 });

describe("a message", () => {
  it("is read as mqtt-packet wrote it, wherever it lies among others", () => {
    fc.assert(
      fc.property(publish, fc.uint8Array({ maxLength: 8 }), (message, around) => {
        const packet = bytesOf(message);
        const bytes = Buffer.concat([around, packet, around]);
        const at = around.length;
        expect(packetLength(bytes, at)).toBe(packet.length);
        expect(isPublish(bytes, at)).toBe(true);
        const { topic, payload, qos, messageId } = readPublish(bytes, at, at + packet.length);
        expect({ topic, payload, qos, messageId }).toEqual({
          topic: message.topic,
          payload: message.payload,
          qos: message.qos,
          messageId: message.qos > 0 ? message.messageId : 0,
        });
      }),
    );
  });

  it("is refused, or is another of the same length, with any byte changed, and never read beyond its end", () => {
    fc.assert(
      fc.property(publish, fc.nat(), fc.integer({ min: 1, max: 255 }), (message, where, change) => {
        const packet = bytesOf(message);
        const length = packet.length;
        packet[where % length]! ^= change;
        let read: ReturnType<typeof readPublish>;
        try {
          // What its length has become is what the caller waits for.
          const end = packetLength(packet, 0);
          if (end === null || end > length) return;
          read = readPublish(packet, 0, end);
        } catch (error) {
          expect(String(error)).toMatch(/^Error: a (message|packet)/);
          return;
        }
        expect(read.payload.byteOffset + read.payload.length).toBeLessThanOrEqual(packet.byteOffset + length);
      }),
    );
  });

  it.each([
    ["of QoS 3", [0x36, 5, 0, 1, 0x61, 0, 1]],
    ["without an id", [0x32, 3, 0, 1, 0x61]],
    ["with the id 0", [0x32, 5, 0, 1, 0x61, 0, 0]],
    ["whose topic goes beyond its end", [0x30, 3, 0, 9, 0x61]],
    ["without a topic's length", [0x30, 1, 0]],
    ["of nothing", [0x30, 0]],
  ])("%s is refused", (_, bytes) => {
    expect(() => readPublish(Buffer.from(bytes), 0, bytes.length)).toThrow(/^a message/);
  });
});

describe("a packet's length", () => {
  it("is unknown until its last byte has come, and no longer than four", () => {
    const packet = generate({
      cmd: "publish",
      topic: "a",
      payload: Buffer.alloc(300_000),
      qos: 0,
      dup: false,
      retain: false,
    });
    for (const cut of [0, 1, 2, 3]) expect(packetLength(packet.subarray(0, cut), 0)).toBeNull();
    expect(packetLength(packet.subarray(0, 4), 0)).toBe(packet.length);
    expect(() => packetLength(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff]), 0)).toThrow(/more than four/);
  });
});

describe("any other packet", () => {
  it("is read by itself, whatever version came before it", () => {
    const connect = { cmd: "connect", clientId: "a", protocolId: "MQTT", clean: true, keepalive: 9 } as const;
    expect(readPacket(generate({ ...connect, protocolVersion: 5 }))).toMatchObject({ protocolVersion: 5 });
    const subscribe = generate({ cmd: "subscribe", messageId: 7, subscriptions: [{ topic: "a/b", qos: 1 }] });
    expect(readPacket(subscribe)).toMatchObject({ messageId: 7, subscriptions: [{ topic: "a/b", qos: 1 }] });
  });

  it("is refused when it is none, or ends too soon", () => {
    for (const bytes of [
      [0x10, 0],
      [0x10, 2, 0, 4],
      [0x00, 0],
      [0xf0, 0],
      [0x61, 2, 0, 1],
    ]) {
      expect(() => readPacket(Buffer.from(bytes)), String(bytes)).toThrow();
    }
  });
});
