import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/** The built server as a process of its own, which may be killed. */
export class ServerProcess {
  private constructor(
    readonly process: ChildProcess,
    readonly url: string,
    readonly mqttUrl: string,
    /** What it logged, line by line. */
    readonly log: readonly string[],
  ) {}

  /**
   * Resolves when it listens.
   *
   * @param env beside this process's own.
   * @param under a command that starts another, such as prlimit.
   */
  static async start(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    under: readonly string[] = [],
  ): Promise<ServerProcess> {
    const [command, ...rest] = [...under, process.execPath, MAIN, "--port", "0", "--mqtt-port", "0", ...args];
    const child = spawn(command!, rest, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    const log: string[] = [];
    createInterface({ input: child.stderr! }).on("line", (line) => log.push(line));
    for await (const line of createInterface({ input: child.stdout! })) {
      const { event, url, mqttUrl } = JSON.parse(line) as { event: string; url: string; mqttUrl: string };
      if (event === "listening") return new ServerProcess(child, url, mqttUrl, log);
    }
    throw new Error(`The server ended before it listened:\n${log.slice(-5).join("\n")}`);
  }

  /** Resolves with the exit code when it is gone; null where a signal ended it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode;
    const gone = new Promise<number | null>((resolve) => this.process.once("exit", resolve));
    this.process.kill(signal);
    return gone;
  }
}
