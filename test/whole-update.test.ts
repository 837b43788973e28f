import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PATHS } from "@mote/protocol";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { runAgent } from "../device-agent/src/node/assemble.js";
import { enroll } from "../device-agent/src/node/enroll.js";
import { startInferenceEngine, type WorkerEngine } from "../device-agent/src/node/inference-engine.js";
import { openRecording } from "../device-agent/src/node/recording.js";
import { recordingOf } from "../device-agent/src/testing/bench.js";
import { HARDWARE, PRODUCT, tinyRelease } from "../device-agent/src/testing/tiny-release.js";
import { eventually, TestBench } from "../ota-server/src/testing/server.js";
import { publishTiny, rollOutTiny } from "./agents.js";

/** All that an agent fetches from a server for an update, seen from between the two. Real server, real agent, real disk. */

const ID = "between";
const releases = [1, 2, 3].map((sequence) => tinyRelease({ sequence }));
const goldenOf = (sequence: number) => releases[sequence - 1]!.manifest.variants[0]!.golden;
const { inputs } = goldenOf(1);

let engine: WorkerEngine;
let bench: TestBench;
let wire: Wire;
let folder: string;
const life = { stop: new AbortController(), running: Promise.resolve() };

beforeAll(() => {
  engine = startInferenceEngine();
});
afterAll(() => engine.stop());
beforeEach(async () => {
  bench = await TestBench.start();
  folder = mkdtempSync(join(tmpdir(), "mote-whole-update-"));
  const rootFile = join(folder, "root.json");
  writeFileSync(rootFile, await bench.publishRoot());
  writeFileSync(join(folder, "sensor.npz"), recordingOf(40));
  wire = await Wire.open(bench.server.url);
  const { tokens } = await bench.operator.createEnrolmentTokens({ product: PRODUCT, count: 1 });
  await enroll({
    folder: join(folder, "state"),
    serverUrl: wire.url,
    token: tokens[0]!.token,
    rootFile,
    deviceId: ID,
    hardware: HARDWARE,
    tags: {},
  });
  await publishTiny(bench, releases);
  await startAgent();
});
afterEach(async () => {
  await stopAgent();
  wire.close();
  await bench.close();
  rmSync(folder, { recursive: true });
});

async function startAgent(): Promise<void> {
  life.stop = new AbortController();
  const recording = await openRecording(join(folder, "sensor.npz"));
  const settings = { rateHz: 100, windowMs: 500, retryFirstMs: 50, retryMaxMs: 500 };
  const options = {
    folder: join(folder, "state"),
    engine,
    sensor: recording.sensor(0),
    log: () => {},
    settings,
  };
  life.running = runAgent(options, life.stop.signal);
  life.running.catch(() => undefined);
}

async function stopAgent(): Promise<void> {
  life.stop.abort();
  await life.running;
}

async function rollOut(sequence: number, end: "confirmed" | "refused") {
  await rollOutTiny(bench, `${sequence}.0.0`);
  return eventually(async () => {
    const { reports } = await bench.operator.device(ID);
    const isEnd = ({ phase, targetSequence }: { phase: string; targetSequence: number }) =>
      phase === end && targetSequence === sequence;
    return reports.find(({ report }) => isEnd(report))?.report ?? null;
  }, `${sequence} ${end}`);
}

it("fetches golden inputs once for all releases that share them, and metadata and manifests compressed", async () => {
  await rollOut(1, "confirmed");
  await rollOut(2, "confirmed");
  expect(goldenOf(2).inputs).toEqual(inputs);
  expect(wire.answersTo(inputs.sha256)).toHaveLength(1);
  for (const sequence of [1, 2]) expect(wire.answersTo(goldenOf(sequence).outputs.sha256)).toHaveLength(1);
  for (const file of [PATHS.metadata("timestamp.json"), wire.manifestPath(2)]) {
    const codings = wire.answersTo(file).map(({ coding }) => coding);
    expect(codings.length, file).toBeGreaterThan(0);
    expect(new Set(codings), file).toEqual(new Set(["gzip"]));
  }
}, 120_000);

it("fetches held inputs again that are no longer what they were", async () => {
  await rollOut(1, "confirmed");
  await stopAgent();
  writeFileSync(join(folder, "state", "blobs", inputs.sha256), "worn out");
  await startAgent();
  await rollOut(2, "confirmed");
  expect(wire.answersTo(inputs.sha256)).toHaveLength(2);
}, 120_000);

it("refuses a release whose golden vectors were changed on the way", async () => {
  await rollOut(1, "confirmed");
  wire.damaged = goldenOf(2).outputs.sha256;
  expect(await rollOut(2, "refused")).toMatchObject({ code: "digest-mismatch", runningSequence: 1 });
}, 120_000);

interface Passed {
  readonly path: string;
  readonly coding: string | undefined;
}

/** An HTTP proxy that remembers what passed, and can damage it. */
class Wire {
  /** Of whose answers the first byte is changed. */
  damaged: string | null = null;
  readonly #passed: Passed[] = [];

  private constructor(private readonly server: Server) {}

  static async open(target: string): Promise<Wire> {
    const server: Server = createServer((asked, answer) => {
      const { method, url = "/", headers } = asked;
      const onward = request(`${target}${url}`, { method, headers }, async (came) => {
        const chunks: Buffer[] = [];
        for await (const chunk of came) chunks.push(chunk as Buffer);
        const body = Buffer.concat(chunks);
        wire.#passed.push({ path: url, coding: came.headers["content-encoding"] });
        if (wire.damaged !== null && url.includes(wire.damaged)) body[0]! ^= 1;
        answer.writeHead(came.statusCode!, came.headers).end(body);
      });
      onward.on("error", () => answer.destroy());
      asked.pipe(onward);
    });
    const wire = new Wire(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return wire;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  answersTo(part: string): Passed[] {
    return this.#passed.filter(({ path }) => path.includes(part));
  }

  /** Of the manifest of a release: the blob that is none of its others. */
  manifestPath(sequence: number): string {
    const { blobs, manifestBytes } = releases[sequence - 1]!;
    return PATHS.blob([...blobs].find(([, bytes]) => bytes === manifestBytes)![0]);
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
