import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorClient } from "@mote/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { TestDevice } from "./testing/device.js";
import { eventually } from "./testing/server.js";
import { ServerProcess } from "./testing/serverProcess.js";

/** The disk is full: what was acknowledged stays, what is refused is refused in words, and room brings it all back. */

const folder = mkdtempSync(join(tmpdir(), "mote-full-"));
const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", folder]).status === 0;

let running: ServerProcess | null = null;
afterEach(() => running?.end("SIGKILL"));

describe.skipIf(!mounted)(mounted ? "a server on a small disk" : "no small disk can be mounted here", () => {
  beforeAll(async () => {
    running = await ServerProcess.start(["--data", join(folder, "data")]);
  });
  afterAll(() => {
    spawnSync("umount", ["-l", folder]);
    rmSync(folder, { recursive: true, force: true });
  });

  test("refuses in words while the disk is full, and goes on by itself when there is room", async () => {
    const server = running!;
    const token = readFileSync(join(folder, "data", "admin.token"), "utf8").trim();
    const operator = new OperatorClient({ url: server.url, token, fetch });
    const { tokens } = await operator.createEnrolmentTokens({ product: "digits", count: 1 });
    const device = new TestDevice("cam-1", server.url);
    await device.enroll(tokens[0]!.token);
    await device.signIn();
    let acknowledged = 0;
    const send = async () => {
      if (!device.isConnected) await device.connect();
      await device.sendWindow({ confidence: 0.9, accuracy: 1 });
      acknowledged++;
    };
    for (let i = 0; i < 10; i++) await send();

    fill(join(folder, "ballast"));
    // The database has some room in files that it has already; when that is gone, it says so.
    const refusal = await eventually(async () => {
      try {
        await operator.createEnrolmentTokens({ product: "digits", count: 500 });
        return null;
      } catch (error) {
        return error as Error & { status: number };
      }
    }, "the disk to be full");
    expect(refusal).toMatchObject({ status: 503, message: expect.stringMatching(/a full .*disk/) });
    expect((await operator.fleet()).devices).toBe(1);

    rmSync(join(folder, "ballast"));
    await eventually(
      () =>
        send().then(
          () => true,
          () => device.disconnect(true).then(() => false),
        ),
      "a window to be taken again",
    );
    await operator.createEnrolmentTokens({ product: "digits", count: 1 });
    await eventually(async () => {
      const { telemetry } = await operator.device("cam-1");
      return telemetry.reduce((sum, one) => sum + one.windows, 0) >= acknowledged;
    }, "every acknowledged window");

    await server.end("SIGKILL");
    running = await ServerProcess.start(["--data", join(folder, "data")]);
    const again = new OperatorClient({ url: running.url, token, fetch });
    const { telemetry } = await again.device("cam-1");
    expect(telemetry.reduce((sum, one) => sum + one.windows, 0)).toBeGreaterThanOrEqual(acknowledged);
    expect((await again.audit()).brokenAt).toBeNull();
  });
});

/** Takes all the room that there is. */
function fill(file: string): void {
  const handle = openSync(file, "w");
  const block = new Uint8Array(4096);
  try {
    for (;;) writeSync(handle, block);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
  } finally {
    closeSync(handle);
  }
}
