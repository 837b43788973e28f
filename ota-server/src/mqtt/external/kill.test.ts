import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  COMMANDS,
  createDeviceClient,
  type DeviceClient,
  encodeFrame,
  OperatorClient,
  topics,
} from "@mote/protocol";
import { generateKey, writeServerKeys } from "@mote/protocol/node";
import mqtt, { type MqttClient } from "mqtt";
import { afterEach, describe, expect, test } from "vitest";
import { Exchange } from "../../../../device-agent/src/core/exchange.js";
import { nodeClock } from "../../../../device-agent/src/node/clock.js";
import { isInstalled, RealBroker } from "../../testing/brokers.js";
import { signedInDevices, type TestDevice } from "../../testing/device.js";
import { TestCluster, whyNoPostgres } from "../../testing/postgres.js";
import { eventually } from "../../testing/server.js";
import { ServerProcess } from "../../testing/serverProcess.js";

/** Servers and broker as processes of their own, killed in mid-work: what a server has acknowledged is there, once. */

const KILLS = process.env["MOTE_FULL"] === undefined ? 3 : 50;
const HAND_OVERS = process.env["MOTE_FULL"] === undefined ? 1 : 10;
const DEVICES = 4;
const noPostgres = whyNoPostgres();

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

/** Senders that go on while `kill` is done again and again; then each device has as many windows as were acknowledged. */
async function countsAfter(
  kills: number,
  devices: readonly TestDevice[],
  operator: () => OperatorClient,
  kill: (round: number) => Promise<void>,
): Promise<void> {
  const senders = await Promise.all(devices.map((device) => Sender.start(device)));
  const total = () => senders.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  // A request that was lost is given up after ten seconds of silence, and several may be lost in a row.
  const more = async () => {
    const enough = total() + 40;
    await expect.poll(total, { timeout: 240_000, interval: 100 }).toBeGreaterThan(enough);
  };
  for (let round = 0; round < kills; round++) {
    await more();
    await kill(round);
  }
  await more();
  await Promise.all(senders.map((sender) => sender.end()));
  for (const [i, device] of devices.entries()) {
    const { telemetry } = await operator().device(device.id);
    expect(telemetry.reduce((sum, one) => sum + one.windows, 0)).toBe(senders[i]!.acknowledged);
  }
}

const isReady = async (server: ServerProcess) => (await fetch(`${server.url}/ready`)).status === 200;

