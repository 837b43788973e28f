import { connect, type Socket } from "node:net";
import { encodeFrame, topics } from "@mote/protocol";
import { generate, type Packet, parser } from "mqtt-packet";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { TestDevice } from "../testing/device.js";
import { eventually, TestBench } from "../testing/server.js";
import { CONNECTION_LIMITS } from "./connection.js";

/** The broker, byte by byte: what a client library would not send, or not so. */

let bench: TestBench;
let device: TestDevice;
const open: Wire[] = [];

beforeAll(async () => {
  bench = await TestBench.start();
  [device] = (await bench.devices(1, "wire")) as [TestDevice];
  await device.disconnect();
});
afterEach(() => {
  for (const wire of open.splice(0)) wire.socket.destroy();
});
afterAll(() => bench.close());

/** A socket that writes what it is told, and remembers what comes. */
class Wire {
  readonly received: Packet[] = [];
  isClosed = false;
  readonly socket: Socket;

  constructor() {
    const { hostname, port } = new URL(bench.server.mqttUrl);
    this.socket = connect(Number(port), hostname).setNoDelay(true);
    const packets = parser({ protocolVersion: 4 });
    packets.on("packet", (packet) => this.received.push({ ...packet }));
    this.socket.on("data", (bytes) => packets.parse(bytes)).on("error", () => undefined);
    this.socket.on("close", () => {
      this.isClosed = true;
    });
    open.push(this);
  }

  write(...packets: (Packet | Buffer)[]): void {
    const bytes = packets.map((packet) => (Buffer.isBuffer(packet) ? packet : generate(packet)));
    this.socket.write(Buffer.concat(bytes));
  }

  async hears(cmd: Packet["cmd"], count = 1): Promise<Packet[]> {
    return eventually(async () => {
      const heard = this.received.filter((packet) => packet.cmd === cmd);
      return heard.length >= count && heard;
    }, `${count} ${cmd}`);
  }

  async ends(): Promise<void> {
    await eventually(async () => this.isClosed, "the connection to be ended");
  }
}

const hello = (more: object = {}): Packet => ({
  cmd: "connect",
  protocolId: "MQTT",
  protocolVersion: 4,
  clean: true,
  clientId: device.id,
  keepalive: 60,
  username: device.id,
  password: Buffer.from(device.token),
  ...more,
});

const window = (messageId: number, qos: 0 | 1 | 2 = 1, dup = false): Packet => ({
  cmd: "publish",
  topic: topics.telemetry(device.id),
  payload: Buffer.from(encodeFrame(device.frame({ confidence: 0.9, accuracy: 1 }))),
  qos,
  messageId,
  dup,
  retain: false,
});

async function windows(): Promise<number> {
  const { telemetry } = await bench.operator.device(device.id);
  return telemetry.reduce((sum, one) => sum + one.windows, 0);
}

