import { resolve } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { PATHS } from "@mote/protocol";
import { HttpSwarm, postBytes } from "./http-swarm.js";
import { MeasuredProcess } from "./measured-process.js";
import { Swarm, type SwarmMember } from "./mqtt-swarm.js";
import { median } from "./predict-published.js";
import { endFleet, type Fleet, startFleet } from "./server-fleet.js";
import { type Options, optionsOf, writeResults } from "./server-parts.js";

/**
 * The doors of one embedded server under the load of a fleet: memory with all devices connected over MQTT, telemetry
 * taken in durably beside what a bare aedes acknowledges, polls beside a bare Fastify route, in turns on one machine.
 * The times to an answer are those at half the load that the server takes, and beside them the peer's at the same load:
 * what this machine and the swarm add to both; of telemetry at half the load that the goal asks for too, which does not
 * grow when the server does. Prints a table with the goals, writes results/server-load.json.
 * `--devices N` for a smaller fleet, `--only memory`, `telemetry`, `polls` or `tls` for one part.
 */

const PEERS = resolve(import.meta.dirname, "server-peers.js");
const ROUNDS = 3;
const SECONDS = 5;
/** Connections that send at once in the closed loop; the others stay connected. */
const ACTIVE = 500;
const POLLERS = 50;
/** Of bare aedes' rate, that telemetry is to reach. */
const TELEMETRY_SHARE = 0.35;
/** Devices that poll in turn; each may ask ten times a second. */
const POLLING = 2000;

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

