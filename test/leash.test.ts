import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, expect, it } from "vitest";

const work = mkdtempSync(join(tmpdir(), "mote-leash-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const PROCESSES = new URL("./dist/demo/processes.js", import.meta.url).href;

/** A stand-in for the demo: starts a real server on the leash, prints its pid, and waits to be killed. */
const PARENT = `
import { Service } from ${JSON.stringify(PROCESSES)};
const service = new Service("the server", "server",
  ["--data", ${JSON.stringify(join(work, "data"))}, "--port", "0", "--mqtt-port", "0"], ${JSON.stringify(join(work, "log"))});
await service.line("address", (line) => line.event === "listening", 60_000);
console.log(service.pid);
setInterval(() => {}, 1000);
`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it("a demo that is killed with SIGKILL leaves no server behind", async () => {
  const parent = spawn(process.execPath, ["--input-type=module", "-e", PARENT], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const pid = await new Promise<number>((resolve, reject) => {
    createInterface({ input: parent.stdout }).once("line", (line) => resolve(Number(line)));
    parent.once("exit", (code) => reject(new Error(`the parent ended with ${code}`)));
  });
  expect(isAlive(pid)).toBe(true);
  parent.kill("SIGKILL");
  await expect.poll(() => isAlive(pid), { timeout: 20_000, interval: 200 }).toBe(false);
});
