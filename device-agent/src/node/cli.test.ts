import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TestRepository } from "@mote/protocol/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordingOf, until } from "../testing/bench.js";
import { ContractServer } from "../testing/contract-server.js";
import { HARDWARE, tinyRelease } from "../testing/tiny-release.js";

/** The command as people and scripts type it. */

const MAIN = fileURLToPath(new URL("../../dist/node/main.js", import.meta.url));

let server: ContractServer;
let folder: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  server = await ContractServer.start();
  await server.startBroker();
  folder = await mkdtemp(join(tmpdir(), "mote-cli-"));
  await writeFile(join(folder, "root.json"), server.rootBytes);
  await writeFile(join(folder, "sensor.npz"), recordingOf(8));
});
afterEach(async () => {
  await Promise.all(
    children.splice(0).map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }),
  );
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[]): { child: ChildProcess; ended: Promise<Ended>; stdout(): string } {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = once(child, "close").then(([code]) => ({ code: Number(code), stdout, stderr }));
  return { child, ended, stdout: () => stdout };
}

const agent = (...args: string[]) => start(args).ended;

const enrollArgs = (change: Record<string, string> = {}) => {
  const args: Record<string, string> = {
    "--server": server.url,
    "--token": "a-good-token-0000000",
    "--root": join(folder, "root.json"),
    "--state": join(folder, "device"),
    "--id": "device-1",
    "--hardware": HARDWARE,
    ...change,
  };
  return ["enroll", ...Object.entries(args).flat()];
};

const runArgs = () => [
  "--sensor",
  join(folder, "sensor.npz"),
  "--rate-hz",
  "50",
  "--window-s",
  "0.3",
  "--json",
];

describe("mote-agent enroll", () => {
  it("makes a private key, pins the root and prints the identity", async () => {
    const { code, stdout } = await agent(...enrollArgs(), "--tag", "site=hall-3", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ deviceId: "device-1", product: "tiny", hardware: HARDWARE });
    const key = await stat(join(folder, "device", "device.key"));
    expect(key.mode & 0o777).toBe(0o600);
    expect(key.size).toBe(32);
    const identity = await readFile(join(folder, "device", "identity.json"), "utf8");
    expect(identity).not.toContain("a-good-token");
  });

  it("may be run again after it was cut off, with the same key", async () => {
    await agent(...enrollArgs());
    const before = await readFile(join(folder, "device", "device.key"));
    expect((await agent(...enrollArgs())).code).toBe(0);
    expect(await readFile(join(folder, "device", "device.key"))).toEqual(before);
  });

  it("refuses to go on without a root brought by hand", async () => {
    const { code, stderr } = await agent(
      ...enrollArgs().filter((arg, i, all) => arg !== "--root" && all[i - 1] !== "--root"),
    );
    expect(code).toBe(2);
    expect(stderr).toContain("--root");
    expect(await readdir(folder)).not.toContain("device");
  });

  it.each([
    ["a file that is not there", "nowhere.json", "MOTE_AGENT_USAGE", 2],
    ["a file that is no root", "sensor.npz", "MOTE_TRUST", 4],
  ])("refuses %s as the root", async (_, file, wanted, exit) => {
    const { code, stderr } = await agent(...enrollArgs({ "--root": join(folder, file) }));
    expect(stderr).toContain(wanted);
    expect(code).toBe(exit);
  });

  it("refuses another root for a device that has one", async () => {
    await agent(...enrollArgs());
    const other = new TestRepository();
    await writeFile(join(folder, "other.json"), other.files.get("1.root.json")!);
    const { code, stderr } = await agent(...enrollArgs({ "--root": join(folder, "other.json") }));
    expect(code).toBe(2);
    expect(stderr).toContain("MOTE_AGENT_STATE");
  });

  it("refuses a server of another fleet before anything is written", async () => {
    const other = new TestRepository();
    await writeFile(join(folder, "other.json"), other.files.get("1.root.json")!);
    const { code, stderr } = await agent(...enrollArgs({ "--root": join(folder, "other.json") }));
    expect(code).toBe(4);
    expect(stderr).toContain("MOTE_OTHER_FLEET");
    expect(await readdir(folder)).not.toContain("device");
    expect((await agent(...enrollArgs())).code).toBe(0);
  });

  it("says so where the server has no root yet that could be compared", async () => {
    server.repository.files.clear();
    const { code, stdout, stderr } = await agent(...enrollArgs());
    expect(code).toBe(0);
    expect(stdout + stderr).toContain("has published no root yet");
  });

  it("passes on why the server refused", async () => {
    const { code, stderr } = await agent(...enrollArgs({ "--token": "used-token-0000000" }));
    expect(code).toBe(2);
    expect(stderr).toContain("MOTE_TOKEN_USED");
  });

  it("says so when nobody answers", async () => {
    const { code, stderr } = await agent(...enrollArgs({ "--server": "http://127.0.0.1:9" }));
    expect(code).toBe(1);
    expect(stderr).toContain("MOTE_NETWORK");
  });
});

