import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectionsWithin, descriptorLimit, descriptorNote } from "./descriptors.js";
import { eventually } from "./testing/server.js";
import { ServerProcess } from "./testing/serverProcess.js";

/** What many systems still begin with. */
const LIMIT = 1024;
const hasPrlimit = process.platform === "linux" && spawnSync("prlimit", ["--version"]).status === 0;

test("reads the limit, and says how many devices fit where they are few", () => {
  const folder = mkdtempSync(join(tmpdir(), "mote-limits-"));
  const file = join(folder, "limits");
  writeFileSync(
    file,
    "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n",
  );
  expect(descriptorLimit(file)).toBe(1024);
  expect(descriptorLimit(join(folder, "none"))).toBeNull();
  rmSync(folder, { recursive: true });
  expect(descriptorNote(1024)).toMatch(/1024 files.*at most 768 devices.*LimitNOFILE/);
  expect(connectionsWithin(20_000)).toBe(19_488);
  expect(descriptorNote(20_000)).toBeNull();
  expect(descriptorNote(null)).toBeNull();
});

describe.skipIf(!hasPrlimit)("a server with few descriptors (needs Linux and prlimit)", () => {
  let server: ServerProcess;
  let folder: string;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "mote-few-"));
    server = await ServerProcess.start(["--data", folder], {}, ["prlimit", `--nofile=${LIMIT}`]);
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await server.end("SIGTERM");
    rmSync(folder, { recursive: true, force: true });
  });

  test("turns away the connections that it has no room for, says so, and goes on answering", async () => {
    const { hostname, port } = new URL(server.mqttUrl);
    const room = connectionsWithin(LIMIT);
    let turnedAway = 0;
    for (let i = 0; i < LIMIT; i++) {
      const socket = connect(Number(port), hostname);
      socket
        .resume()
        .on("error", () => undefined)
        .once("close", () => turnedAway++);
      sockets.push(socket);
    }
    await eventually(async () => turnedAway >= LIMIT - room, "connections to be turned away");
    await eventually(
      async () => server.log.some((line) => line.includes('"mqtt-full"')),
      "the server to say so",
    );
    expect((await fetch(`${server.url}/ready`)).status).toBe(200);
    expect(server.log.join("\n")).toContain(`at most ${room} devices can be connected`);
  });
});
