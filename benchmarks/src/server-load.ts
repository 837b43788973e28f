import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createDeviceClient, type Fetch, OperatorClient, PATHS, sessionMessage, toHex } from "@mote/protocol";
import { generateKey, writeServerKeys } from "@mote/protocol/node";
import { HttpSwarm, postBytes } from "./http-swarm.js";
import { MeasuredProcess } from "./measured-process.js";
import { inParallel, Swarm, type SwarmMember } from "./mqtt-swarm.js";
import { median } from "./predict-published.js";

/**
 * The doors of one embedded server under the load of a fleet: memory with all devices connected over MQTT, telemetry
 * taken in durably beside what a bare aedes acknowledges, polls beside a bare Fastify route, in turns on one machine.
 * Prints a table with the goals, writes results/server-load.json. `--devices N` for a smaller fleet.
 */

const RESULTS = resolve(import.meta.dirname, "../results/server-load.json");
const SERVER = resolve(import.meta.dirname, "../../ota-server/dist/main.js");
const PEERS = resolve(import.meta.dirname, "server-peers.js");
const ROUNDS = 3;
const SECONDS = 5;
/** Connections that send at once in the closed loop; the others stay connected. */
const ACTIVE = 500;
const POLLERS = 50;
/** Devices that poll in turn; each may ask ten times a second. */
const POLLING = 2000;

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

/** Connections for polls, opened anew for each measurement: a server closes those that are idle. */
async function withPollers<T>(
  url: string,
  members: readonly SwarmMember[],
  measure: (swarm: HttpSwarm) => Promise<T>,
): Promise<T> {
  const body = JSON.stringify({
    running: { sequence: 0, artifactSha256: null },
    held: [],
    floor: 0,
    codecs: ["full", "tensor"],
    agentVersion: "load",
    batteryPercent: 80,
    freeBytes: 1_000_000,
  });
  const requests = members
    .slice(0, POLLING)
    .map(({ id, token }) => postBytes(url, PATHS.poll(id), { authorization: `Bearer ${token}` }, body));
  const swarm = await HttpSwarm.connect(url, POLLERS, requests);
  try {
    return await measure(swarm);
  } finally {
    swarm.end();
  }
}

/** What a process spends on each answer, beside how many it gives: on a busy machine the one is steadier. */
async function pollRate(
  process: MeasuredProcess,
  url: string,
  members: readonly SwarmMember[],
  cpuUs: number[],
): Promise<number> {
  const before = process.cpuS();
  const startMs = performance.now();
  const rate = await withPollers(url, members, (swarm) => swarm.closedLoop(SECONDS));
  const answers = (rate * (performance.now() - startMs)) / 1000;
  cpuUs.push((1e6 * (process.cpuS() - before)) / answers);
  return rate;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

/** One line of the table: what was measured, the figure, the goal, and what it is seen beside. */
type Line = readonly [what: string, figure: string, goal: string, beside: string];

const each = (values: readonly number[]): string => values.map((value) => value.toFixed(0)).join(", ");

function table(lines: readonly Line[]): string {
  const all: readonly Line[] = [["", "figure", "goal", "raw"], ...lines];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((line) => line[column]!.length)));
  return all
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "))
    .join("\n");
}

async function main(devices: number): Promise<void> {
  const fleet = await startFleet(devices, false);
  const memory = await memoryWith(fleet);

  const broker = await MeasuredProcess.start(PEERS, "broker");
  const bareSwarm = await Swarm.connect(broker.ready, fleet.members.slice(0, ACTIVE));
  const telemetry = await inTurn(
    () => memory.swarm.closedLoop(ACTIVE, SECONDS),
    () => bareSwarm.closedLoop(ACTIVE, SECONDS),
  );
  const times = await memory.swarm.openLoop(median(telemetry.ours) / 2, SECONDS);
  bareSwarm.end();
  await broker.stop();

  const route = await MeasuredProcess.start(PEERS, "route");
  const cpuUs = { ours: [] as number[], bare: [] as number[] };
  // Whoever polls for the first time has news; what is measured is the day after.
  await pollRate(fleet.process, fleet.url, fleet.members, []);
  const polls = await inTurn(
    () => pollRate(fleet.process, fleet.url, fleet.members, cpuUs.ours),
    () => pollRate(route, route.ready, fleet.members, cpuUs.bare),
  );
  await route.stop();
  const pollTimes = await withPollers(fleet.url, fleet.members, (swarm) =>
    swarm.openLoop(median(polls.ours) / 2, SECONDS),
  );
  const loadedMb = fleet.process.residentMb();
  memory.swarm.end();
  await endFleet(fleet);

  const secure = await startFleet(devices, true);
  const tls = await memoryWith(secure);
  tls.swarm.end();
  await endFleet(secure);

  const latency = (values: readonly number[]) => ({
    p50Ms: quantile(values, 0.5),
    p99Ms: quantile(values, 0.99),
  });
  const results = {
    devices,
    memoryMb: { plain: memory.connectedMb, idle: memory.idleMb, loaded: loadedMb, tls: tls.connectedMb },
    telemetry: { ...telemetry, ...latency(times) },
    polls: { ...polls, cpuUs, ...latency(pollTimes) },
  };
  mkdirSync(dirname(RESULTS), { recursive: true });
  writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  const mb = (value: number) => `${value.toFixed(0)} MB`;
  const atHalf = ({ p50Ms, p99Ms }: { p50Ms: number; p99Ms: number }): [string, string, string] => [
    `${p99Ms.toFixed(1)} ms`,
    "100 ms",
    `p50 ${p50Ms.toFixed(1)} ms`,
  ];
  const beside = (ours: readonly number[], bare: readonly number[], whose: string) =>
    `${each(ours)} beside ${each(bare)} of ${whose}`;
  const processor = median(cpuUs.bare) / median(cpuUs.ours);
  const lines: Line[] = [
    [
      `memory, ${devices} devices on MQTT`,
      mb(memory.connectedMb),
      "350 MB",
      `${mb(memory.idleMb)} before they came`,
    ],
    ["  with TLS", mb(tls.connectedMb), "550 MB", ""],
    ["  after the load below", mb(loadedMb), "", ""],
    [
      "telemetry a second, share of bare aedes",
      telemetry.ratio.toFixed(2),
      "0.35",
      beside(telemetry.ours, telemetry.bare, "a broker that stores nothing"),
    ],
    ["  p99 at half that load", ...atHalf(results.telemetry)],
    [
      "polls a second, share of a bare route",
      polls.ratio.toFixed(2),
      "0.70",
      beside(polls.ours, polls.bare, "a route that knows no device"),
    ],
    [
      "  by processor time",
      processor.toFixed(2),
      "0.70",
      `us: ${beside(cpuUs.ours, cpuUs.bare, "the route")}`,
    ],
    ["  p99 at half that load", ...atHalf(results.polls)],
  ];
  console.log(table(lines));
}

const given = process.argv.indexOf("--devices");
await main(given < 0 ? 10_000 : Number(process.argv[given + 1]));
