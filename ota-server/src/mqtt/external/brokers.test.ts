import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  decodeExchangeAnswer,
  type ExchangeAnswer,
  encodeExchangeRequest,
  encodeFrame,
  PATHS,
  topics,
} from "@mote/protocol";
import { generateKey } from "@mote/protocol/node";
import mqtt from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isInstalled, RealBroker } from "../../testing/brokers.js";
import type { TestDevice } from "../../testing/device.js";
import { makeRelease, planForAll } from "../../testing/release.js";
import { eventually, TestBench } from "../../testing/server.js";

/** Brokers that are not the server's, for real. */

const QUALITY = { confidence: 0.9, accuracy: 1 };
const BROKERS = [
  { name: "Mosquitto", program: "mosquitto", open: RealBroker.mosquitto, cutsRevoked: true },
  { name: "NATS", program: "nats-server", open: RealBroker.nats, cutsRevoked: false },
] as const;

for (const { name, program, open, cutsRevoked } of BROKERS) {
  const isThere = isInstalled(program);
  describe.skipIf(!isThere)(`${name} as the broker${isThere ? "" : ` (skipped: no ${program} here)`}`, () => {
    let folder: string;
    let broker: RealBroker;
    let bench: TestBench;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "mote-broker-"));
      broker = await open(join(folder, "broker"));
      bench = await TestBench.start(broker.settings);
      await consuming();
    });
    afterAll(async () => {
      await bench.close();
      await broker.stop();
      rmSync(folder, { recursive: true });
    });

    async function consuming(): Promise<void> {
      await eventually(async () => {
        const answer = await fetch(`${bench.server.url}/ready`);
        return answer.status === 200 && !(await answer.text()).includes("MQTT broker");
      }, "the server to consume");
    }

    /** Whatever is decided about a product is hinted at. */
    async function rollOut(): Promise<void> {
      await bench.publishRoot();
      await bench.signers.publish(bench.operator, [makeRelease(1)], bench.now());
      await bench.operator.createRollout(planForAll("1.0.0"));
    }

    async function windowsOf(device: TestDevice): Promise<number> {
      const { telemetry } = await bench.operator.device(device.id);
      return telemetry.reduce((sum, one) => sum + one.windows, 0);
    }

    let lastId = 0;
    async function ask(device: TestDevice, path: string, document: unknown): Promise<ExchangeAnswer> {
      const { connection } = device;
      await connection.subscribeAsync(topics.answer(device.id), { qos: 0 });
      const id = ++lastId;
      const body = Buffer.from(JSON.stringify(document));
      const request = { id, method: "POST" as const, path, token: device.token, range: null, body };
      const answer = new Promise<ExchangeAnswer>((resolve) =>
        connection.on("message", (topic, payload) => {
          if (topic !== topics.answer(device.id)) return;
          const one = decodeExchangeAnswer(payload);
          if (one.id === id) resolve(one);
        }),
      );
      await connection.publishAsync(topics.request(device.id), Buffer.from(encodeExchangeRequest(request)));
      return answer;
    }

    test("a device gets a password by its key, and what it sends is stored", async () => {
      const [device] = await bench.devices(1, "own");
      expect(device!.mqttUrl).toBe(broker.settings["mqttBroker"]);
      expect(device!.password).not.toBe(device!.token);
      const bytes = await device!.sendWindow(QUALITY);
      await eventually(async () => (await windowsOf(device!)) === 1, "the window");
      await device!.publish(topics.telemetry(device!.id), bytes);
      await device!.sendWindow(QUALITY);
      await eventually(
        async () => (await windowsOf(device!)) === 2,
        "the second window, the repeated one not counted",
      );
      await device!.publish(topics.telemetry(device!.id), new Uint8Array([0xff]));
      await device!.sendWindow(QUALITY);
      await eventually(async () => (await windowsOf(device!)) === 3, "the window after what was none");
      await device!.disconnect();
    });

    test("a new sign-in ends no connection that stands, and its password is good", async () => {
      const [device] = await bench.devices(1, "renewed");
      await device!.signIn();
      await device!.sendWindow(QUALITY);
      await eventually(async () => (await windowsOf(device!)) === 1, "the window");
      expect(device!.isConnected).toBe(true);
      await device!.disconnect();
      await device!.connect();
      await device!.disconnect();
    });

    test("a device hears and says nothing below another's id, and nobody connects without a password", async () => {
      const [thief, victim] = await bench.devices(2, "fenced");
      for (const topic of [
        topics.answer(victim!.id),
        topics.command(victim!.id),
        "mote/v1/+/answer",
        "mote/#",
        "#",
      ]) {
        const granted = await thief!.connection.subscribeAsync(topic, { qos: 0 }).catch(() => "refused");
        expect(granted).toBe("refused");
      }
      const frame = encodeFrame(victim!.frame(QUALITY));
      await thief!.publish(topics.telemetry(victim!.id), frame).catch(() => undefined);
      await thief!.disconnect();
      await victim!.sendWindow(QUALITY);
      await eventually(async () => (await windowsOf(victim!)) > 0, "the victim's window");
      expect(await windowsOf(victim!)).toBe(1);
      const connect = (options: mqtt.IClientOptions) =>
        mqtt.connectAsync(victim!.mqttUrl, { protocolVersion: 4, reconnectPeriod: 0, ...options });
      await expect(connect({ clientId: "S0" })).rejects.toThrow();
      await expect(
        connect({ clientId: victim!.id, username: victim!.id, password: victim!.token }),
      ).rejects.toThrow();
      await victim!.disconnect();
    });

    test("requests are answered by the server, which acknowledges what it has stored", async () => {
      const [device] = await bench.devices(1, "asking");
      const frames = [0, 1, 2].map(() => Buffer.from(encodeFrame(device!.frame(QUALITY))).toString("base64"));
      const { status, body } = await ask(device!, PATHS.telemetry(device!.id), {
        frames: [...frames, "AAAA"],
      });
      expect(status).toBe(200);
      expect(JSON.parse(Buffer.from(body).toString())).toEqual({ stored: 3, dropped: 1 });
      expect(await windowsOf(device!)).toBe(3);
      expect((await ask(device!, PATHS.telemetry("another"), { frames })).status).toBe(403);
      await device!.disconnect();
    });

    test("presence follows word and last will, and a hint reaches who is there", async () => {
      const [device] = await bench.devices(1, "present");
      await device!.disconnect();
      const presence = topics.presence(device!.id);
      const client = await mqtt.connectAsync(device!.mqttUrl, {
        clientId: device!.id,
        username: device!.id,
        password: device!.password!,
        protocolVersion: 4,
        reconnectPeriod: 0,
        will: { topic: presence, payload: Buffer.from("offline"), qos: 1, retain: true },
      });
      await client.publishAsync(presence, "online", { qos: 1, retain: true });
      const isOnline = async () => (await bench.operator.device(device!.id)).device.online;
      await eventually(isOnline, "the device to be online");
      await client.subscribeAsync(topics.command(device!.id), { qos: 0 });
      const hint = new Promise((resolve) =>
        client.once("message", (_, payload) => resolve(payload.toString())),
      );
      await rollOut();
      expect(await hint).toBe("poll");
      client.stream.destroy();
      await eventually(async () => !(await isOnline()), "the last will to be heard");
    });

    test("a revoked device is heard no more", async () => {
      const [device] = await bench.devices(1, "revoked");
      await bench.operator.revokeDevice(device!.id);
      if (cutsRevoked) {
        await eventually(async () => !device!.isConnected, "the device to be thrown out");
        await expect(device!.connect()).rejects.toThrow();
      } else {
        await device!.sendWindow(QUALITY);
        const [other] = await bench.devices(1, "marker");
        await other!.sendWindow(QUALITY);
        await eventually(async () => (await windowsOf(other!)) === 1, "a later window");
        expect(await windowsOf(device!)).toBe(0);
        await other!.disconnect();
      }
      await expect(device!.signIn()).rejects.toThrow(/401/);
      await device!.disconnect(true);
    });

    test("a revoked device that is enrolled anew is let in again", async () => {
      const [device] = await bench.devices(1, "returned");
      await bench.operator.revokeDevice(device!.id);
      await device!.disconnect(true);
      const { tokens } = await bench.operator.createEnrolmentTokens({ product: "digits", count: 1 });
      device!.key = generateKey();
      await device!.enroll(tokens[0]!.token);
      await device!.signIn();
      await device!.connect();
      await device!.sendWindow(QUALITY);
      await eventually(async () => (await windowsOf(device!)) === 1, "the window");
      await device!.disconnect();
    });

    test.skipIf(!cutsRevoked)("a password is good for a week, and the next one replaces it", async () => {
      const [device] = await bench.devices(1, "weekly");
      const old = device!.password!;
      bench.aheadMs = 8 * 86_400_000;
      await device!.signIn();
      bench.aheadMs = 0;
      expect(device!.password).not.toBe(old);
      // The connection by which the answer may have come stands for a while yet.
      expect(device!.isConnected).toBe(true);
      await eventually(async () => !device!.isConnected, "the broker to end the old password's connection");
      await device!.connect();
      await device!.disconnect();
      device!.password = old;
      await expect(device!.connect()).rejects.toThrow();
    });

    test("is waited for when it is away, and devices are not let in meanwhile", async () => {
      const [device] = await bench.devices(1, "outage");
      await broker.stop("SIGKILL");
      await eventually(
        async () => (await (await fetch(`${bench.server.url}/ready`)).text()).includes("MQTT broker"),
        "the server to notice",
      );
      await broker.start();
      await consuming();
      await device!.disconnect(true);
      await device!.signIn();
      await device!.connect();
      await device!.sendWindow(QUALITY);
      await eventually(async () => (await windowsOf(device!)) === 1, "the window");
      await device!.disconnect();
    });
  });
}