describe("mote-agent run", () => {
  it("tells its story in JSON lines, ends politely, and status tells the rest", async () => {
    await agent(...enrollArgs());
    const release = tinyRelease({ sequence: 1 });
    server.publish(release);
    server.offerWhole(release);
    const { child, ended, stdout } = start(["run", "--state", join(folder, "device"), ...runArgs()]);
    await until("the update", async () => (stdout().includes('"phase":"confirmed"') ? true : undefined));
    child.kill("SIGTERM");
    const { code, stdout: all } = await ended;
    expect(code).toBe(0);
    const lines = all
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.every((line) => typeof line["event"] === "string" && line["device"] === "device-1")).toBe(
      true,
    );
    expect(lines.at(-1)?.["event"]).toBe("stopped");

    const status = await agent("status", "--state", join(folder, "device"), "--json");
    expect(JSON.parse(status.stdout)).toMatchObject({
      deviceId: "device-1",
      state: "idle",
      running: { version: "1.0.0", sequence: 1 },
      pendingReports: 0,
    });
    const forPeople = await agent("status", "--state", join(folder, "device"));
    expect(forPeople.stdout).toContain("1.0.0 (sequence 1)");
  });

  it("refuses a folder that another agent uses, and takes over one whose agent was killed", async () => {
    await agent(...enrollArgs());
    const args = ["run", "--state", join(folder, "device"), ...runArgs()];
    const first = start(args);
    await until("the first agent", async () => (first.stdout().includes('"started"') ? true : undefined));
    const second = await start(args).ended;
    expect(second.code).toBe(2);
    expect(second.stderr).toContain("MOTE_AGENT_STATE");
    first.child.kill("SIGKILL");
    await first.ended;
    const third = start(args);
    await until("the third agent", async () => (third.stdout().includes('"started"') ? true : undefined));
  });

  it.each([
    [
      "a device that nobody enrolled",
      () => ["--state", join(folder, "none"), ...runArgs()],
      "MOTE_AGENT_STATE",
    ],
    [
      "a sensor file that is not there",
      () => ["--state", join(folder, "device"), "--sensor", join(folder, "none.npz")],
      "MOTE_SENSOR",
    ],
    [
      "a rate of nothing",
      () => ["--state", join(folder, "device"), ...runArgs(), "--rate-hz", "0"],
      "--rate-hz",
    ],
  ])("refuses %s", async (_, args, wanted) => {
    await agent(...enrollArgs());
    const { code, stderr } = await agent("run", ...args());
    expect(code).toBe(2);
    expect(stderr).toContain(wanted);
  });

  it("goes on when whoever read its log is gone", async () => {
    await agent(...enrollArgs());
    const { child, stdout } = start(["run", "--state", join(folder, "device"), ...runArgs()]);
    await until("the start", async () => (stdout().includes('"started"') ? true : undefined));
    child.stdout?.destroy();
    const release = tinyRelease({ sequence: 1 });
    server.publish(release);
    server.offerWhole(release);
    await until("the update", async () =>
      server.reportsOf("device-1").find(({ phase }) => phase === "confirmed"),
    );
    expect(child.exitCode).toBeNull();
  });
});

describe("mote-agent diagnose", () => {
  it("finds a healthy device healthy, and says what to do for one that is not", async () => {
    await agent(...enrollArgs());
    const healthy = await agent("diagnose", "--state", join(folder, "device"), "--json");
    const { findings } = JSON.parse(healthy.stdout) as { findings: { name: string; verdict: string }[] };
    expect(findings.map(({ name, verdict }) => `${name} ${verdict}`)).toEqual([
      "device key ok",
      "state ok",
      "blobs ok",
      "room ok",
      "clock ok",
      "server ok",
      "trust ok",
      "identity ok",
      "broker ok",
    ]);
    expect(healthy.code).toBe(0);

    server.isDown = true;
    const lonely = await agent("diagnose", "--state", join(folder, "device"));
    expect(lonely.code).toBe(3);
    expect(lonely.stdout).toMatch(/FAILED +server.*\n +-> Check the network/);
  });
});

describe("mote-agent simulate", () => {
  it("runs whole devices in one process", async () => {
    const release = tinyRelease({ sequence: 1 });
    server.publish(release);
    server.offerWhole(release);
    await writeFile(
      join(folder, "tokens.txt"),
      ["a", "b", "c"].map((c) => `${c}-token-0000000000`).join("\n"),
    );
    const { child, ended } = start([
      "simulate",
      "--server",
      server.url,
      "--root",
      join(folder, "root.json"),
      "--tokens",
      join(folder, "tokens.txt"),
      "--count",
      "3",
      "--hardware",
      HARDWARE,
      "--state",
      join(folder, "fleet"),
      ...runArgs(),
    ]);
    for (const id of ["sim-01", "sim-02", "sim-03"]) {
      await until(`${id} to confirm`, async () =>
        server.reportsOf(id).find(({ phase }) => phase === "confirmed"),
      );
      await until(`${id}'s telemetry`, async () => server.frames.get(id)?.[0]);
    }
    child.kill("SIGTERM");
    expect((await ended).code).toBe(0);
  });

  it("says how many tokens are missing", async () => {
    await writeFile(join(folder, "tokens.txt"), "only-one-token-000000\n");
    const { code, stderr } = await agent(
      "simulate",
      ...[
        "--server",
        server.url,
        "--root",
        join(folder, "root.json"),
        "--tokens",
        join(folder, "tokens.txt"),
      ],
      ...["--count", "2", "--hardware", HARDWARE, "--state", join(folder, "fleet"), ...runArgs()],
    );
    expect(code).toBe(2);
    expect(stderr).toContain("Expected 2 tokens");
  });
});

describe("mote-agent", () => {
  it("has help with an example for every command, and refuses what it does not know", async () => {
    for (const name of ["enroll", "run", "status", "diagnose", "simulate"]) {
      const { code, stdout } = await agent(name, "--help");
      expect(code).toBe(0);
      expect(stdout).toContain("Example");
    }
    expect((await agent("fly")).code).toBe(2);
  });
});
