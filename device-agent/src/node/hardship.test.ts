import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Clock, LogEntry } from "../core/ports.js";
import { Bench, until } from "../testing/bench.js";
import { npy, npz } from "../testing/npz.js";
import { INPUTS } from "../testing/tiny-model.js";
import { tinyRelease } from "../testing/tiny-release.js";
import { nodeClock } from "./clock.js";
import { isCode } from "./durable-file.js";
import { startInferenceEngine, type WorkerEngine } from "./inference-engine.js";

/** What a device meets in the field. */

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

const v1 = tinyRelease({ sequence: 1 });
const v2 = tinyRelease({ sequence: 2 });

function offer(release = v1): void {
  bench.server.publish(release);
  bench.server.offerWhole(release);
}

describe("a sensor of the wrong size", () => {
  it("counts as errors, and a release that can't read it is put back", async () => {
    const samples = npy([5, INPUTS + 1], new Float32Array(5 * (INPUTS + 1)));
    await writeFile(bench.sensorFile, npz({ x: samples }));
    offer();
    await bench.start();
    const report = await bench.reported("reverted", 1);
    expect(report.code).toBe("unhealthy-errors");
    expect(report.detail).toContain(`takes ${INPUTS} values a sample, the sensor gave ${INPUTS + 1}`);
    const frame = await until("the window's frame", async () => bench.server.frames.get(Bench.deviceId)?.[0]);
    expect(frame.errors).toBe(frame.inferences);
  });
});

describe("a clock in 1970", () => {
  const clock1970: Clock = { ...nodeClock, wallMs: () => 86_400_000 };

  it("does not keep the device from its update: signed time counts", async () => {
    offer();
    await bench.start({}, { clock: clock1970 });
    const report = await bench.reported("confirmed", 1);
    expect(report.atMs).toBe(86_400_000);
    const trust: unknown = JSON.parse(await readFile(join(bench.stateDir, "trust.json"), "utf8"));
    expect(trust).toMatchObject({ timeMs: Math.floor(bench.server.repository.nowMs / 1000) * 1000 });
  });

  it("does not bring expired metadata back to life once later time was seen", async () => {
    offer(v1);
    const old = new Map(bench.server.repository.files);
    bench.server.repository.nowMs += 40 * 86_400_000;
    bench.server.repository.publish();
    await bench.start({}, { clock: clock1970 });
    await bench.reported("confirmed", 1);
    // The thief serves what was valid 40 days ago.
    for (const [file, bytes] of old) bench.server.repository.files.set(file, bytes);
    bench.server.offer = bench.server.offerOf(v2, [bench.server.route("full", v2.model)]);
    expect((await bench.reported("refused", 2)).code).toBe("signature-invalid");
  });
});

describe("a full disk", () => {
  const isRoot = process.getuid?.() === 0;

  it.skipIf(!isRoot)(
    "refuses the update with its own code and goes on (needs root for a tmpfs)",
    async (context) => {
      const disk = bench.stateDir;
      const aside = join(bench.folder, "aside");
      await cp(disk, aside, { recursive: true });
      await rm(disk, { recursive: true });
      await mkdir(disk);
      if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "mote-test", disk]).status !== 0) {
        await cp(aside, disk, { recursive: true });
        context.skip("no tmpfs can be mounted here");
      }
      try {
        await cp(aside, disk, { recursive: true });
        offer(v1);
        await bench.start({ reserveBytes: 0 });
        await bench.reported("confirmed", 1);
        const big = tinyRelease({ sequence: 3, model: new Uint8Array(200_000) });
        offer(big);
        expect(await bench.reported("failed", 3)).toMatchObject({ code: "disk-full", runningSequence: 1 });
        // The disk fills to its last byte while the next update is on its way: not even that can be written down.
        const filler = join(disk, "somebody-elses");
        const isFault = ({ event }: LogEntry) => event === "fault";
        bench.server.tamper = (sha256, bytes) => {
          if (sha256 === v2.artifactSha256 && !bench.log.some(isFault)) fill(filler);
          return bytes;
        };
        offer(v2);
        await bench.logged(isFault, "a write that failed");
        expect((await bench.state()).confirmed).not.toBeNull();
        await rm(filler);
        await bench.reported("confirmed", 2);
      } finally {
        await bench.stop();
        spawnSync("umount", [disk]);
      }
    },
  );
});

function fill(path: string): void {
  try {
    writeFileSync(path, new Uint8Array(1_000_000));
  } catch (error) {
    if (!isCode(error, "ENOSPC")) throw error;
  }
}

