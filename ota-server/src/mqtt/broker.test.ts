import { encodeFrame, topics } from "@mote/protocol";
import mqtt from "mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { TestDevice } from "../testing/device.js";
import { eventually, TestBench } from "../testing/server.js";

let bench: TestBench;
beforeAll(async () => {
  bench = await TestBench.start();
});
afterAll(() => bench.close());

const QUALITY = { confidence: 0.9, accuracy: 1 };

async function windowsOf(device: TestDevice): Promise<number> {
  const { telemetry } = await bench.operator.device(device.id);
  return telemetry.reduce((sum, one) => sum + one.windows, 0);
}

test("a frame is stored when its acknowledgement comes, and a replayed one is not counted again", async () => {
  const [device] = await bench.devices(1, "frame");
  const bytes = await device!.sendWindow(QUALITY);
  expect(await windowsOf(device!)).toBe(1);
  await device!.publish(topics.telemetry(device!.id), bytes);
  expect(await windowsOf(device!)).toBe(1);
  await device!.sendWindow(QUALITY);
  expect(await windowsOf(device!)).toBe(2);
  await device!.disconnect();
});

test("what is no frame is acknowledged and dropped, so that it does not come for ever", async () => {
  const [device] = await bench.devices(1, "malformed");
  const good = encodeFrame(device!.frame(QUALITY));
  for (const payload of [
    new Uint8Array(),
    new Uint8Array([0xff]),
    good.subarray(0, good.length - 3),
    new Uint8Array(20_000),
  ]) {
    await device!.publish(topics.telemetry(device!.id), payload);
    await device!.publish(topics.report(device!.id), payload);
  }
  expect(await windowsOf(device!)).toBe(0);
  expect(device!.isConnected).toBe(true);
  await device!.sendWindow(QUALITY);
  expect(await windowsOf(device!)).toBe(1);
  await device!.disconnect();
});

test("a device publishes below its own id and nowhere else", async () => {
  const [thief, victim] = await bench.devices(2, "topic");
  const frame = encodeFrame(victim!.frame(QUALITY));
  // aedes ends the connection of who publishes where it may not.
  thief!.publish(topics.telemetry(victim!.id), frame).catch(() => undefined);
  await eventually(async () => !thief!.isConnected, "the thief to be thrown out");
  expect(await windowsOf(victim!)).toBe(0);
  await victim!.disconnect();
  await thief!.disconnect();
});

test("a device hears its own commands and nobody else's", async () => {
  const [a, b] = await bench.devices(2, "listen");
  const client = await a!.connect();
  const granted = await client.subscribeAsync(topics.command(a!.id), { qos: 0 });
  expect(granted[0]!.qos).toBe(0);
  for (const topic of [topics.command(b!.id), topics.telemetry(b!.id), "mote/#", "#", "$SYS/#"]) {
    await expect(client.subscribeAsync(topic, { qos: 0 })).rejects.toThrow();
  }
  await Promise.all([a!.disconnect(), b!.disconnect()]);
});

test("nobody connects with another's token, another's client id, or none", async () => {
  const [a, b] = await bench.devices(2, "sign-in");
  const connect = (options: mqtt.IClientOptions) =>
    mqtt.connectAsync(bench.server.mqttUrl, { protocolVersion: 4, reconnectPeriod: 0, ...options });
  await expect(connect({})).rejects.toThrow();
  await expect(connect({ clientId: a!.id, username: a!.id, password: "guess" })).rejects.toThrow();
  await expect(connect({ clientId: a!.id, username: a!.id, password: b!.token })).rejects.toThrow();
  await expect(connect({ clientId: b!.id, username: a!.id, password: a!.token })).rejects.toThrow();
  expect(b!.isConnected).toBe(true);
  await Promise.all([a!.disconnect(), b!.disconnect()]);
});

