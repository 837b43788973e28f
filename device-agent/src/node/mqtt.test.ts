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

  it("of a release in the shadow is told beside that of the one that serves, with how often they agree", async () => {
    await bench.start();
    await install();
    // Another strength names the same classes, less surely.
    const v2 = tinyRelease({ sequence: 2, strength: 0.5 });
    bench.server.publish(v2);
    const shadow = { kind: "shadow" as const, shadowShare: 0.5 };
    bench.server.offer = bench.server.offerOf(v2, [bench.server.route("full", v2.model)], shadow);
    await bench.reported("shadowing", 2);
    const seen = await until("a frame of the shadow", async () =>
      frames().find(({ shadow, inferences }) => shadow != null && inferences >= 3),
    );
    expect(seen).toMatchObject({ releaseSequence: 2, errors: 0, onProbation: false });
    expect(seen.shadow).toEqual({ compared: seen.inferences, agreed: seen.inferences });
    expect(seen.latencyUs.mean).toBeGreaterThan(0);
    const serving = await until("a frame of the serving release", async () =>
      frames().findLast(({ releaseSequence }) => releaseSequence === 1),
    );
    expect(serving.shadow).toBeUndefined();
    expect(serving.inferences).toBeGreaterThan(seen.inferences);
    expect(bench.server.polls.at(-1)).toMatchObject({ running: { sequence: 1 }, canShadow: true });
    bench.server.offer = null;
    await bench.logged(({ event, from }) => event === "state" && from === "shadowing", "the shadow's end");
    const count = frames().filter(({ shadow }) => shadow != null).length;
    const served = frames().length;
    await until("more frames", async () => (frames().length > served + 3 ? true : undefined));
    // The window that was open when it ended, and no more.
    expect(frames().filter(({ shadow }) => shadow != null).length).toBeLessThanOrEqual(count + 1);
  });

  it("of a shadow is not gathered while the device saves power", async () => {
    await bench.start();
    await install();
    const v2 = tinyRelease({ sequence: 2, strength: 0.5 });
    bench.server.publish(v2);
    const shadow = { kind: "shadow" as const, shadowShare: 1 };
    bench.server.offer = bench.server.offerOf(v2, [bench.server.route("full", v2.model)], shadow);
    await bench.reported("shadowing", 2);
    await bench.stop();
    const from = frames().length;
    await bench.start({}, { conditions: { batteryPercent: 10, charging: false } });
    await until("frames on a low battery", async () => (frames().length > from + 3 ? true : undefined));
    const onLowBattery = frames().filter(({ batteryPercent }) => batteryPercent === 10);
    expect(onLowBattery.length).toBeGreaterThan(0);
    expect(onLowBattery.filter(({ shadow }) => shadow != null)).toEqual([]);
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
