import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { recordingOf } from "@mote/device-agent/dist/testing/bench.js";
import { ContractServer } from "@mote/device-agent/dist/testing/contract-server.js";
import { HARDWARE, tinyRelease } from "@mote/device-agent/dist/testing/tiny-release.js";

/**
 * npm run bench:agent: what an agent costs a device while it has nothing to do but its work: memory, processor and
 * bytes written, in three lives. Prints a table, writes results/agent.json. Linux only: reads /proc.
 */

const MAIN = resolve(import.meta.dirname, "../../device-agent/dist/node/main.js");
const RESULTS = resolve(import.meta.dirname, "../results/agent.json");
/** Seconds that the agent is left alone before, and watched. */
const SETTLE_S = 15;
const WATCH_S = Number(process.env["MOTE_BENCH_WATCH_S"] ?? 60);
const FLEET = 20;
/** Kernel clock ticks a second, as in /proc/PID/stat. */
const TICKS = 100;

interface Life {
  readonly life: string;
  readonly rssMiB: number;
  readonly pssMiB: number;
  readonly cpuPercent: number;
  readonly writtenBytesPerS: number;
  readonly threads: number;
  readonly devices: number;
}

/** Update clients without inference, by their published or packaged figures; recorded, not run here. */
const PEERS = [
  { name: "swupdate 2022.12 (Debian), three processes", rssMiB: 29 },
  { name: "mender-client 3 (Go)", rssMiB: 37 },
] as const;

async function main(): Promise<void> {
  const server = await ContractServer.start();
  await server.startBroker();
  server.pollIntervalS = 60;
  const folder = await mkdtemp(join(tmpdir(), "mote-bench-agent-"));
  await writeFile(join(folder, "root.json"), server.rootBytes);
  await writeFile(join(folder, "sensor.npz"), recordingOf(64));
  await writeFile(
    join(folder, "tokens.txt"),
    Array.from({ length: FLEET + 1 }, (_, i) => `bench-token-${String(i).padStart(8, "0")}`).join("\n"),
  );
  try {
    const lives: Life[] = [];
    lives.push(await watch("no model yet", simulate(server, folder, "empty", 1, 1), 1));
    const release = tinyRelease({ sequence: 1 });
    server.publish(release);
    server.offerWhole(release);
    lives.push(await watch("a model, one inference a second", simulate(server, folder, "one", 1, 1), 1));
    lives.push(
      await watch(`${FLEET} devices in one process`, simulate(server, folder, "fleet", FLEET, 1), FLEET),
    );
    console.table(
      lives.map(({ life, rssMiB, pssMiB, cpuPercent, writtenBytesPerS, threads }) => ({
        life,
        "RSS MiB": rssMiB.toFixed(0),
        "PSS MiB": pssMiB.toFixed(0),
        "CPU % of a core": cpuPercent.toFixed(2),
        "written B/s": writtenBytesPerS.toFixed(0),
        threads,
      })),
    );
    console.table(
      PEERS.map(({ name, rssMiB }) => ({ "update client without inference": name, "RSS MiB": rssMiB })),
    );
    await mkdir(dirname(RESULTS), { recursive: true });
    await writeFile(
      RESULTS,
      `${JSON.stringify({ node: process.version, watchS: WATCH_S, lives, peers: PEERS }, null, 2)}\n`,
    );
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function simulate(
  server: ContractServer,
  folder: string,
  name: string,
  count: number,
  rateHz: number,
): ChildProcess {
  const flags: Record<string, string> = {
    "--server": server.url,
    "--root": join(folder, "root.json"),
    "--tokens": join(folder, "tokens.txt"),
    "--count": String(count),
    "--hardware": HARDWARE,
    "--id-prefix": name,
    "--state": join(folder, name),
    "--sensor": join(folder, "sensor.npz"),
    "--rate-hz": String(rateHz),
    "--window-s": "60",
  };
  return spawn(process.execPath, [MAIN, "simulate", ...Object.entries(flags).flat()], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

async function watch(life: string, child: ChildProcess, devices: number): Promise<Life> {
  const pid = child.pid;
  if (pid === undefined) throw new Error("the agent did not start");
  try {
    await seconds(SETTLE_S);
    const before = await cost(pid);
    await seconds(WATCH_S);
    const after = await cost(pid);
    return {
      life,
      devices,
      rssMiB: after.rssMiB,
      pssMiB: after.pssMiB,
      cpuPercent: (100 * (after.cpuS - before.cpuS)) / WATCH_S,
      writtenBytesPerS: (after.written - before.written) / WATCH_S,
      threads: (await readdir(`/proc/${pid}/task`)).length,
    };
  } finally {
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    await gone;
  }
}

async function cost(pid: number) {
  const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8");
  const kib = (text: string, name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
  const stat = await read("stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    rssMiB: kib(await read("status"), "VmRSS") / 1024,
    pssMiB: kib(await read("smaps_rollup"), "Pss") / 1024,
    // utime and stime, fields 14 and 15 of the line.
    cpuS: (Number(fields[11]) + Number(fields[12])) / TICKS,
    written: kib(await read("io"), "wchar"),
  };
}

function seconds(count: number): Promise<void> {
  return new Promise((done) => setTimeout(done, count * 1000));
}

await main();