test("presence follows the connection, and a second connection of the device does not end it", async () => {
  const [device] = await bench.devices(1, "presence");
  const isOnline = async () => (await bench.operator.device(device!.id)).device.online;
  await eventually(isOnline, "the device to be online");
  const diagnosis = await mqtt.connectAsync(bench.server.mqttUrl, {
    clientId: `${device!.id}-diagnose`,
    username: device!.id,
    password: device!.token,
    protocolVersion: 4,
    reconnectPeriod: 0,
  });
  await diagnosis.endAsync();
  await device!.sendWindow(QUALITY);
  expect(await isOnline()).toBe(true);
  await device!.disconnect();
  await eventually(async () => !(await isOnline()), "the device to be offline");
});

test("a browser's way in, MQTT over WebSocket on the HTTP port, has the same rights and the same durability", async () => {
  const [device, victim] = await bench.devices(2, "socket");
  await device!.disconnect();
  device!.mqttUrl = bench.server.url.replace(/^http/, "ws");
  await device!.connect("/mqtt");
  await device!.sendWindow(QUALITY);
  expect(await windowsOf(device!)).toBe(1);
  const frame = encodeFrame(victim!.frame(QUALITY));
  device!.publish(topics.telemetry(victim!.id), frame).catch(() => undefined);
  await eventually(async () => !device!.isConnected, "the thief to be thrown out");
  expect(await windowsOf(victim!)).toBe(0);
  await victim!.disconnect();
});

test("a WebSocket elsewhere, or without MQTT's name, is refused, and the server stays up", async () => {
  const url = bench.server.url.replace(/^http/, "ws");
  const refused = (path: string, protocol: string[]) =>
    new Promise<string>((resolve) => {
      const socket = new WebSocket(`${url}${path}`, protocol);
      socket.on("error", ({ message }) => resolve(message)).on("open", () => resolve("open"));
    });
  expect(await refused("/elsewhere", ["mqtt"])).toMatch(/404/);
  expect(await refused("/mqtt", [])).toMatch(/400/);
  expect(await refused("/mqtt", ["chat"])).toMatch(/400/);
  const noise = new WebSocket(`${url}/mqtt`, ["mqtt"]);
  await new Promise((resolve) => noise.once("open", resolve));
  const gone = new Promise((resolve) => noise.once("close", resolve));
  noise.on("error", () => undefined);
  noise.send(Buffer.alloc(300_000, 0x10));
  await gone;
  await bench.operator.fleet();
});

test("a revoked device is thrown out of its live connection at once, and can't come back", async () => {
  const [device] = await bench.devices(1, "revoked");
  expect(device!.isConnected).toBe(true);
  await bench.operator.revokeDevice(device!.id);
  await eventually(async () => !device!.isConnected, "the revoked device to be thrown out");
  await expect(device!.connect()).rejects.toThrow(/Not authorized/i);
  await expect(device!.signIn()).rejects.toThrow(/401/);
});

/** What the broker's library does not declare of itself. */
interface Persistent {
  readonly persistence: { cleanSubscriptions(client: unknown): Promise<unknown> };
}

test("a device that is revoked while it connects, after it was let in, does not stay", async () => {
  const [device] = await bench.devices(1, "overtaken");
  await device!.disconnect();
  const isOnline = async () => (await bench.operator.device(device!.id)).device.online;
  await eventually(async () => !(await isOnline()), "the device to be offline");
  const { persistence } = (bench.server as unknown as { broker: { aedes: Persistent } }).broker.aedes;
  // The step that follows authentication: the broker does not count the device among the connected yet.
  const clean = persistence.cleanSubscriptions.bind(persistence);
  const letIn = new Promise<() => void>((reached) => {
    persistence.cleanSubscriptions = async (client) => {
      await new Promise<void>((resolve) => reached(resolve));
      return clean(client);
    };
  });
  const connecting = device!.connect().catch(() => undefined);
  const goOn = await letIn;
  await bench.operator.revokeDevice(device!.id);
  persistence.cleanSubscriptions = clean;
  goOn();
  await connecting;
  await eventually(async () => !device!.isConnected, "the revoked device to be thrown out");
  await eventually(async () => !(await isOnline()), "the device to be offline");
});