describe("what comes", () => {
  test("may come in one piece with the connection, or byte by byte", async () => {
    const before = await windows();
    const whole = new Wire();
    whole.write(hello(), window(1), window(2), { cmd: "pingreq" });
    await whole.hears("pingresp");
    expect((await whole.hears("puback", 2)).map(({ messageId }) => messageId)).toEqual([1, 2]);
    const slow = new Wire();
    const bytes = Buffer.concat([hello(), window(3)].map((packet) => generate(packet)));
    for (const byte of bytes) {
      slow.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await slow.hears("puback");
    expect(await windows()).toBe(before + 3);
  });

  test("is acknowledged in its order, thousands of messages at once, though few are taken at a time", async () => {
    const before = await windows();
    const wire = new Wire();
    const count = 3000;
    wire.write(hello(), ...Array.from({ length: count }, (_, i) => window(i + 1)));
    const heard = await wire.hears("puback", count);
    expect(heard.map(({ messageId }) => messageId)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    expect(await windows()).toBe(before + count);
  });

  test("at QoS 2 is taken once, until it is released", async () => {
    const before = await windows();
    const wire = new Wire();
    const once = window(9, 2);
    wire.write(hello(), once);
    await wire.hears("pubrec");
    // Another message under an id that is not released is what came before, for a broker.
    wire.write(window(9, 2, true), window(9, 2, true));
    await wire.hears("pubrec", 3);
    wire.write({ cmd: "pubrel", messageId: 9 });
    await wire.hears("pubcomp");
    expect(await windows()).toBe(before + 1);
    wire.write(window(9, 2));
    await wire.hears("pubrec", 4);
    expect(await windows()).toBe(before + 2);
  });

  test("at QoS 2 and never released ends the connection before it fills the memory", async () => {
    const wire = new Wire();
    const most = CONNECTION_LIMITS.maxUnreleased;
    wire.write(hello(), ...Array.from({ length: most + 1 }, (_, i) => window(i + 1, 2)));
    await wire.ends();
  });
});

describe("a connection is refused", () => {
  test.each([
    ["of MQTT 5", { protocolVersion: 5 }, 1],
    ["with another's token", { password: Buffer.from("guess") }, 5],
  ])("%s, with the code that MQTT has for it", async (_, more, code) => {
    const wire = new Wire();
    wire.write(hello(more));
    // Behind a refusal nothing is read any more.
    wire.write(window(1));
    expect(await wire.hears("connack")).toMatchObject([{ returnCode: code, sessionPresent: false }]);
    await wire.ends();
    expect(wire.received).toHaveLength(1);
  });

  test("without a name, that wants to be remembered", async () => {
    const wire = new Wire();
    const bytes = generate(hello({ clientId: "" }));
    // The flag of a clean session, which no library leaves out here.
    bytes[bytes.indexOf("MQTT") + 5]! &= ~2;
    wire.write(bytes);
    expect(await wire.hears("connack")).toMatchObject([{ returnCode: 2 }]);
    await wire.ends();
  });

  test("that begins with anything else, begins twice, or speaks as a server does", async () => {
    for (const packets of [
      [window(1)],
      [{ cmd: "pingreq" }],
      [hello(), hello()],
      [hello(), { cmd: "pingresp" }],
      // A subscription to nothing.
      [hello(), Buffer.from([0x82, 2, 0, 1])],
    ] as (Packet | Buffer)[][]) {
      const wire = new Wire();
      wire.write(...packets);
      await wire.ends();
    }
  });

  test("that says it will send more than anybody may, before it has sent it", async () => {
    for (const start of [
      Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]),
      Buffer.concat([generate(hello()), Buffer.from([0x32, 0xff, 0xff, 0xff, 0x7f])]),
    ]) {
      const wire = new Wire();
      wire.socket.write(start);
      await wire.ends();
    }
  });
});

describe("a connection", () => {
  test("of the same client takes the older one's place, and one without a name stands beside it", async () => {
    const first = new Wire();
    first.write(hello());
    await first.hears("connack");
    const nameless = new Wire();
    nameless.write(hello({ clientId: "" }));
    await nameless.hears("connack");
    const second = new Wire();
    second.write(hello());
    await second.hears("connack");
    await first.ends();
    nameless.write({ cmd: "pingreq" });
    await nameless.hears("pingresp");
    expect((await bench.operator.device(device.id)).device.online).toBe(true);
  });

  test("that falls silent is ended, and one that pings is not", async () => {
    const [silent, alive] = [new Wire(), new Wire()];
    silent.write(hello({ keepalive: 1, clientId: "" }));
    alive.write(hello({ keepalive: 1, clientId: "" }));
    const pings = setInterval(() => alive.write({ cmd: "pingreq" }), 300);
    await Promise.all([silent.hears("connack"), alive.hears("connack")]);
    await silent.ends();
    clearInterval(pings);
    expect(alive.isClosed).toBe(false);
  });

  test("hears which of its subscriptions are granted, and unsubscribes", async () => {
    const wire = new Wire();
    const wanted = [topics.command(device.id), "#", topics.answer(device.id)];
    const subscriptions = wanted.map((topic) => ({ topic, qos: 1 as const }));
    wire.write(hello(), { cmd: "subscribe", messageId: 1, subscriptions });
    expect(await wire.hears("suback")).toMatchObject([{ messageId: 1, granted: [0, 0x80, 0] }]);
    wire.write({ cmd: "unsubscribe", messageId: 2, unsubscriptions: wanted });
    expect(await wire.hears("unsuback")).toMatchObject([{ messageId: 2 }]);
  });
});
