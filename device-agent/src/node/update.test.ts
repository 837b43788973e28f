import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeTensorPatch, type Route } from "@mote/protocol";
import { nodeSha256, TestRepository } from "@mote/protocol/node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Bench } from "../testing/bench.js";
import { digestOf, tinyRelease } from "../testing/tiny-release.js";
import { startInferenceEngine, type WorkerEngine } from "./inference-engine.js";

/** Whole updates: a real agent, real HTTP, real signatures, real inference, a real disk. */

let engine: WorkerEngine;
let bench: Bench;
beforeAll(() => {
  engine = startInferenceEngine();
});
afterAll(() => engine.stop());
beforeEach(async () => {
  bench = await Bench.open(engine);
});
afterEach(() => bench.close());

const v1 = tinyRelease({ sequence: 1 });
const v2 = tinyRelease({ sequence: 2 });

async function install(release = v1): Promise<void> {
  bench.server.publish(release);
  bench.server.offerWhole(release);
  await bench.reported("confirmed", release.manifest.sequence);
}

describe("an update", () => {
  it("goes from offer to confirmed, and inference runs on it", async () => {
    await bench.start();
    await install();
    const report = await bench.reported("confirmed", 1);
    expect(report).toMatchObject({
      code: "ok",
      codec: "full",
      runningSequence: 1,
      downloadedBytes: v1.model.length,
    });
    const states = bench.log.filter(({ event }) => event === "state").map(({ state }) => state);
    expect(states).toEqual([
      "waiting",
      "verifying",
      "downloading",
      "applying",
      "trying",
      "probation",
      "confirming",
      "idle",
    ]);
    expect((await bench.state()).confirmed).not.toBeNull();
  });

  it("takes the smallest route first and reports its codec and bytes", async () => {
    await bench.start();
    await install();
    bench.server.publish(v2);
    const patch = makeTensorPatch(v1.model, v2.model, { sha256: nodeSha256 });
    const routes: Route[] = [
      bench.server.route("tensor", patch, v1.artifactSha256),
      bench.server.route("full", v2.model),
    ];
    bench.server.offer = bench.server.offerOf(v2, routes);
    const report = await bench.reported("confirmed", 2);
    expect(report).toMatchObject({ codec: "tensor", downloadedBytes: patch.length });
    expect(patch.length).toBeLessThan(v2.model.length);
  });

  it("goes on with the next route when a patch came damaged", async () => {
    await bench.start();
    await install();
    bench.server.publish(v2);
    const patch = makeTensorPatch(v1.model, v2.model, { sha256: nodeSha256 });
    const damaged = digestOf(patch);
    bench.server.tamper = (sha256, bytes) => {
      if (sha256 !== damaged) return bytes;
      const out = bytes.slice();
      out[out.length - 1]! ^= 1;
      return out;
    };
    bench.server.offer = bench.server.offerOf(v2, [
      bench.server.route("tensor", patch, v1.artifactSha256),
      bench.server.route("full", v2.model),
    ]);
    expect(await bench.reported("confirmed", 2)).toMatchObject({ codec: "full" });
    expect(bench.log.find(({ event }) => event === "route-failed")).toMatchObject({ codec: "tensor" });
  });

  it("goes on with the next route when a whole patch makes other bytes than were signed", async () => {
    await bench.start();
    await install();
    bench.server.publish(v2);
    const other = tinyRelease({ sequence: 9 });
    const patch = makeTensorPatch(v1.model, other.model, { sha256: nodeSha256 });
    bench.server.offer = bench.server.offerOf(v2, [
      bench.server.route("tensor", patch, v1.artifactSha256),
      bench.server.route("full", v2.model),
    ]);
    expect(await bench.reported("confirmed", 2)).toMatchObject({ codec: "full" });
  });

  it("fetches the golden inputs again only where it has them no more, or not as they were", async () => {
    await bench.start();
    await install(v1);
    const { inputs } = v1.manifest.variants[0]!.golden;
    const fetched = () =>
      bench.server.requests.filter((line) => line === `GET /blobs/${inputs.sha256}`).length;
    await install(v2);
    expect(v2.manifest.variants[0]!.golden.inputs).toEqual(inputs);
    expect(fetched()).toBe(1);

    const held = join(bench.stateDir, "blobs", inputs.sha256);
    await writeFile(held, new Uint8Array(inputs.length));
    await install(tinyRelease({ sequence: 3 }));
    expect(fetched()).toBe(2);
    expect(digestOf(new Uint8Array(await readFile(held)))).toBe(inputs.sha256);

    await rm(held);
    await install(tinyRelease({ sequence: 4 }));
    expect(fetched()).toBe(3);
  });

  it("resumes a download that was cut, by Range", async () => {
    bench.server.publish(v1);
    bench.server.offerWhole(v1);
    // The manifest comes first, then the golden vectors, then the model; the model is cut twice.
    const whole = (sha256: string) =>
      bench.server.requests.filter((line) => line === `GET /blobs/${sha256}`).length;
    let asked = 0;
    bench.server.tamper = (sha256, bytes) => {
      if (sha256 === v1.artifactSha256 && ++asked <= 2) bench.server.cuts.push(300);
      return bytes;
    };
    await bench.start();
    const report = await bench.reported("confirmed", 1);
    expect(whole(v1.artifactSha256)).toBe(3);
    expect(report.downloadedBytes).toBe(v1.model.length);
  });

  it("rolls back to the held release without downloading anything", async () => {
    await bench.start();
    await install(v1);
    await install(v2);
    const before = bench.server.requests.filter((line) => line.startsWith("GET /blobs/")).length;
    bench.server.offer = bench.server.offerOf(v1, [], { kind: "rollback", id: "r2:rollback" });
    const report = await bench.reported("confirmed", 1).then(() => bench.server.reportsOf(Bench.deviceId));
    const last = await bench.logged(
      (entry) => entry.event === "report" && entry["codec"] === "held",
      "a report of the held release",
    );
    expect(last).toMatchObject({ targetSequence: 1, downloadedBytes: 0 });
    expect(report.length).toBeGreaterThan(0);
    await bench.logged((entry) => entry.event === "serving" && entry["sequence"] === 1, "v1 to serve", 20);
    expect(bench.server.requests.filter((line) => line.startsWith("GET /blobs/")).length).toBe(before);
  });
});

