import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestRepository } from "@mote/protocol/node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { LogEntry } from "../device-agent/src/core/ports.js";
import { runAgent } from "../device-agent/src/node/assemble.js";
import { diagnose } from "../device-agent/src/node/diagnose.js";
import { enroll } from "../device-agent/src/node/enroll.js";
import { startInferenceEngine, type WorkerEngine } from "../device-agent/src/node/inference-engine.js";
import { openRecording } from "../device-agent/src/node/recording.js";
import { recordingOf } from "../device-agent/src/testing/bench.js";
import { tinyModel, tinyWeights } from "../device-agent/src/testing/tiny-model.js";
import {
  HARDWARE,
  PRODUCT,
  type TinyRelease,
  tinyRelease,
} from "../device-agent/src/testing/tiny-release.js";
import { isInstalled, RealBroker } from "../ota-server/src/testing/brokers.js";
import { eventually, TestBench } from "../ota-server/src/testing/server.js";
import { publishTiny, rollOutTiny } from "./agents.js";

/**
 * A device that can reach nothing but the server's MQTT port, through a link that breaks and damages what it carries: it
 * enrols, updates by patch, resumes, reports and confirms, all over MQTT. Real server, real agent, real broker.
 */

const ID = "mqtt-only";
const NOISE_BYTES = 300_000;

let engine: WorkerEngine;
let bench: TestBench;
let link: BadLink;
let folder: string;
let log: LogEntry[] = [];
let stop = new AbortController();
let running: Promise<void> = Promise.resolve();

beforeAll(() => {
  engine = startInferenceEngine();
});
afterAll(() => engine.stop());
beforeEach(async () => {
  bench = await TestBench.start();
  folder = mkdtempSync(join(tmpdir(), "mote-mqtt-alone-"));
  writeFileSync(join(folder, "root.json"), await bench.publishRoot());
  writeFileSync(join(folder, "sensor.npz"), recordingOf(40));
  link = await BadLink.open(Number(new URL(bench.server.mqttUrl).port));
  await enrolAt(link.url);
});
afterEach(async () => {
  stop.abort();
  await running;
  await link.close();
  await bench.close();
  rmSync(folder, { recursive: true });
});

async function enrolAt(serverUrl: string): Promise<void> {
  const { tokens } = await bench.operator.createEnrolmentTokens({ product: PRODUCT, count: 1 });
  await enroll({
    folder: join(folder, "state"),
    serverUrl,
    token: tokens[0]!.token,
    rootFile: join(folder, "root.json"),
    deviceId: ID,
    hardware: HARDWARE,
    tags: {},
  });
}

async function startAgent(transport?: "mqtt"): Promise<void> {
  log = [];
  stop = new AbortController();
  const recording = await openRecording(join(folder, "sensor.npz"));
  running = runAgent(
    {
      folder: join(folder, "state"),
      engine,
      sensor: recording.sensor(0),
      log: (entry) => log.push(entry),
      settings: { rateHz: 100, windowMs: 500, retryFirstMs: 50, retryMaxMs: 500 },
      ...(transport === undefined ? {} : { transport }),
    },
    stop.signal,
  );
  running.catch(() => undefined);
}

