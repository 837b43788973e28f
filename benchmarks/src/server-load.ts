import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createDeviceClient, type Fetch, OperatorClient, sessionMessage, toHex } from "@mote/protocol";
import { generateKey, writeServerKeys } from "@mote/protocol/node";
import autocannon from "autocannon";
import { MeasuredProcess } from "./measured-process.js";
import { inParallel, Swarm, type SwarmMember } from "./mqtt-swarm.js";
import { median } from "./predict-published.js";

/**
 * The doors of one embedded server under the load of a fleet: memory with all devices connected over MQTT, telemetry
 * taken in durably beside what a bare aedes acknowledges, polls beside a bare Fastify route, in turns on one machine.
 * Prints a table, writes results/server-load.json. `--devices N` for a smaller fleet.
 */

const RESULTS = resolve(import.meta.dirname, "../results/server-load.json");
const SERVER = resolve(import.meta.dirname, "../../ota-server/dist/main.js");
const PEERS = resolve(import.meta.dirname, "server-peers.js");
const ROUNDS = 3;
const SECONDS = 5;
/** Connections that send at once in the closed loop; the others stay connected. */
const ACTIVE = 500;
const POLLERS = 50;

interface Fleet {
  readonly process: MeasuredProcess;
  readonly url: string;
  readonly mqttUrl: string;
  readonly members: readonly SwarmMember[];
  readonly folder: string;
}

/** A server on a fresh folder, with `devices` enrolled and signed in, each with a key of its own. */
async function startFleet(devices: number, tls: boolean): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), "mote-load-"));
  await writeServerKeys(join(folder, "keys"), {
    snapshot: generateKey(),
    timestamp: generateKey(),
    targets: null,
  });
  const args = ["--data", folder, "--port", "0", "--mqtt-port", "0", "--poll-interval-s", "300"];
  if (tls) {
    const key = join(folder, "tls.key");
    const cert = join(folder, "tls.crt");
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
    execFileSync(
      "openssl",
      [
        ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1".split(" "),
        ...subject,
        "-keyout",
        key,
        "-out",
        cert,
      ],
      { stdio: "ignore" },
    );
    args.push("--tls-key", key, "--tls-cert", cert);
    // The certificate is this benchmark's own.
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  }
  const server = await MeasuredProcess.start(SERVER, ...args);
  const { url, mqttUrl } = JSON.parse(server.ready) as { url: string; mqttUrl: string };
  const token = readFileSync(join(folder, "admin.token"), "utf8").trim();
  const operator = new OperatorClient({ url, token, fetch });
  const client = createDeviceClient(url, fetch as Fetch);
  const members: SwarmMember[] = [];
  for (let made = 0; made < devices; made += 1000) {
    const count = Math.min(1000, devices - made);
    const { tokens } = await operator.createEnrolmentTokens({ product: "load", count });
    await inParallel(tokens, 32, async (each, index) => {
      const id = `load-${made + index}`;
      const key = generateKey();
      await client.enroll({
        token: each.token,
        deviceId: id,
        publicKey: toHex(key.publicKey),
        hardware: "gateway",
        tags: {},
      });
      const nonce = await client.nonce(id);
      const session = await client.session(id, nonce, toHex(key.sign(sessionMessage(id, nonce))));
      members.push({ id, token: session.token });
    });
    process.stderr.write(`\r${made + count} of ${devices} devices enrolled${tls ? " (TLS)" : ""}  `);
  }
  process.stderr.write("\n");
  return { process: server, url, mqttUrl, members, folder };
}

