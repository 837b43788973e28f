import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LogEntry } from "../core/ports.js";
import type { AgentSettings } from "../core/settings.js";
import { type AgentState, agentStateFromJson } from "../core/state.js";
import { type AgentOptions, runAgent } from "../node/assemble.js";
import { enroll } from "../node/enroll.js";
import type { WorkerEngine } from "../node/inference-engine.js";
import { openRecording } from "../node/recording.js";
import { ContractServer } from "./contract-server.js";
import { npy, npz } from "./npz.js";
import { CLASSES, INPUTS, tinySample } from "./tiny-model.js";
import { HARDWARE } from "./tiny-release.js";

/** One real agent in this process, against a real HTTP server, with its state on a real disk. */
export class Bench {
  readonly log: LogEntry[] = [];
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  private constructor(
    readonly server: ContractServer,
    readonly folder: string,
    private readonly engine: WorkerEngine,
  ) {}

  static readonly deviceId = "bench-1";

  static async open(engine: WorkerEngine, options: { broker?: boolean } = {}): Promise<Bench> {
    const server = await ContractServer.start();
    if (options.broker === true) await server.startBroker();
    const folder = await mkdtemp(join(tmpdir(), "mote-agent-"));
    await writeFile(join(folder, "root.json"), server.rootBytes);
    await writeFile(join(folder, "sensor.npz"), recordingOf(40));
    const bench = new Bench(server, folder, engine);
    await enroll(bench.enrolment());
    return bench;
  }

  /** A folder in which a test may mount a disk of its own. */
  get stateDir(): string {
    return join(this.folder, "state");
  }

  get sensorFile(): string {
    return join(this.folder, "sensor.npz");
  }

  enrolment() {
    return {
      folder: this.stateDir,
      serverUrl: this.server.url,
      token: "a-good-token-0000000",
      rootFile: join(this.folder, "root.json"),
      deviceId: Bench.deviceId,
      hardware: HARDWARE,
      tags: {},
    };
  }

  async start(settings: Partial<AgentSettings> = {}, change: Partial<AgentOptions> = {}): Promise<void> {
    this.#stop = new AbortController();
    const recording = await openRecording(this.sensorFile);
    this.#running = runAgent(
      {
        folder: this.stateDir,
        engine: this.engine,
        sensor: recording.sensor(0),
        log: (entry) => this.log.push(entry),
        settings: { rateHz: 100, windowMs: 200, retryFirstMs: 20, retryMaxMs: 100, ...settings },
        ...change,
      },
      this.#stop.signal,
    );
    this.#running.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.server.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Waits until a log line fits; looks at the lines from `from` on. */
  async logged(fits: (entry: LogEntry) => boolean, what: string, from = 0): Promise<LogEntry> {
    return until(
      what,
      async () => this.log.slice(from).find(fits),
      () => this.log.filter(({ event }) => event !== "connect-failed").slice(-8),
    );
  }

  /** Waits until the server has a report of this phase for this release. */
  async reported(phase: string, sequence: number) {
    return until(
      `a report "${phase}" of ${sequence}`,
      async () =>
        this.server
          .reportsOf(Bench.deviceId)
          .find((report) => report.phase === phase && report.targetSequence === sequence),
      () => this.log.filter(({ event }) => event !== "connect-failed").slice(-8),
    );
  }

  async state(): Promise<AgentState> {
    return agentStateFromJson(JSON.parse(await readFile(join(this.stateDir, "state.json"), "utf8")));
  }
}

/** `count` samples of all classes in turn, with their labels. */
export function recordingOf(count: number): Uint8Array {
  const x = new Float32Array(count * INPUTS);
  const y = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    x.set(tinySample(i % CLASSES, i), i * INPUTS);
    y[i] = i % CLASSES;
  }
  return npz({ x: npy([count, INPUTS], x), y: npy([count], y) });
}

const PATIENCE_MS = 50_000;

export async function until<T>(
  what: string,
  look: () => Promise<T | undefined>,
  evidence: () => unknown = () => "",
): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}: ${JSON.stringify(evidence())}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