/** Of the times to an answer, in milliseconds. */
interface Quantiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Times {
  /** Requests a second. */
  readonly rate: number;
  readonly ours: Quantiles;
  readonly bare: Quantiles;
  /** By how much the load generator's own loop was late meanwhile, in its worst hundredth: what it adds to both. */
  readonly generatorP99Ms: number;
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

/** The same load on both. */
async function timesAt(
  rate: number,
  ours: () => Promise<number[]>,
  bare: () => Promise<number[]>,
): Promise<Times> {
  const times = { ours: [] as number[], bare: [] as number[] };
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  for (let round = 0; round < ROUNDS; round++) {
    times.bare.push(...(await bare()));
    times.ours.push(...(await ours()));
  }
  delay.disable();
  const generatorP99Ms = delay.percentile(99) / 1e6;
  return { rate, ours: quantilesOf(times.ours), bare: quantilesOf(times.bare), generatorP99Ms };
}

function quantilesOf(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((a, b) => a - b);
  const quantile = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

async function measureTelemetry(swarm: Swarm, members: readonly SwarmMember[]) {
  say("telemetry");
  const broker = await MeasuredProcess.start(PEERS, "broker");
  const bare = await Swarm.connect(broker.ready, members.slice(0, ACTIVE));
  const ratio = await inTurn(
    () => swarm.closedLoop(ACTIVE, SECONDS),
    () => bare.closedLoop(ACTIVE, SECONDS),
  );
  const timesOf = (rate: number) =>
    timesAt(
      rate,
      () => swarm.openLoop(rate, SECONDS),
      () => bare.openLoop(rate, SECONDS),
    );
  const times = await timesOf(median(ratio.ours) / 2);
  const timesAsked = await timesOf((TELEMETRY_SHARE * median(ratio.bare)) / 2);
  bare.end();
  await broker.stop();
  return { ...ratio, times, timesAsked };
}

async function measurePolls({ process: server, url, members }: Fleet) {
  say("polls");
  const route = await MeasuredProcess.start(PEERS, "route");
  const cpuUs = { ours: [] as number[], bare: [] as number[] };
  // Whoever polls for the first time has news; what is measured is the day after.
  await pollRate(server, url, members, []);
  const ratio = await inTurn(
    () => pollRate(server, url, members, cpuUs.ours),
    () => pollRate(route, route.ready, members, cpuUs.bare),
  );
  const rate = median(ratio.ours) / 2;
  const openLoop = (at: string) => () => withPollers(at, members, (swarm) => swarm.openLoop(rate, SECONDS));
  const times = await timesAt(rate, openLoop(url), openLoop(route.ready));
  await route.stop();
  return { ...ratio, cpuUs, times };
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

/** One line of the table: what was measured, the figure, the goal, and what it is seen beside. */
type Line = readonly [what: string, figure: string, goal: string, beside: string];

type Telemetry = Awaited<ReturnType<typeof measureTelemetry>>;
type Polls = Awaited<ReturnType<typeof measurePolls>>;

const mb = (value: number) => `${value.toFixed(0)} MB`;
const each = (values: readonly number[]): string => values.map((value) => value.toFixed(0)).join(", ");

function table(lines: readonly Line[]): string {
  const all: readonly Line[] = [["", "figure", "goal", "raw"], ...lines];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((line) => line[column]!.length)));
  return all
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "))
    .join("\n");
}

function lineOfTimes(
  { rate, ours, bare, generatorP99Ms }: Times,
  whose: string,
  load = "at half that load",
): Line {
  const text = ({ p50Ms, p99Ms }: Quantiles) => `p50 ${p50Ms.toFixed(1)}, p99 ${p99Ms.toFixed(1)} ms`;
  const beside = `${text(ours)} beside ${text(bare)} of ${whose}, at ${rate.toFixed(0)} a second; generator ${generatorP99Ms.toFixed(1)} ms late`;
  return [`  p99 ${load}`, `${ours.p99Ms.toFixed(1)} ms`, "100 ms", beside];
}

function linesOfTelemetry({ ours, bare, ratio, times, timesAsked }: Telemetry): Line[] {
  const raw = `${each(ours)} beside ${each(bare)} of a broker that stores nothing`;
  return [
    ["telemetry a second, share of bare aedes", ratio.toFixed(2), String(TELEMETRY_SHARE), raw],
    lineOfTimes(times, "the broker"),
    lineOfTimes(timesAsked, "the broker", "at half the load asked for"),
  ];
}

function linesOfPolls({ ours, bare, ratio, cpuUs, times }: Polls): Line[] {
  const processor = median(cpuUs.bare) / median(cpuUs.ours);
  const raw = `${each(ours)} beside ${each(bare)} of a route that knows no device`;
  const rawUs = `us: ${each(cpuUs.ours)} beside ${each(cpuUs.bare)} of the route`;
  return [
    ["polls a second, share of a bare route", ratio.toFixed(2), "0.70", raw],
    ["  by processor time", processor.toFixed(2), "0.70", rawUs],
    lineOfTimes(times, "the route"),
  ];
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function main({ devices, only }: Options): Promise<void> {
  const isWanted = (part: string) => only === null || only === part;
  const lines: Line[] = [];
  const results: Record<string, unknown> = { devices };
  if (only !== "tls") {
    const fleet = await startFleet(devices, false);
    const { swarm, idleMb, connectedMb } = await memoryWith(fleet);
    const what = `memory, ${devices} devices on MQTT`;
    lines.push([what, mb(connectedMb), "350 MB", `${mb(idleMb)} before they came`]);
    if (isWanted("telemetry")) {
      const telemetry = await measureTelemetry(swarm, fleet.members);
      results["telemetry"] = telemetry;
      lines.push(...linesOfTelemetry(telemetry));
    }
    if (isWanted("polls")) {
      const polls = await measurePolls(fleet);
      results["polls"] = polls;
      lines.push(...linesOfPolls(polls));
    }
    const loadedMb = fleet.process.residentMb();
    lines.push(["memory after that load", mb(loadedMb), "", ""]);
    results["memoryMb"] = { idle: idleMb, plain: connectedMb, loaded: loadedMb };
    swarm.end();
    await endFleet(fleet);
  }
  if (isWanted("tls")) {
    const fleet = await startFleet(devices, true);
    const { swarm, connectedMb } = await memoryWith(fleet);
    results["tlsMb"] = connectedMb;
    lines.push([`memory, ${devices} devices on MQTT with TLS`, mb(connectedMb), "550 MB", ""]);
    swarm.end();
    await endFleet(fleet);
  }
  writeResults(only === null ? "server-load" : `server-load-${only}`, results);
  console.log(table(lines));
}

await main(optionsOf(process.argv.slice(2), 10_000));
