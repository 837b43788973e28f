import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** The command as it is typed wrong: a code, what came and what to do, and exit code 2. */

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mote-main-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function moteServer(...words: string[]): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, ...words], { encoding: "utf8", cwd: folder });
  return { status, stderr };
}

describe("mote-server", () => {
  test.each([
    ["an unknown flag", ["--bogus"], /unknown option '--bogus'/],
    ["a command without its argument", ["restore"], /missing required argument 'backup'/],
    ["a port that is no number", ["--data", "d", "--port", "abc"], /"port"; got "abc"/],
    ["a port that is empty", ["--data", "d", "--port", ""], /"port"; got ""/],
    ["a port beyond all ports", ["--data", "d", "--port", "70000"], /"port"; got 70000/],
    ["a backup that is not there", ["restore", "nowhere.tar", "--data", "x"], /MOTE_SYSTEM.*nowhere\.tar/],
    ["a data folder that is a file", ["--data", MAIN], /MOTE_SYSTEM/],
  ])("refuses %s", (_, words, message) => {
    expect(moteServer(...words)).toEqual({ status: 2, stderr: expect.stringMatching(message) });
  });

  test.skipIf(spawnSync("script", ["--version"]).status !== 0)(
    "tells whoever started it in a terminal where to look and with which token (needs script)",
    async () => {
      const command = `'${process.execPath}' '${MAIN}' --data first --port 0 --mqtt-port 0`;
      const terminal = spawn("script", ["-qec", command, "/dev/null"], { cwd: folder });
      let shown = "";
      const invited = new Promise<void>((resolve) => {
        terminal.stdout.on("data", (text: Buffer) => {
          shown += text.toString();
          if (shown.includes("Ctrl-C")) resolve();
        });
      });
      await invited;
      const ended = new Promise((resolve) => terminal.once("exit", resolve));
      terminal.kill();
      await ended;
      expect(shown).toMatch(
        /Open http:\/\/127\.0\.0\.1:\d+\/ in a browser .* token in .*\/first\/admin\.token/,
      );
    },
    60_000,
  );

  test("says which address another program has", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as { port: number };
    writeFileSync(join(folder, "c.yaml"), `data: d\nport: ${port}\nmqttPort: 0\n`);
    const refused = { status: 2, stderr: expect.stringMatching(/MOTE_SYSTEM.*EADDRINUSE.*another port/) };
    expect(moteServer("--config", "c.yaml")).toEqual(refused);
    await new Promise((resolve) => other.close(resolve));
  });
});
