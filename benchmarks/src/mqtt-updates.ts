import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, connect as dial } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { Exchange } from "@mote/device-agent/dist/core/exchange.js";
import { nodeClock } from "@mote/device-agent/dist/node/clock.js";
import { makeRelease } from "@mote/ota-server/dist/testing/release.js";
import {
  createDeviceClient,
  type DeviceClient,
  type Fetch,
  OperatorClient,
  sessionMessage,
  toHex,
  topics,
} from "@mote/protocol";
import { generateKey } from "@mote/protocol/node";
import mqtt from "mqtt";
import { MeasuredProcess } from "./measured-process.js";
import { median } from "./predict-published.js";

/**
 * npm run bench:mqtt: an artifact of 1 MB over MQTT alone beside the same over HTTP, in turns: bytes on the wire both ways,
 * seconds, and the server's memory while 100 devices fetch it at once. Prints a table, writes results/mqtt-updates.json.
 */

const SERVER = resolve(import.meta.dirname, "../../ota-server/dist/main.js");
const RESULTS = resolve(import.meta.dirname, "../results/mqtt-updates.json");
const ARTIFACT_BYTES = 1_000_000;
const ROUNDS = 15;
const DEVICES = 100;

/** Counts what passes both ways. */
async function counting(target: URL): Promise<{ port: number; bytes(): number; close(): void }> {
  let bytes = 0;
  const server = createServer((near) => {
    const far = dial(Number(target.port), "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("data", (data) => {
        bytes += data.length;
      });
      from.setNoDelay(true).pipe(to);
      from.on("error", () => to.destroy());
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { port: (server.address() as AddressInfo).port, bytes: () => bytes, close: () => server.close() };
}

async function connect(
  url: string,
  id: string,
  token: string,
): Promise<{ client: DeviceClient; end(): void }> {
  const credentials = { clientId: id, username: id, password: token };
  const link = await mqtt.connectAsync(url, { ...credentials, protocolVersion: 4, reconnectPeriod: 0 });
  const exchange = new Exchange({
    base: url,
    send: async (payload) => void link.publish(topics.request(id), Buffer.from(payload), { qos: 0 }),
    clock: nodeClock,
    random: Math.random,
  });
  link.on("message", (_, payload) => exchange.receive(payload));
  await link.subscribeAsync(topics.answer(id), { qos: 0 });
  return { client: createDeviceClient(url, exchange.fetch), end: () => link.end(true) };
}

/** @param token null over MQTT, where the connection says who asks. */
async function fetchWhole(client: DeviceClient, sha256: string, token: string | null): Promise<void> {
  let bytes = 0;
  for await (const chunk of (await client.blob(sha256, 0, token)).chunks) bytes += chunk.length;
  if (bytes !== ARTIFACT_BYTES) throw new Error(`${bytes} bytes came`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** The greatest memory of the server beyond what it had before, while all fetch at once, MB. */
async function peakMb(server: MeasuredProcess, fetches: readonly (() => Promise<void>)[]) {
  const before = server.residentMb();
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, server.residentMb());
  }, 10);
  try {
    const seconds = await timed(() => Promise.all(fetches.map((fetchOne) => fetchOne())));
    return { beforeMb: before, peakMb: peak, seconds };
  } finally {
    // Else it would look for a server that is gone, and hide why.
    clearInterval(watch);
  }
}

const folder = mkdtempSync(join(tmpdir(), "mote-bench-mqtt-"));
const server = await MeasuredProcess.start(SERVER, "--data", folder, "--port", "0", "--mqtt-port", "0");
try {
  const { url, mqttUrl } = JSON.parse(server.ready) as { url: string; mqttUrl: string };
  const operator = new OperatorClient({
    url,
    token: readFileSync(join(folder, "admin.token"), "utf8").trim(),
    fetch,
  });
  const release = makeRelease(1, new Uint8Array(randomBytes(ARTIFACT_BYTES)));
  await operator.uploadBundle(release.bundle);
  const { sha256 } = release.manifest.variants[0]!.artifact;
  const http = createDeviceClient(url, fetch as Fetch);
  const { tokens } = await operator.createEnrolmentTokens({ product: "digits", count: DEVICES });
  const members = await Promise.all(
    tokens.map(async ({ token }, i) => {
      const key = generateKey();
      const deviceId = `bench-${i}`;
      const publicKey = toHex(key.publicKey);
      await http.enroll({ token, deviceId, publicKey, hardware: "gateway", tags: {} });
      const nonce = await http.nonce(deviceId);
      const signature = toHex(key.sign(sessionMessage(deviceId, nonce)));
      return { id: deviceId, token: (await http.session(deviceId, nonce, signature)).token };
    }),
  );
  const [httpLink, mqttLink] = [await counting(new URL(url)), await counting(new URL(mqttUrl))];
  const overHttp = createDeviceClient(`http://127.0.0.1:${httpLink.port}`, fetch as Fetch);
  const overMqtt = await connect(`mqtt://127.0.0.1:${mqttLink.port}`, members[0]!.id, members[0]!.token);
  const rounds: { httpS: number; mqttS: number; httpBytes: number; mqttBytes: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [httpBefore, mqttBefore] = [httpLink.bytes(), mqttLink.bytes()];
    const httpS = await timed(() => fetchWhole(overHttp, sha256, members[0]!.token));
    const mqttS = await timed(() => fetchWhole(overMqtt.client, sha256, null));
    rounds.push({
      httpS,
      mqttS,
      httpBytes: httpLink.bytes() - httpBefore,
      mqttBytes: mqttLink.bytes() - mqttBefore,
    });
  }
  overMqtt.end();
  httpLink.close();
  mqttLink.close();
  const connections = await Promise.all(members.map(({ id, token }) => connect(mqttUrl, id, token)));
  const memory = {
    http: await peakMb(
      server,
      members.map(
        ({ token }) =>
          () =>
            fetchWhole(http, sha256, token),
      ),
    ),
    mqtt: await peakMb(
      server,
      connections.map(
        ({ client }) =>
          () =>
            fetchWhole(client, sha256, null),
      ),
    ),
  };
  for (const connection of connections) connection.end();
  const of = (pick: (round: (typeof rounds)[number]) => number) => median(rounds.map(pick));
  const overhead = (bytes: number) => `${((100 * (bytes - ARTIFACT_BYTES)) / ARTIFACT_BYTES).toFixed(2)} %`;
  const row = (name: string, seconds: number, bytes: number, at: typeof memory.http) => ({
    way: name,
    "ms for 1 MB": (seconds * 1000).toFixed(1),
    "bytes beyond it": overhead(bytes),
    [`s for ${DEVICES} at once`]: at.seconds.toFixed(2),
    "server MB before": at.beforeMb.toFixed(0),
    "and at most": at.peakMb.toFixed(0),
  });
  console.table([
    row(
      "HTTP",
      of(({ httpS }) => httpS),
      of(({ httpBytes }) => httpBytes),
      memory.http,
    ),
    row(
      "MQTT alone",
      of(({ mqttS }) => mqttS),
      of(({ mqttBytes }) => mqttBytes),
      memory.mqtt,
    ),
  ]);
  const timeRatio = of(({ httpS, mqttS }) => mqttS / httpS);
  console.log(`time over MQTT / time over HTTP, median of ${ROUNDS} pairs: ${timeRatio.toFixed(2)}`);
  mkdirSync(dirname(RESULTS), { recursive: true });
  writeFileSync(
    RESULTS,
    `${JSON.stringify({ artifactBytes: ARTIFACT_BYTES, devices: DEVICES, timeRatio, rounds, memory }, null, 2)}\n`,
  );
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
