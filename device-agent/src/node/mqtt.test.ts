import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Bench, until } from "../testing/bench.js";
import type { Broker } from "../testing/contract-server.js";
import { CLASSES } from "../testing/tiny-model.js";
import { tinyRelease } from "../testing/tiny-release.js";
import { startInferenceEngine, type WorkerEngine } from "./inference-engine.js";

/** The link to a real broker. */

let engine: WorkerEngine;
let bench: Bench;
beforeAll(() => {
  engine = startInferenceEngine();
});
afterAll(() => engine.stop());
beforeEach(async () => {
  bench = await Bench.open(engine, { broker: true });
});
afterEach(() => bench.close());

const v1 = tinyRelease({ sequence: 1, strength: 1 });
const frames = () => bench.server.frames.get(Bench.deviceId) ?? [];

async function install(): Promise<void> {
  bench.server.publish(v1);
  bench.server.offerWhole(v1);
  await bench.reported("confirmed", 1);
}

describe("telemetry", () => {
  it("tells counts, confidence, classes and labelled probes of each window", async () => {
    await bench.start();
    await install();
    const frame = await until("a frame after probation", async () =>
      frames().find(({ onProbation, inferences }) => !onProbation && inferences >= 2 * CLASSES),
    );
    expect(frame).toMatchObject({ releaseSequence: 1, errors: 0, batteryPercent: null });
    expect(frame.probes).toEqual({ seen: frame.inferences, correct: frame.inferences });
    expect(frame.outputs).toHaveLength(CLASSES);
    expect(frame.outputs.reduce((sum, n) => sum + n, 0)).toBe(frame.inferences);
    expect(frame.confidence.reduce((sum, n) => sum + n, 0)).toBe(frame.inferences);
    expect(frame.latencyUs.mean).toBeGreaterThan(0);
    expect(frame.latencyUs.max).toBeGreaterThanOrEqual(frame.latencyUs.p95);
  });

  it("keeps probation's windows apart from the others", async () => {
    await bench.start();
    await install();
    await until("windows of both kinds", async () =>
      frames().some(({ onProbation }) => onProbation) && frames().some(({ onProbation }) => !onProbation)
        ? true
        : undefined,
    );
  });

  it("is kept while the broker is away and sent when it is back, none lost", async () => {
    await bench.start();
    await install();
    await until("a first frame", async () => frames()[0]);
    const broker = await restartable();
    await bench.logged(({ event }) => event === "disconnected", "the loss of the broker");
    const mark = bench.log.length;
    await new Promise((resolve) => setTimeout(resolve, 800));
    const before = frames().length;
    await bench.server.startBroker(broker.port);
    await bench.logged(({ event }) => event === "connected", "the broker's return", mark);
    await until("frames of the time between", async () => (frames().length > before + 2 ? true : undefined));
    // One whose acknowledgement was lost comes again, and the server knows it by its number.
    const sequences = [...new Set(frames().map(({ sequence }) => sequence))].sort((a, b) => a - b);
    expect(sequences).toEqual(sequences.map((_, i) => i + 1));
  });

  it("numbers frames on after a restart", async () => {
    await bench.start();
    await install();
    await until("some frames", async () => (frames().length > 2 ? true : undefined));
    await bench.stop();
    const last = Math.max(...frames().map(({ sequence }) => sequence));
    await bench.start();
    await until("a frame after the restart", async () =>
      frames().find(({ sequence }) => sequence > last + 1),
    );
    const sequences = frames().map(({ sequence }) => sequence);
    expect(new Set(sequences).size).toBe(sequences.length);
  });
});

describe("the link", () => {
  it("carries reports, so that HTTP is not asked for them", async () => {
    await bench.start();
    await bench.logged(({ event }) => event === "connected", "the connection");
    await install();
    const overHttp = bench.server.requests.filter((line) => line.endsWith("/reports"));
    expect(overHttp.length).toBeLessThan(bench.server.reportsOf(Bench.deviceId).length);
  });

  it("takes a hint to poll now", async () => {
    const broker = bench.server;
    bench.server.pollIntervalS = 600;
    await bench.start({ pollIntervalS: 600 });
    await bench.logged(({ event }) => event === "connected", "the connection");
    await until("the first poll", async () => (broker.polls.length > 0 ? true : undefined));
    const before = broker.polls.length;
    current().hint(Bench.deviceId);
    await until("a poll after the hint", async () => (broker.polls.length > before ? true : undefined));
  });

  it("says goodbye when it is stopped", async () => {
    await bench.start();
    await bench.logged(({ event }) => event === "connected", "the connection");
    await bench.stop();
    expect(bench.server.presence).toEqual(["word online", "word offline"]);
  });
});

/** The bench's broker, stopped; its port is for the one that follows. */
async function restartable(): Promise<Broker> {
  const broker = current();
  await broker.stop();
  return broker;
}

function current(): Broker {
  const { broker } = bench.server;
  if (broker === null) throw new Error("no broker runs");
  return broker;
}
