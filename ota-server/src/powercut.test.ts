import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { OperatorClient } from "@mote/protocol";
import { readServerKeys } from "@mote/protocol/node";
import { afterEach, describe, expect, test } from "vitest";
import { signedInDevices } from "./testing/device.js";
import { PowerCut } from "./testing/powerCut.js";
import { makeRelease, sha256, TestSigners } from "./testing/release.js";
import { ServerProcess } from "./testing/serverProcess.js";

/** The power fails under load: every write that was not fsynced is lost, and nothing that was acknowledged is. */

const CUTS = process.env["MOTE_FULL"] === undefined ? 2 : 20;
const reason =
  process.platform !== "linux"
    ? "needs Linux"
    : spawnSync("cc", ["--version"]).status === 0
      ? null
      : "no C compiler";

let running: ServerProcess | null = null;
afterEach(() => running?.end("SIGKILL"));

describe.skipIf(reason !== null)(reason ?? "a server whose unsynced writes are lost", () => {
  test("the layer loses what was not synced, and keeps what was", async () => {
    const power = new PowerCut();
    const script = `
      const fs = require("node:fs");
      const path = (name) => require("node:path").join(${JSON.stringify(power.folder)}, name);
      fs.writeFileSync(path("unsynced"), "x");
      const fd = fs.openSync(path("synced"), "w");
      fs.writeSync(fd, "kept");
      fs.fsyncSync(fd);
      fs.fsyncSync(fs.openSync(path("."), "r"));
      fs.writeSync(fd, " lost");
      fs.writeFileSync(path("nameless"), "y", { flush: true });
    `;
    const { status } = spawnSync(process.execPath, ["-e", script], { env: { ...process.env, ...power.env } });
    expect(status).toBe(0);
    power.cut();
    expect(readFileSync(join(power.folder, "synced"), "utf8")).toBe("kept");
    expect(readFileSync(join(power.folder, "unsynced"), "utf8")).toBe("");
    expect(() => readFileSync(join(power.folder, "nameless"))).toThrow(/ENOENT/);
    power.remove();
  });

  test(`nothing acknowledged is lost when the power fails ${CUTS} times under load`, async () => {
    const power = new PowerCut();
    const start = async () => {
      running = await ServerProcess.start(["--data", power.folder], power.env);
      return running;
    };
    let server = await start();
    const token = readFileSync(join(power.folder, "admin.token"), "utf8");
    const keys = await readServerKeys(join(power.folder, "keys"));
    const operator = () => new OperatorClient({ url: server.url, token: token.trim(), fetch });
    const signers = new TestSigners();
    await operator().putMetadata("1.root.json", signers.rootFor(keys, Date.now()));
    let devices = await signedInDevices(operator(), server.url, 3);
    const acknowledged = new Map(devices.map((device) => [device.id, 0]));
    const total = () => [...acknowledged.values()].reduce((a, b) => a + b, 0);

    for (let cut = 1; cut <= CUTS; cut++) {
      await Promise.all(devices.map((device) => device.connect()));
      const sending = devices.map(async (device) => {
        for (;;) {
          await device.sendWindow({ confidence: 0.9, accuracy: 1 });
          acknowledged.set(device.id, acknowledged.get(device.id)! + 1);
        }
      });
      const settled = Promise.allSettled(sending);
      const release = makeRelease(cut);
      await signers.publish(operator(), [release], Date.now());
      const before = total();
      while (total() < before + 20) await new Promise((resolve) => setTimeout(resolve, 1));
      await server.end("SIGKILL");
      await Promise.all(devices.map((device) => device.disconnect(true)));
      await settled;
      power.cut();
      server = await start();
      // The admin's token was on the disk before it counted, and so were the keys that root names.
      expect(readFileSync(join(power.folder, "admin.token"), "utf8")).toBe(token);
      devices = devices.map((device) => device.at(server));
      for (const device of devices) {
        const { telemetry } = await operator().device(device.id);
        const windows = telemetry.reduce((sum, one) => sum + one.windows, 0);
        expect(windows).toBeGreaterThanOrEqual(acknowledged.get(device.id)!);
        await device.signIn();
      }
      const { releases } = await operator().releases();
      expect(releases.map((one) => one.signedBy)).toEqual(releases.map(() => "offline"));
      expect(releases).toHaveLength(cut);
      const device = devices[0]!;
      const { chunks } = await device.client.blob(sha256(release.artifact), 0, device.token);
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      expect(Buffer.concat(parts).equals(Buffer.from(release.artifact))).toBe(true);
      expect((await operator().audit()).brokenAt).toBeNull();
    }
    await server.end("SIGTERM");
    power.remove();
  }, 600_000);
});
