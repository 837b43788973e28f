import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { OperatorClient } from "@mote/protocol";
import { afterEach, expect, test } from "vitest";
import { TestDevice } from "./testing/device.js";

/** The built server as a process of its own, killed in mid-work: what it has acknowledged must be there afterwards. */

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const KILLS = process.env["MOTE_FULL"] === undefined ? 2 : 50;

interface Running {
  readonly process: ChildProcess;
  readonly url: string;
  readonly mqttUrl: string;
}

let running: Running | null = null;
afterEach(() => {
  running?.process.kill("SIGKILL");
});

async function start(folder: string): Promise<Running> {
  const child = spawn(process.execPath, [MAIN, "--data", folder, "--port", "0", "--mqtt-port", "0"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log: string[] = [];
  createInterface({ input: child.stderr! }).on("line", (line) => log.push(line));
  for await (const line of createInterface({ input: child.stdout! })) {
    const { event, url, mqttUrl } = JSON.parse(line) as { event: string; url: string; mqttUrl: string };
    if (event !== "listening") continue;
    running = { process: child, url, mqttUrl };
    return running;
  }
  throw new Error(`The server ended before it listened:\n${log.slice(-5).join("\n")}`);
}

test(`nothing acknowledged is lost when the server is killed ${KILLS} times under load`, async () => {
  const folder = mkdtempSync(join(tmpdir(), "mote-kill-"));
  let server = await start(folder);
  const token = readFileSync(join(folder, "admin.token"), "utf8").trim();
  const operator = () => new OperatorClient({ url: server.url, token, fetch });
  const { tokens } = await operator().createEnrolmentTokens({ product: "digits", count: 4 });
  let devices = await Promise.all(
    tokens.map(async ({ token: secret }, i) => {
      const device = new TestDevice(`cam-${i}`, server.url);
      await device.enroll(secret);
      await device.signIn();
      return device;
    }),
  );
  const acknowledged = new Map(devices.map((device) => [device.id, 0]));

  for (let kill = 0; kill < KILLS; kill++) {
    await Promise.all(devices.map((device) => device.connect()));
    const sending = devices.map(async (device) => {
      for (;;) {
        // Resolves on the PUBACK; rejects when the connection dies before it.
        await device.sendWindow({ confidence: 0.9, accuracy: 1 });
        acknowledged.set(device.id, acknowledged.get(device.id)! + 1);
      }
    });
    const settled = Promise.allSettled(sending);
    const before = [...acknowledged.values()].reduce((a, b) => a + b, 0);
    while ([...acknowledged.values()].reduce((a, b) => a + b, 0) < before + 20 + 7 * kill) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const gone = new Promise((resolve) => server.process.once("exit", resolve));
    server.process.kill("SIGKILL");
    await gone;
    await Promise.all(devices.map((device) => device.disconnect(true)));
    await settled;
    server = await start(folder);
    devices = devices.map((device) => device.at(server));
    for (const device of devices) {
      const { telemetry } = await operator().device(device.id);
      const windows = telemetry.reduce((sum, one) => sum + one.windows, 0);
      // A frame that was stored and whose acknowledgement was cut off may be there too, one per kill at most.
      expect(windows).toBeGreaterThanOrEqual(acknowledged.get(device.id)!);
      expect(windows).toBeLessThanOrEqual(acknowledged.get(device.id)! + kill + 1);
    }
  }

  const ended = new Promise((resolve) => server.process.once("exit", resolve));
  server.process.kill("SIGTERM");
  expect(await ended).toBe(0);
  rmSync(folder, { recursive: true });
}, 600_000);
