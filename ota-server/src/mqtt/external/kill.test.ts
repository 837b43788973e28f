import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDeviceClient, type DeviceClient, encodeFrame, OperatorClient, topics } from "@mote/protocol";
import mqtt, { type MqttClient } from "mqtt";
import { afterEach, describe, expect, test } from "vitest";
import { Exchange } from "../../../../device-agent/src/core/exchange.js";
import { nodeClock } from "../../../../device-agent/src/node/clock.js";
import { isInstalled, RealBroker } from "../../testing/brokers.js";
import { signedInDevices, type TestDevice } from "../../testing/device.js";
import { eventually } from "../../testing/server.js";
import { ServerProcess } from "../../testing/serverProcess.js";

/** Server and broker as processes of their own, killed in mid-work: what the server has acknowledged is there, once. */

const KILLS = process.env["MOTE_FULL"] === undefined ? 3 : 50;
const DEVICES = 4;

const BROKERS = [
  { name: "Mosquitto", program: "mosquitto", open: RealBroker.mosquitto },
  { name: "NATS", program: "nats-server", open: RealBroker.nats },
] as const;

let cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
  cleanUp = [];
});

/** A device that comes back after every loss, and sends each window until the server has said that it is stored. */
class Sender {
  acknowledged = 0;
  private isOver = false;
  private sending: Promise<void> = Promise.resolve();

  private constructor(
    private readonly device: TestDevice,
    private readonly link: MqttClient,
    private readonly client: DeviceClient,
  ) {}

  static async start(device: TestDevice): Promise<Sender> {
    const link = mqtt.connect(device.mqttUrl, {
      clientId: device.id,
      username: device.id,
      password: device.password!,
      protocolVersion: 4,
      reconnectPeriod: 100,
    });
    link.on("error", () => undefined);
    const exchange: Exchange = new Exchange({
      base: device.mqttUrl,
      send: async (payload) => {
        await eventually(async () => link.connected, "a connection");
        link.publish(topics.request(device.id), Buffer.from(payload), { qos: 0 });
      },
      clock: nodeClock,
      random: Math.random,
    });
    link.on("message", (_, payload) => exchange.receive(payload));
    link.on("close", () => exchange.lost());
    link.on("connect", () => link.subscribe(topics.answer(device.id), { qos: 0 }));
    const sender = new Sender(device, link, createDeviceClient(device.mqttUrl, exchange.fetch));
    sender.sending = sender.send();
    return sender;
  }

  async end(): Promise<void> {
    this.isOver = true;
    await this.sending;
    await this.link.endAsync(true);
  }

  private async send(): Promise<void> {
    while (!this.isOver) {
      const frame = encodeFrame(this.device.frame({ confidence: 0.9, accuracy: 1 }));
      for (;;) {
        try {
          await this.client.telemetry(this.device.id, this.device.token, [frame]);
          break;
        } catch {
          // The next try sends the same frame; the server knows it by its number.
          await nodeClock.sleep(50);
        }
      }
      this.acknowledged++;
    }
  }
}

for (const { name, program, open } of BROKERS) {
  const isThere = isInstalled(program);
  describe.skipIf(!isThere)(`${name}${isThere ? "" : ` (skipped: no ${program} here)`}`, () => {
    test(`nothing acknowledged is lost or counted twice when server and broker are killed ${KILLS} times under load`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "mote-broker-kill-"));
      cleanUp.push(async () => rmSync(folder, { recursive: true, force: true }));
      const broker = await open(join(folder, "broker"));
      cleanUp.push(() => broker.stop("SIGKILL"));
      const flags = Object.entries(broker.settings).flatMap(([key, value]) => [
        `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
        String(value),
      ]);
      const args = ["--data", join(folder, "data"), "--device-requests-per-minute", "1000000", ...flags];
      let server = await ServerProcess.start(args);
      cleanUp.push(() => server.end("SIGKILL"));
      const token = readFileSync(join(folder, "data", "admin.token"), "utf8").trim();
      const operator = () => new OperatorClient({ url: server.url, token, fetch });
      await eventually(
        async () => (await fetch(`${server.url}/ready`)).status === 200,
        "the server to consume",
      );
      const devices = await signedInDevices(operator(), server.url, DEVICES);
      const senders = await Promise.all(devices.map((device) => Sender.start(device)));
      const total = () => senders.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
      // A request that was lost is given up after ten seconds of silence, and several may be lost in a row.
      const more = async () => {
        const enough = total() + 40;
        await expect.poll(total, { timeout: 240_000, interval: 100 }).toBeGreaterThan(enough);
      };
      for (let kill = 0; kill < KILLS; kill++) {
        await more();
        if (kill % 3 !== 1) await server.end("SIGKILL");
        if (kill % 3 !== 0) await broker.stop("SIGKILL");
        if (kill % 3 !== 0) await broker.start();
        if (kill % 3 !== 1) server = await ServerProcess.start(args);
      }
      await more();
      await Promise.all(senders.map((sender) => sender.end()));
      for (const [i, device] of devices.entries()) {
        const { telemetry } = await operator().device(device.id);
        expect(telemetry.reduce((sum, one) => sum + one.windows, 0)).toBe(senders[i]!.acknowledged);
      }
    }, 900_000);
  });
}
