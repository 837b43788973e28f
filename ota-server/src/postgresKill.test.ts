import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorClient } from "@mote/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signedInDevices, type TestDevice } from "./testing/device.js";
import { TestCluster, whyNoPostgres } from "./testing/postgres.js";
import { eventually } from "./testing/server.js";
import { ServerProcess } from "./testing/serverProcess.js";

/** PostgreSQL is killed under a server at work, again and again; the server outlives it and loses nothing. */

const KILLS = process.env["MOTE_FULL"] === undefined ? 1 : 10;
const reason = whyNoPostgres();

describe.skipIf(reason !== null)(reason ?? "a server whose PostgreSQL is killed", () => {
  const folder = mkdtempSync(join(tmpdir(), "mote-pg-kill-"));
  let cluster: TestCluster;
  let server: ServerProcess;

  beforeAll(async () => {
    cluster = await TestCluster.start();
    server = await ServerProcess.start(["--data", folder, "--database", cluster.makeDatabase()]);
  });
  afterAll(async () => {
    await server.end("SIGKILL");
    cluster.remove();
    rmSync(folder, { recursive: true });
  });

  test(`nothing acknowledged is lost when PostgreSQL is killed ${KILLS} times under load`, async () => {
    const token = readFileSync(join(folder, "admin.token"), "utf8").trim();
    const operator = new OperatorClient({ url: server.url, token, fetch });
    const devices = await signedInDevices(operator, server.url, 3);
    const acknowledged = new Map(devices.map((device) => [device.id, 0]));
    const total = () => [...acknowledged.values()].reduce((a, b) => a + b, 0);
    for (let kill = 0; kill < KILLS; kill++) {
      await Promise.all(devices.map((device) => eventually(() => reconnect(device), "a connection")));
      const sending = devices.map(async (device) => {
        for (;;) {
          await device.sendWindow({ confidence: 0.9, accuracy: 1 });
          acknowledged.set(device.id, acknowledged.get(device.id)! + 1);
        }
      });
      const settled = Promise.allSettled(sending);
      const before = total();
      while (total() < before + 20) await new Promise((resolve) => setTimeout(resolve, 1));
      cluster.kill();
      const ready = async () => (await fetch(`${server.url}/ready`)).status;
      await eventually(async () => (await ready()) === 503, "the server to say that it can't serve");
      await expect(operator.fleet()).rejects.toMatchObject({ status: 503 });
      await cluster.up();
      await eventually(async () => (await ready()) === 200, "the server to be back");
      await Promise.all(devices.map((device) => device.disconnect(true)));
      await settled;
      for (const device of devices) {
        const { telemetry } = await operator.device(device.id);
        const windows = telemetry.reduce((sum, one) => sum + one.windows, 0);
        expect(windows).toBeGreaterThanOrEqual(acknowledged.get(device.id)!);
      }
    }
    expect((await operator.audit()).brokenAt).toBeNull();
    expect(await server.end("SIGTERM")).toBe(0);
  }, 600_000);
});

/** The server closes a device's connection whose message it could not store. */
async function reconnect(device: TestDevice): Promise<boolean> {
  try {
    await device.connect();
    return true;
  } catch {
    return false;
  }
}
