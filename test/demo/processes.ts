import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The programs of the house, started as processes of their own: the demo knows them only by what they print and serve. */

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const LEASH = new URL("./leash.js", import.meta.url).href;

export const PROGRAMS = {
  mote: join(ROOT, "toolchain/dist/cli/main.js"),
  server: join(ROOT, "ota-server/dist/main.js"),
  agent: join(ROOT, "device-agent/dist/node/main.js"),
  trainDigits: join(ROOT, "toolchain/dist/train/digits-models.js"),
} as const;
export type ProgramName = keyof typeof PROGRAMS;

/** A command ended with another exit code than the story expects; carries what it said on stderr. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
  readonly exitCode: number;
  constructor(commandLine: string, exitCode: number, stderr: string) {
    super(`"${commandLine}" ended with exit code ${exitCode}:\n${stderr.trim().slice(-2000)}`);
    this.exitCode = exitCode;
  }
}

function leashed(program: ProgramName, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, ["--import", LEASH, PROGRAMS[program], ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    cwd: ROOT,
    env: {
      // The committed v2 and v3 were tuned from the pruned model as WebAssembly makes it, to the byte.
      MOTE_TF_BACKEND: "wasm",
      ...process.env,
      MOTE_DEMO_PID: String(process.pid),
    },
  });
}

export function commandLine(program: ProgramName, args: readonly string[]): string {
  const name = program === "mote" ? "mote" : `mote-${program}`;
  return [name, ...args].join(" ");
}

/** Runs a command to its end with --json and gives its document. Throws CommandFailed on an exit code not in `allowed`. */
export async function runJson<T>(
  program: ProgramName,
  args: readonly string[],
  allowed: readonly number[] = [0],
): Promise<{ exitCode: number; document: T; stderr: string; seconds: number }> {
  const started = performance.now();
  const child = leashed(program, [...args, "--json"]);
  let out = "";
  let err = "";
  child.stdout?.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    err += chunk;
  });
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
  if (!allowed.includes(exitCode)) throw new CommandFailed(commandLine(program, args), exitCode, err || out);
  let document: T;
  try {
    document = JSON.parse(out) as T;
  } catch (cause) {
    throw new Error(
      `"${commandLine(program, args)}" printed no JSON document: ${JSON.stringify(out.slice(0, 200))}`,
      { cause },
    );
  }
  return { exitCode, document, stderr: err, seconds: (performance.now() - started) / 1000 };
}

/** Runs a program that talks to people to its end; each line that it prints goes to `say`. */
export async function runTalking(
  program: ProgramName,
  args: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  const child = leashed(program, args);
  let err = "";
  createInterface({ input: child.stdout! }).on("line", say);
  child.stderr?.on("data", (chunk) => {
    err += chunk;
  });
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
  if (exitCode !== 0) throw new CommandFailed(commandLine(program, args), exitCode, err);
}

export type JsonLine = Record<string, unknown>;

/** A long-running program whose JSON log lines are kept, waited for, and written to a file. */
export class Service {
  readonly lines: JsonLine[] = [];
  readonly #child: ChildProcess;
  readonly #log: WriteStream;
  readonly #waiters = new Set<(line: JsonLine) => void>();
  readonly #ended: Promise<number | null>;
  #stderrTail = "";
  #isRunning = true;

  constructor(
    readonly label: string,
    program: ProgramName,
    args: readonly string[],
    logFile: string,
  ) {
    this.#log = createWriteStream(logFile, { flags: "a" });
    this.#child = leashed(program, args);
    createInterface({ input: this.#child.stdout! }).on("line", (text) => this.#take(text));
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderrTail = (this.#stderrTail + chunk.toString()).slice(-2000);
      this.#log.write(chunk);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", () => resolve(null));
      this.#child.once("close", (code) => {
        this.#isRunning = false;
        this.#log.end();
        resolve(code);
      });
    });
    running.add(this);
    void this.#ended.then(() => running.delete(this));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  #take(text: string): void {
    this.#log.write(`${text}\n`);
    let line: JsonLine;
    try {
      line = JSON.parse(text) as JsonLine;
    } catch {
      return; // a line for people
    }
    this.lines.push(line);
    for (const waiter of this.#waiters) waiter(line);
  }

  /** The first line, past or to come, for which `accept` holds. Throws when the program ends or the time is up. */
  async line(what: string, accept: (line: JsonLine) => boolean, timeoutMs = 30_000): Promise<JsonLine> {
    const past = this.lines.find(accept);
    if (past) return past;
    return this.nextLine(what, accept, timeoutMs);
  }

  /** As `line`, but only a line that is still to come. */
  async nextLine(what: string, accept: (line: JsonLine) => boolean, timeoutMs = 30_000): Promise<JsonLine> {
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter = (line: JsonLine) => {
        if (!accept(line)) return;
        done();
        resolve(line);
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error(`${this.label}: no ${what} within ${timeoutMs / 1000} s. ${this.#stderrTail}`));
      }, timeoutMs);
      this.#waiters.add(waiter);
      void this.#ended.then((code) => {
        done();
        reject(new Error(`${this.label} ended (exit code ${code}) before ${what}. ${this.#stderrTail}`));
      });
    });
  }

  /** Sends the signal and waits for the end. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (!this.#isRunning) return;
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
    await this.#ended;
    clearTimeout(timer);
  }
}

const running = new Set<Service>();

export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((service) => service.stop()));
}
