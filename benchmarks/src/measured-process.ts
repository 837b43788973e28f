import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** Of /proc: USER_HZ, on every Linux that Node runs on. */
const TICKS_PER_S = 100;

/** A program under measurement, in a process of its own. */
export class MeasuredProcess {
  private constructor(
    private readonly child: ChildProcess,
    /** The line that it printed when it was ready. */
    readonly ready: string,
  ) {}

  /** Starts `node …args` and waits for its first line. What it logs is dropped. */
  static async start(...args: string[]): Promise<MeasuredProcess> {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    const complaints: string[] = [];
    child.stderr.on("data", (chunk: Buffer) => {
      if (complaints.length < 20) complaints.push(chunk.toString());
    });
    const lines = createInterface({ input: child.stdout });
    const ready = await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      child.once("exit", (code) =>
        reject(new Error(`${args[0]} ended with ${code}: ${complaints.join("")}`)),
      );
    });
    return new MeasuredProcess(child, ready);
  }

  /** Resident memory in MB (10^6 B), by the kernel's account. */
  residentMb(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, "utf8");
    return (Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024) / 1e6;
  }

  /** Processor time that it has used so far, all its threads. Seconds. */
  cpuS(): number {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGTERM");
    await gone;
  }
}