describe("a server that is away", () => {
  it("gets the report of an update that ended meanwhile, once, even after a restart", async () => {
    offer();
    await bench.start();
    await bench.logged((entry) => entry["state"] === "probation", "probation");
    bench.server.isDown = true;
    await bench.server.broker?.stop();
    await bench.logged((entry) => entry["state"] === "idle", "the end of the update");
    expect((await bench.state()).reports.map(({ phase }) => phase)).toContain("confirmed");
    await bench.stop();
    await bench.start();
    bench.server.isDown = false;
    await bench.reported("confirmed", 1);
    const confirmed = bench.server.reportsOf(Bench.deviceId).filter(({ phase }) => phase === "confirmed");
    expect(confirmed).toHaveLength(1);
    await until("an empty queue", async () =>
      (await bench.state()).reports.length === 0 ? true : undefined,
    );
  });

  it("is asked again later, and the update goes on", async () => {
    offer();
    const model = v1.artifactSha256;
    let outages = 2;
    bench.server.tamper = (sha256, bytes) => {
      if (sha256 === model && outages-- > 0) bench.server.cuts.push(0);
      return bytes;
    };
    await bench.start();
    await bench.reported("confirmed", 1);
    expect(bench.log.filter((entry) => entry["by"] === "downloadFailed")).toHaveLength(2);
  });
});

describe("an offer", () => {
  it("waits for the battery, says so once, and ends when it is withdrawn", async () => {
    bench.server.publish(v1);
    bench.server.offer = bench.server.offerOf(v1, [bench.server.route("full", v1.model)], {
      preconditions: { minBatteryPercent: 50 },
    });
    await bench.start({ preconditionsEveryMs: 20 }, { conditions: { batteryPercent: 20, charging: false } });
    expect(await bench.reported("waiting", 1)).toMatchObject({
      code: "waiting-preconditions",
      detail: "minBatteryPercent",
    });
    bench.server.offer = null;
    expect(await bench.reported("failed", 1)).toMatchObject({ code: "withdrawn" });
    expect(bench.server.reportsOf(Bench.deviceId).filter(({ phase }) => phase === "waiting")).toHaveLength(1);
    expect(bench.server.requests.some((line) => line.includes("/blobs/"))).toBe(false);
  });

  it("waits while a file says that the device must not be interrupted, whoever made that file", async () => {
    const criticalFile = join(bench.folder, "surgery");
    await writeFile(criticalFile, "");
    bench.server.publish(v1);
    bench.server.offer = bench.server.offerOf(v1, [bench.server.route("full", v1.model)], {
      preconditions: { requireNoCriticalTask: true },
    });
    await bench.start({ preconditionsEveryMs: 20 }, { criticalFile, conditions: { timeZone: "Asia/Tokyo" } });
    expect(await bench.reported("waiting", 1)).toMatchObject({ detail: "requireNoCriticalTask" });
    expect(bench.server.polls.at(-1)?.conditions).toMatchObject({
      inCriticalTask: true,
      timeZone: "Asia/Tokyo",
    });
    await rm(criticalFile);
    await bench.reported("confirmed", 1);
  });

  it("waits for the device's own good too, but a way back does not", async () => {
    offer(v1);
    await bench.start();
    await bench.reported("confirmed", 1);
    offer(v2);
    await bench.reported("confirmed", 2);
    await bench.stop();
    const empty = { conditions: { batteryPercent: 8, charging: false } };
    offer(tinyRelease({ sequence: 3 }));
    await bench.start({ preconditionsEveryMs: 20 }, empty);
    expect(await bench.reported("waiting", 3)).toMatchObject({ detail: "ownLowBattery", runningSequence: 2 });
    bench.server.offer = bench.server.offerOf(v1, [], { kind: "rollback", id: "r2:rollback" });
    await bench.logged(
      (entry) => entry["codec"] === "held" && entry["phase"] === "confirmed",
      "the way back",
    );
  });

  it("of an older release during probation puts the trial back", async () => {
    offer(v1);
    await bench.start();
    await bench.reported("confirmed", 1);
    offer(tinyRelease({ sequence: 2, health: { probationS: 600 } }));
    await bench.reported("probation", 2);
    bench.server.offer = bench.server.offerOf(v1, [], { kind: "rollback", id: "r2:rollback" });
    expect(await bench.reported("reverted", 2)).toMatchObject({ code: "withdrawn", runningSequence: 1 });
    await until("polls that tell so", async () =>
      bench.server.polls.at(-1)?.running.sequence === 1 ? true : undefined,
    );
  });
});

describe("a release that takes the process down again and again", () => {
  it("is put back after a few restarts", async () => {
    offer(v1);
    await bench.start();
    await bench.reported("confirmed", 1);
    offer(tinyRelease({ sequence: 2, health: { probationS: 600 } }));
    const isTrial = (entry: LogEntry) => entry["state"] === "probation" && entry["target"] === "2.0.0";
    for (let restart = 0; restart < 3; restart++) {
      const mark = bench.log.length;
      await bench.logged(isTrial, "probation", restart === 0 ? 0 : mark);
      await bench.stop();
      await bench.start({ maxRestarts: 2 });
    }
    expect(await bench.reported("reverted", 2)).toMatchObject({ code: "interrupted", runningSequence: 1 });
  });
});
