import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packBundle, type UpdateReport } from "@mote/protocol";
import { type AgentState, agentStateFromJson } from "../device-agent/src/core/state.js";
import { runAgent } from "../device-agent/src/node/assemble.js";
import { enroll } from "../device-agent/src/node/enroll.js";
import type { WorkerEngine } from "../device-agent/src/node/inference-engine.js";
import { openRecording } from "../device-agent/src/node/recording.js";
import { recordingOf } from "../device-agent/src/testing/bench.js";
import { HARDWARE, PRODUCT, type TinyRelease } from "../device-agent/src/testing/tiny-release.js";
import { planForAll } from "../ota-server/src/testing/release.js";
import { eventually, type TestBench } from "../ota-server/src/testing/server.js";

/** Signs releases of the tiny model and uploads them. */
export async function publishTiny(bench: TestBench, releases: readonly TinyRelease[]): Promise<void> {
  await bench.signers.publish(
    bench.operator,
    releases.map(({ manifest, manifestBytes, model, blobs }) => {
      // The manifest is in the bundle by itself.
      const artifacts = new Map([...blobs].filter(([, bytes]) => bytes !== manifestBytes));
      return { manifest, manifestBytes, artifact: model, bundle: packBundle({ manifest, artifacts }) };
    }),
    bench.now(),
  );
}

/** Rolls a release out to all; a device confirms the one before a moment earlier than that rollout ends. */
export async function rollOutTiny(bench: TestBench, version: string): Promise<void> {
  await eventually(
    async () => (await bench.operator.rollouts()).rollouts.every(({ state }) => state !== "running"),
    "the rollouts before to end",
  );
  await bench.operator.createRollout(planForAll(version, { product: PRODUCT }));
}

interface Running {
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

/** Real agents of a real server, by name; each can be switched off and on again. */
export class Agents {
  readonly folder = mkdtempSync(join(tmpdir(), "mote-agents-"));
  private readonly running = new Map<string, Running>();

  constructor(
    private readonly bench: TestBench,
    private readonly engine: WorkerEngine,
  ) {}

  async enrol(id: string): Promise<void> {
    const rootFile = join(this.folder, "root.json");
    if (!existsSync(rootFile)) {
      writeFileSync(rootFile, await this.bench.publishRoot());
      writeFileSync(join(this.folder, "sensor.npz"), recordingOf(40));
    }
    const { tokens } = await this.bench.operator.createEnrolmentTokens({ product: PRODUCT, count: 1 });
    await enroll({
      folder: join(this.folder, id),
      serverUrl: this.bench.server.url,
      token: tokens[0]!.token,
      rootFile,
      deviceId: id,
      hardware: HARDWARE,
      tags: {},
    });
  }

  /** @param transport instead of HTTP for updates. */
  async start(id: string, transport?: "mqtt"): Promise<void> {
    const stop = new AbortController();
    const recording = await openRecording(join(this.folder, "sensor.npz"));
    const done = runAgent(
      {
        folder: join(this.folder, id),
        engine: this.engine,
        sensor: recording.sensor(0),
        log: () => {},
        settings: { rateHz: 100, windowMs: 500, retryFirstMs: 50, retryMaxMs: 500 },
        ...(transport === undefined ? {} : { transport }),
      },
      stop.signal,
    );
    done.catch(() => undefined);
    this.running.set(id, { stop, done });
  }

  async stop(id: string): Promise<void> {
    const agent = this.running.get(id);
    this.running.delete(id);
    agent?.stop.abort();
    await agent?.done;
  }

  /** What the device remembers. */
  state(id: string): AgentState {
    return agentStateFromJson(JSON.parse(readFileSync(join(this.folder, id, "state.json"), "utf8")));
  }

  reported(id: string, phase: UpdateReport["phase"], sequence: number): Promise<UpdateReport> {
    return eventually(async () => {
      const { reports } = await this.bench.operator.device(id);
      const isIt = ({ report }: { report: UpdateReport }) =>
        report.phase === phase && report.targetSequence === sequence;
      return reports.find(isIt)?.report ?? null;
    }, `a report of ${id} that ${sequence} is ${phase}`);
  }

  async close(): Promise<void> {
    for (const id of [...this.running.keys()]) await this.stop(id);
    rmSync(this.folder, { recursive: true });
  }
}
