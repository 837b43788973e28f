import type { Log } from "./log.js";

/** A failure that lasts is said again after so many turns, so that a log that is cut holds it still. */
const SAY_AGAIN = 120;

/** What the server does again and again beside its doors. */
export class Chores {
  private readonly log: Log;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly current = new Map<string, Promise<void>>();

  constructor(log: Log) {
    this.log = log;
  }

  /** Runs `work` every so often, never twice at a time. What fails is logged, and tried again at the next turn. */
  add(name: string, ms: number, work: () => Promise<void>): void {
    const failures = new Failures(name, this.log);
    const turn = async () => {
      try {
        await work();
        failures.end();
      } catch (error) {
        failures.note(error);
      } finally {
        this.current.delete(name);
      }
    };
    this.timers.push(
      setInterval(() => {
        if (!this.current.has(name)) this.current.set(name, turn());
      }, ms),
    );
  }

  /** Resolves when what is under way has ended; nothing begins any more. */
  async stop(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await Promise.all(this.current.values());
  }
}

/** The same failure is written once, not at each turn: a database that is away for an hour must not fill the disk. */
class Failures {
  private last = "";
  private times = 0;

  constructor(
    private readonly name: string,
    private readonly log: Log,
  ) {}

  note(error: unknown): void {
    const text = String(error);
    if (text !== this.last) this.times = 0;
    this.last = text;
    if (this.times++ % SAY_AGAIN === 0) this.log.error(this.name, error, { times: this.times });
  }

  end(): void {
    if (this.times > 0) this.log.info(`${this.name}-recovered`, { failures: this.times });
    this.last = "";
    this.times = 0;
  }
}