/** A model with a comment of so many bytes, so that it takes a while to come. */
function paddedRelease(sequence: number, comment: Uint8Array): TinyRelease {
  const model = tinyModel(tinyWeights(0.1 + sequence / 100));
  // Field 6 of ModelProto: doc_string.
  const head = [6 * 8 + 2];
  for (let rest = comment.length; ; rest = Math.floor(rest / 128)) {
    head.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return tinyRelease({
    sequence,
    strength: 0.1 + sequence / 100,
    model: Buffer.concat([model, Buffer.from(head), comment]),
  });
}

function noise(bytes: number): Buffer {
  return Buffer.from(
    randomBytes(Math.ceil((bytes * 3) / 4))
      .toString("base64")
      .slice(0, bytes),
  );
}

const confirmed = (sequence: number) =>
  eventually(
    async () => {
      const { reports } = await bench.operator.device(ID);
      const found = reports.find(
        ({ report }) => report.phase === "confirmed" && report.targetSequence === sequence,
      );
      return found?.report ?? null;
    },
    `a report that ${sequence} is confirmed; the agent's last words: ${JSON.stringify(log.slice(-12))}`,
  );

it("takes updates by patch over a connection that is cut in mid-download and goes on where it was", async () => {
  const comment = noise(NOISE_BYTES);
  const [first, second] = [paddedRelease(1, comment), paddedRelease(2, changed(comment, 150_000))];
  await publishTiny(bench, [first!, second!]);
  await startAgent();
  await rollOutTiny(bench, "1.0.0");
  const whole = await confirmed(1);
  expect(whole.codec).toBe("full");

  // The half that changed can't be had for less than its bytes; the link breaks twice on the way.
  link.cutAfterBytes = [60_000, 50_000];
  link.bytes = 0;
  await rollOutTiny(bench, "2.0.0");
  const patched = await confirmed(2);
  expect(patched.codec).not.toBe("full");
  expect(link.cutAfterBytes).toEqual([]);
  expect(log.filter(({ event }) => event === "disconnected").length).toBe(2);
  const patchBytes = patched.downloadedBytes;
  expect(patchBytes).toBeGreaterThan(110_000);
  // What was lost with the two connections is at most a window of chunks each, the rest came once.
  expect(link.bytes).toBeLessThan(patchBytes + 2 * 8 * 16_384 + 60_000);

  await eventually(async () => {
    const { device, telemetry } = await bench.operator.device(ID);
    return device.online && telemetry.some(({ releaseSequence }) => releaseSequence === 2);
  }, "telemetry of the second release");
  // The device has no other way to the server than the link.
  const identity = readFileSync(join(folder, "state", "identity.json"), "utf8");
  expect(identity).not.toContain("http");
  expect(identity).toContain(link.url);
}, 120_000);

it("refuses a damaged chunk, takes another route, and confirms", async () => {
  const comment = noise(NOISE_BYTES);
  const releases = [paddedRelease(1, comment), paddedRelease(2, changed(comment, 100_000))];
  await publishTiny(bench, releases);
  await startAgent();
  await rollOutTiny(bench, "1.0.0");
  await confirmed(1);
  // Of what changed: it is in the patch or the whole, wherever that comes from.
  link.damage = 50_000;
  link.bytes = 0;
  await rollOutTiny(bench, "2.0.0");
  await confirmed(2);
  expect(link.damage).toBeNull();
  expect(log.some(({ event }) => event === "route-failed")).toBe(true);
  const held = readFileSync(join(folder, "state", "state.json"), "utf8");
  expect(held).toContain(releases[1]!.artifactSha256);
}, 120_000);

it("refuses to enrol at a server of another fleet, and keeps nothing of it", async () => {
  const strange = join(folder, "strange.json");
  writeFileSync(strange, new TestRepository().files.get("1.root.json")!);
  const { tokens } = await bench.operator.createEnrolmentTokens({ product: PRODUCT, count: 1 });
  const state = join(folder, "lost");
  const enrolment = { folder: state, serverUrl: link.url, deviceId: "lost", hardware: HARDWARE, tags: {} };
  const trying = enroll({ ...enrolment, token: tokens[0]!.token, rootFile: strange });
  await expect(trying).rejects.toThrow(/whose root 1 is another one/);
  expect(readdirSync(state)).toEqual([]);
});

it("is diagnosed over MQTT, beside the running agent and without it", async () => {
  await publishTiny(bench, [paddedRelease(1, noise(1000))]);
  await startAgent();
  await rollOutTiny(bench, "1.0.0");
  await confirmed(1);
  const verdicts = async () =>
    Object.fromEntries(
      (await diagnose(join(folder, "state"))).map(({ name, verdict, detail }) => [
        name,
        `${verdict}: ${detail}`,
      ]),
    );
  const beside = await verdicts();
  expect(beside["server"]).toMatch(/^ok/);
  expect(beside["trust"]).toMatch(/^ok/);
  expect(beside["identity"]).toMatch(/^ok/);
  stop.abort();
  await running;
  const alone = await verdicts();
  expect(alone["broker"]).toMatch(/^ok/);
  await bench.operator.revokeDevice(ID);
  expect((await verdicts())["identity"]).toMatch(/^failed/);
}, 120_000);

it("is thrown out when it is revoked, and does not come back", async () => {
  await startAgent();
  await eventually(async () => (await bench.operator.device(ID)).device.online, "the device to be online");
  // The server knows of the connection before the agent does; one that ends in between is a connection that failed.
  await eventually(async () => log.some(({ event }) => event === "connected"), "the agent to be connected");
  await bench.operator.revokeDevice(ID);
  await eventually(
    async () => log.some(({ event }) => event === "disconnected"),
    "the end of the connection",
  );
  await eventually(async () => log.some(({ event }) => event === "connect-failed"), "a refusal");
  expect((await bench.operator.device(ID)).device.online).toBe(false);
}, 300_000);

for (const { program, open } of [
  { program: "mosquitto", open: RealBroker.mosquitto },
  { program: "nats-server", open: RealBroker.nats },
]) {
  it.skipIf(!isInstalled(program))(
    `takes updates over ${program} as the broker, whose restart it lives through`,
    async () => {
      await bench.close();
      rmSync(join(folder, "state"), { recursive: true });
      const broker = await open(join(folder, "broker"));
      bench = await TestBench.start(broker.settings);
      try {
        writeFileSync(join(folder, "root.json"), await bench.publishRoot());
        await enrolAt(bench.server.url);
        const comment = noise(NOISE_BYTES);
        await publishTiny(bench, [paddedRelease(1, comment), paddedRelease(2, changed(comment, 100_000))]);
        await startAgent("mqtt");
        await rollOutTiny(bench, "1.0.0");
        await confirmed(1);
        await broker.stop("SIGKILL");
        await eventually(
          async () => log.some(({ event }) => event === "disconnected"),
          "the loss of the broker",
        );
        await broker.start();
        await rollOutTiny(bench, "2.0.0");
        expect((await confirmed(2)).codec).not.toBe("full");
        await eventually(async () => {
          const { device, telemetry } = await bench.operator.device(ID);
          return device.online && telemetry.some(({ releaseSequence }) => releaseSequence === 2);
        }, "presence, and telemetry of the second release");
      } finally {
        stop.abort();
        await running;
        await broker.stop();
      }
    },
    180_000,
  );
}

/** The bytes of `size` of them in the middle replaced. */
function changed(comment: Buffer, size: number): Buffer {
  const at = (comment.length - size) >> 1;
  return Buffer.concat([comment.subarray(0, at), noise(size), comment.subarray(at + size)]);
}

/** A TCP link that a test can cut, and damage. */
class BadLink {
  /** Bytes towards the device. */
  bytes = 0;
  /** Bytes towards the device after which the link is cut, once per entry. */
  cutAfterBytes: number[] = [];
  /** A bit of this byte towards the device is flipped once. */
  damage: number | null = null;
  readonly #sockets = new Set<Socket>();
  #sinceCut = 0;

  private constructor(
    private readonly server: Server,
    private readonly port: number,
  ) {}

  static async open(targetPort: number): Promise<BadLink> {
    const server = createServer((near) => link.#join(near, dial(targetPort, "127.0.0.1")));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const link = new BadLink(server, (server.address() as AddressInfo).port);
    return link;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  #join(near: Socket, far: Socket): void {
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.on("data", (data: Buffer) => {
      this.bytes += data.length;
      this.#sinceCut += data.length;
      if (this.damage !== null && this.bytes > this.damage && data.length > 8_000) {
        // In the midst of a chunk, where no message begins.
        data[4_000] = data[4_000]! ^ 0x10;
        this.damage = null;
      }
      const cut = this.cutAfterBytes[0];
      if (cut !== undefined && this.#sinceCut > cut) {
        this.cutAfterBytes.shift();
        this.#sinceCut = 0;
        near.destroy();
        return;
      }
      near.write(data);
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