for (const { name, program, open } of BROKERS) {
  const isThere = isInstalled(program);
  describe.skipIf(!isThere)(`${name}${isThere ? "" : ` (skipped: no ${program} here)`}`, () => {
    test(`nothing acknowledged is lost or counted twice when server and broker are killed ${KILLS} times under load`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "mote-broker-kill-"));
      cleanUp.push(async () => rmSync(folder, { recursive: true, force: true }));
      const broker = await open(join(folder, "broker"));
      cleanUp.push(() => broker.stop("SIGKILL"));
      const args = [
        "--data",
        join(folder, "data"),
        "--device-requests-per-minute",
        "1000000",
        ...broker.flags,
      ];
      let server = await ServerProcess.start(args);
      cleanUp.push(() => server.end("SIGKILL"));
      const token = readFileSync(join(folder, "data", "admin.token"), "utf8").trim();
      const operator = () => new OperatorClient({ url: server.url, token, fetch });
      await eventually(() => isReady(server), "the server to consume");
      const devices = await signedInDevices(operator(), server.url, DEVICES);
      await countsAfter(KILLS, devices, operator, async (round) => {
        if (round % 3 !== 1) await server.end("SIGKILL");
        if (round % 3 !== 0) await broker.stop("SIGKILL");
        if (round % 3 !== 0) await broker.start();
        if (round % 3 !== 1) server = await ServerProcess.start(args);
      });
    }, 900_000);

    test("what a device asked while no server heard is answered as soon as one does", async () => {
      const folder = mkdtempSync(join(tmpdir(), "mote-broker-again-"));
      cleanUp.push(async () => rmSync(folder, { recursive: true, force: true }));
      const broker = await open(join(folder, "broker"));
      cleanUp.push(() => broker.stop("SIGKILL"));
      const args = ["--data", join(folder, "data"), ...broker.flags];
      let server = await ServerProcess.start(args);
      cleanUp.push(() => server.end("SIGKILL"));
      const token = readFileSync(join(folder, "data", "admin.token"), "utf8").trim();
      const operator = new OperatorClient({ url: server.url, token, fetch });
      await eventually(() => isReady(server), "the server to consume");
      const [device] = (await signedInDevices(operator, server.url, 1)) as [TestDevice];
      const link = await device.connect();
      const exchange: Exchange = new Exchange({
        base: device.mqttUrl,
        send: async (payload) => {
          await link.publishAsync(topics.request(device.id), Buffer.from(payload), { qos: 0 });
        },
        // It never loses its patience: nothing but the server's word makes it ask again.
        clock: { ...nodeClock, sleep: () => new Promise(() => undefined) },
        random: Math.random,
      });
      link.on("message", (topic, payload) => {
        if (topic === topics.answer(device.id)) exchange.receive(payload);
        else if (payload.toString() === COMMANDS.again) exchange.askAgain();
      });
      await link.subscribeAsync([topics.answer(device.id), topics.command(device.id)], { qos: 0 });
      await link.publishAsync(topics.presence(device.id), "online", { qos: 1, retain: true });
      await server.end("SIGKILL");
      const nonce = createDeviceClient(device.mqttUrl, exchange.fetch).nonce(device.id);
      // A message at QoS 1 that the broker has taken stands behind the request.
      await link.publishAsync(topics.presence(device.id), "online", { qos: 1, retain: true });
      server = await ServerProcess.start(args);
      expect(await nonce).toMatch(/^[0-9a-f]{64}$/);
      await device.disconnect();
    }, 240_000);

    test.skipIf(noPostgres !== null)(
      `another server on the same PostgreSQL consumes on when the one that did is killed, ${HAND_OVERS} times under load${noPostgres === null ? "" : ` (${noPostgres})`}`,
      async () => {
        const folder = mkdtempSync(join(tmpdir(), "mote-hand-over-"));
        cleanUp.push(async () => rmSync(folder, { recursive: true, force: true }));
        const broker = await open(join(folder, "broker"));
        cleanUp.push(() => broker.stop("SIGKILL"));
        const cluster = await TestCluster.start();
        cleanUp.push(async () => cluster.remove());
        const shared = ["--database", cluster.makeDatabase(), "--blobs", join(folder, "blobs")];
        const keys = { snapshot: generateKey(), timestamp: generateKey(), targets: null };
        await writeServerKeys(join(folder, "keys"), keys);
        const start = async (name: string) => {
          const own = ["--data", join(folder, name), "--server-keys", join(folder, "keys")];
          const many = ["--device-requests-per-minute", "1000000"];
          const server = await ServerProcess.start([...own, ...shared, ...many, ...broker.flags]);
          cleanUp.push(() => server.end("SIGKILL"));
          return server;
        };
        const servers = [await start("a")];
        const token = readFileSync(join(folder, "a", "admin.token"), "utf8").trim();
        const operator = () => new OperatorClient({ url: servers[0]!.url, token, fetch });
        await eventually(() => isReady(servers[0]!), "the first server to consume");
        servers.push(await start("b"));
        const devices = await signedInDevices(operator(), servers[1]!.url, DEVICES);
        await countsAfter(HAND_OVERS, devices, operator, async (round) => {
          // The longest there is the one that leads.
          await servers.shift()!.end("SIGKILL");
          servers.push(await start(`c-${round}`));
        });
      },
      900_000,
    );
  });
}
