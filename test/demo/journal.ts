import Table from "cli-table3";
import pc from "picocolors";

/** What the demo tells while it runs, and what it holds the run to. Every figure comes from the run itself. */

export interface Check {
  readonly what: string;
  readonly figure: string;
  readonly holds: boolean;
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const TICK_MS = 120;

export class Journal {
  readonly checks: Check[] = [];
  readonly #started = performance.now();
  #step = 0;
  #status = "";
  readonly #isLive = process.stdout.isTTY === true;

  constructor(private readonly steps: number) {}

  title(text: string): void {
    process.stdout.write(`\n${pc.bold(text)}\n`);
  }

  /** Runs one step of the story with its number, a live status line on a terminal, and the seconds it took. */
  async step<T>(title: string, run: () => Promise<T>): Promise<T> {
    this.#step += 1;
    const started = performance.now();
    process.stdout.write(
      `\n${pc.cyan(`[${String(this.#step).padStart(2)}/${this.steps}]`)} ${pc.bold(title)}\n`,
    );
    let frame = 0;
    const timer = this.#isLive
      ? setInterval(() => {
          frame += 1;
          const seconds = ((performance.now() - started) / 1000).toFixed(0);
          process.stdout.write(
            `\r\u001b[2K        ${pc.cyan(FRAMES[frame % FRAMES.length]!)} ${seconds} s ${this.#status}`,
          );
        }, TICK_MS)
      : undefined;
    try {
      return await run();
    } finally {
      clearInterval(timer);
      this.#status = "";
      this.#clear();
      process.stdout.write(`        ${pc.dim(`${((performance.now() - started) / 1000).toFixed(1)} s`)}\n`);
    }
  }

  command(line: string): void {
    this.#clear();
    process.stdout.write(`        ${pc.dim("$")} ${pc.dim(line)}\n`);
  }

  say(text: string): void {
    this.#clear();
    for (const line of text.split("\n")) process.stdout.write(`        ${line}\n`);
  }

  /** Shown beside the spinner on a terminal, and as a line of its own elsewhere when it changes. */
  status(text: string): void {
    if (text === this.#status) return;
    this.#status = text;
    if (!this.#isLive) process.stdout.write(`        … ${text}\n`);
  }

  /** One row of the final table; the demo succeeds only when all hold. */
  check(what: string, figure: string, holds: boolean): void {
    this.checks.push({ what, figure, holds });
    this.say(`${holds ? pc.green("✓") : pc.red("✗")} ${what}: ${figure}`);
  }

  get allHold(): boolean {
    return this.checks.length > 0 && this.checks.every((check) => check.holds);
  }

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  table(): string {
    const table = new Table({
      head: ["what", "figure", "as it should"],
      colWidths: [48, 70, 14],
      wordWrap: true,
      style: { head: ["bold"] },
    });
    for (const check of this.checks) {
      table.push([check.what, check.figure, check.holds ? pc.green("yes") : pc.red("NO")]);
    }
    return table.toString();
  }

  #clear(): void {
    if (this.#isLive) process.stdout.write("\r\u001b[2K");
  }
}

export function kib(bytes: number): string {
  if (bytes < 10_240) return `${Math.round(bytes)} B`;
  return bytes < 10 * 1024 ** 2
    ? `${(bytes / 1024).toFixed(1)} KiB`
    : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

export function percent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)} %`;
}
