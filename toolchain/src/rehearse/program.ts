import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { MissingToolError, RehearsalError } from "../errors.js";
import { LEASH_FOLDER, LEASH_PID } from "./leash-names.js";

/** The other programs of the house, started as processes: this package knows them by what they print and serve. */

// A child is loaded by Node itself, which reads no TypeScript: tests that run from the sources use the built leash.
const LEASH = new URL(
  import.meta.url.endsWith(".ts") ? "../../dist/rehearse/leash.js" : "./leash.js",
  import.meta.url,
);
/** Nothing of a rehearsal is kept, so nothing is worth a longer goodbye. */
const STOP_MS = 2000;
const TAIL_LENGTH = 2000;

export type JsonLine = { readonly [field: string]: unknown };

/** The script of a command that is installed beside this package. @throws MissingToolError */
export function findProgram(packageName: string, command: string): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const home = join(folder, "node_modules", packageName);
    if (existsSync(join(home, "package.json"))) {
      const { bin } = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as {
        bin: Record<string, string>;
      };
      const script = join(home, bin[command] ?? "");
      if (bin[command] !== undefined && existsSync(script)) return script;
    }
    if (folder === dirname(folder)) break;
  }
  throw new MissingToolError({
    expected: `the command ${command}, which a rehearsal starts`,
    got: `no installed package ${packageName}`,
    todo: "Install it beside this one, or build the workspace (npm run build).",
  });
}

/** One running program: its JSON lines, and its end. */
export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #tail = "";
  #isRunning = true;

  /** @param folder goes with this process when the rehearsal is killed. */
  constructor(
    private readonly name: string,
    script: string,
    args: readonly string[],
    folder: string,
    onLine: (line: JsonLine) => void,
  ) {
    this.#child = spawn(process.execPath, ["--import", LEASH.href, script, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
      // Ctrl-C on a terminal reaches the rehearsal alone, which stops its programs in order.
      detached: true,
      env: { ...process.env, [LEASH_PID]: String(process.pid), [LEASH_FOLDER]: folder },
    });
    createInterface({ input: this.#child.stdout! }).on("line", (text) => {
      const line = asJson(text);
      if (line !== null) onLine(line);
    });
    this.#child.stderr!.on("data", (chunk: Buffer) => {
      this.#tail = (this.#tail + chunk.toString()).slice(-TAIL_LENGTH);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", () => resolve(null));
      this.#child.once("close", (code) => {
        this.#isRunning = false;
        resolve(code);
      });
    });
  }

  /** Rejects when the program ends; to be raced with what is waited for. */
  async failure(): Promise<never> {
    const code = await this.#ended;
    throw new RehearsalError({
      expected: `${this.name} to run until the rehearsal is over`,
      got: `exit code ${code}`,
      todo: `It said last: ${this.#tail.trim().split("\n").slice(-3).join(" | ") || "nothing"}`,
    });
  }

  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}

function asJson(text: string): JsonLine | null {
  try {
    return JSON.parse(text) as JsonLine;
  } catch {
    // A line for people.
    return null;
  }
}