async function endFleet({ process: server, folder }: Fleet): Promise<void> {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function memoryWith(fleet: Fleet): Promise<{ idleMb: number; connectedMb: number; swarm: Swarm }> {
  const idleMb = fleet.process.residentMb();
  const swarm = await Swarm.connect(fleet.mqttUrl, fleet.members);
  // Presence of ten thousand devices is written behind the connections.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  return { idleMb, connectedMb: fleet.process.residentMb(), swarm };
}

interface Ratio {
  readonly ours: readonly number[];
  readonly bare: readonly number[];
  readonly ratio: number;
}

/** Both sides in turn, so that a slower minute of the machine meets both. */
async function inTurn(ours: () => Promise<number>, bare: () => Promise<number>): Promise<Ratio> {
  const rates = { ours: [] as number[], bare: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    rates.bare.push(await bare());
    rates.ours.push(await ours());
  }
  return { ...rates, ratio: median(rates.ours.map((rate, i) => rate / rates.bare[i]!)) };
}

function poll(url: string, members: readonly SwarmMember[], rate?: number): Promise<autocannon.Result> {
  const body = JSON.stringify({
    running: { sequence: 0, artifactSha256: null },
    held: [],
    floor: 0,
    codecs: ["full", "tensor"],
    agentVersion: "load",
    batteryPercent: 80,
    freeBytes: 1_000_000,
  });
  return autocannon({
    url,
    connections: POLLERS,
    duration: SECONDS,
    ...(rate === undefined ? {} : { overallRate: Math.floor(rate) }),
    requests: members.slice(0, 1000).map(({ id, token }) => ({
      method: "POST" as const,
      path: `/api/v1/devices/${id}/poll`,
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body,
    })),
  });
}

async function pollRate(url: string, members: readonly SwarmMember[]): Promise<number> {
  const { requests, non2xx, errors } = await poll(url, members);
  if (non2xx > 0 || errors > 0) throw new Error(`${non2xx} polls refused, ${errors} failed at ${url}`);
  return requests.average;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

const show = (rates: readonly number[]): string => rates.map((rate) => rate.toFixed(0)).join(", ");

async function main(devices: number): Promise<void> {
  const fleet = await startFleet(devices, false);
  const memory = await memoryWith(fleet);
  console.log(
    `memory, ${devices} devices on MQTT: ${memory.connectedMb.toFixed(0)} MB (${memory.idleMb.toFixed(0)} before they came; goal 350)`,
  );

  const broker = await MeasuredProcess.start(PEERS, "broker");
  const bareSwarm = await Swarm.connect(broker.ready, fleet.members.slice(0, ACTIVE));
  const telemetry = await inTurn(
    () => memory.swarm.closedLoop(ACTIVE, SECONDS),
    () => bareSwarm.closedLoop(ACTIVE, SECONDS),
  );
  console.log(
    `telemetry acknowledged a second: ${show(telemetry.ours)}; bare aedes, nothing stored: ${show(telemetry.bare)}; ratio ${telemetry.ratio.toFixed(2)} (goal 0.35)`,
  );
  const halfRate = median(telemetry.ours) / 2;
  const times = await memory.swarm.openLoop(halfRate, SECONDS);
  const telemetryP99Ms = quantile(times, 0.99);
  console.log(
    `  at half that load (${halfRate.toFixed(0)} a second): p50 ${quantile(times, 0.5).toFixed(1)} ms, p99 ${telemetryP99Ms.toFixed(1)} ms (goal 100)`,
  );
  bareSwarm.end();
  await broker.stop();

  const route = await MeasuredProcess.start(PEERS, "route");
  const polls = await inTurn(
    () => pollRate(fleet.url, fleet.members),
    () => pollRate(route.ready, fleet.members),
  );
  await route.stop();
  console.log(
    `polls a second: ${show(polls.ours)}; bare Fastify route: ${show(polls.bare)}; ratio ${polls.ratio.toFixed(2)} (goal 0.70)`,
  );
  const { latency } = await poll(fleet.url, fleet.members, median(polls.ours) / 2);
  console.log(`  at half that load: p50 ${latency.p50} ms, p99 ${latency.p99} ms (goal 100)`);
  const loadedMb = fleet.process.residentMb();
  console.log(`memory after all that: ${loadedMb.toFixed(0)} MB`);
  memory.swarm.end();
  await endFleet(fleet);

  const secure = await startFleet(devices, true);
  const tls = await memoryWith(secure);
  console.log(`memory, ${devices} devices on MQTT with TLS: ${tls.connectedMb.toFixed(0)} MB (goal 550)`);
  tls.swarm.end();
  await endFleet(secure);

  mkdirSync(dirname(RESULTS), { recursive: true });
  writeFileSync(
    RESULTS,
    `${JSON.stringify(
      {
        devices,
        memoryMb: { plain: memory.connectedMb, idle: memory.idleMb, loaded: loadedMb, tls: tls.connectedMb },
        telemetry: { ...telemetry, p50Ms: quantile(times, 0.5), p99Ms: telemetryP99Ms },
        polls: { ...polls, p50Ms: latency.p50, p99Ms: latency.p99 },
      },
      null,
      2,
    )}\n`,
  );
}

const given = process.argv.indexOf("--devices");
await main(given < 0 ? 10_000 : Number(process.argv[given + 1]));