describe("an update that must not be", () => {
  it("is refused when another key signed it", async () => {
    await bench.start();
    await install();
    const thief = new TestRepository();
    thief.nowMs = bench.server.repository.nowMs;
    bench.server.publish(v2);
    for (const [file, bytes] of bench.server.repository.files) {
      if (!file.includes("root")) bench.server.repository.files.set(file, thief.files.get(file) ?? bytes);
    }
    bench.server.repository.files.set("timestamp.json", thief.files.get("timestamp.json")!);
    bench.server.offerWhole(v2);
    expect(await bench.reported("refused", 2)).toMatchObject({
      code: "signature-invalid",
      runningSequence: 1,
    });
  });

  it("is refused below the signed floor", async () => {
    await bench.start();
    await install(v2);
    bench.server.repository.floors = { tiny: 2 };
    bench.server.publish(v1);
    bench.server.offerWhole(v1);
    expect(await bench.reported("refused", 1)).toMatchObject({ code: "below-floor", runningSequence: 2 });
    await bench.logged(() => bench.server.polls.at(-1)?.floor === 2, "a poll that tells the floor");
  });

  it("is refused on other hardware", async () => {
    const foreign = tinyRelease({ sequence: 3, hardware: "elsewhere" });
    bench.server.publish(foreign);
    bench.server.offerWhole(foreign);
    await bench.start();
    expect(await bench.reported("refused", 3)).toMatchObject({ code: "wrong-hardware", runningSequence: 0 });
  });

  it("is refused when one byte of the manifest was flipped", async () => {
    bench.server.publish(v1);
    bench.server.offerWhole(v1);
    const manifest = digestOf(v1.manifestBytes);
    bench.server.tamper = (sha256, bytes) => {
      const out = bytes.slice();
      if (sha256 === manifest) out[100]! ^= 1;
      return out;
    };
    await bench.start();
    expect(await bench.reported("refused", 1)).toMatchObject({ code: "digest-mismatch" });
  });

  it("fails when every route is damaged, and nothing is left of it", async () => {
    bench.server.publish(v1);
    bench.server.offerWhole(v1);
    bench.server.tamper = (sha256, bytes) => {
      const out = bytes.slice();
      if (sha256 === v1.artifactSha256) out[10]! ^= 1;
      return out;
    };
    await bench.start();
    expect(await bench.reported("failed", 1)).toMatchObject({ code: "download-failed", runningSequence: 0 });
    expect((await bench.state()).slots).toEqual({ a: null, b: null });
  });

  it.each([
    "inputs",
    "outputs",
  ] as const)("is refused with other golden %s than were signed", async (part) => {
    await bench.start();
    bench.server.publish(v1);
    bench.server.offerWhole(v1);
    const { sha256: changed } = v1.manifest.variants[0]!.golden[part];
    bench.server.tamper = (sha256, bytes) => {
      const out = bytes.slice();
      if (sha256 === changed) out[3]! ^= 1;
      return out;
    };
    expect(await bench.reported("refused", 1)).toMatchObject({ code: "digest-mismatch", runningSequence: 0 });
    expect((await bench.state()).slots).toEqual({ a: null, b: null });
  });

  it("is put back when it does not pass its golden vectors", async () => {
    await bench.start();
    await install();
    const wrong = tinyRelease({ sequence: 4, wrongGolden: true });
    bench.server.publish(wrong);
    bench.server.offerWhole(wrong);
    expect(await bench.reported("reverted", 4)).toMatchObject({ code: "golden-failed", runningSequence: 1 });
  });

  it("is put back when its bytes are no model at all", async () => {
    await bench.start();
    await install();
    const noModel = tinyRelease({ sequence: 5, model: new Uint8Array(500).fill(7) });
    bench.server.publish(noModel);
    bench.server.offerWhole(noModel);
    expect(await bench.reported("reverted", 5)).toMatchObject({ code: "golden-failed", runningSequence: 1 });
  });

  it("is put back when it is too slow for its own criteria", async () => {
    await bench.start();
    await install();
    const slow = tinyRelease({ sequence: 6, health: { maxLatencyUs: 1, probationInferences: 20 } });
    bench.server.publish(slow);
    bench.server.offerWhole(slow);
    expect(await bench.reported("reverted", 6)).toMatchObject({
      code: "unhealthy-latency",
      runningSequence: 1,
    });
  });
});
