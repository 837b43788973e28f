import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { encodeFrame, encodeReportBatch, topics } from "@mote/protocol";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestDevice } from "../testing/device.js";
import { TestBench } from "../testing/server.js";
import { MQTT_LIMITS } from "./broker.js";

const RUNS = process.env["MOTE_FULL"] === undefined ? 60 : 3000;

/** What a broken radio, a broken device or an attacker with a device's own token may send. */
describe("the broker under hostile payloads", () => {
  let bench: TestBench;
  let hostile: TestDevice;
  let honest: TestDevice;
  let honestWindows = 0;

  beforeAll(async () => {
    bench = await TestBench.start();
    [hostile, honest] = (await bench.devices(2, "fuzz")) as [TestDevice, TestDevice];
  });
  afterAll(async () => {
    await hostile.disconnect(true);
    await honest.disconnect(true);
    await bench.close();
  });

  /** Publishes as the hostile device, back on a new connection when it was thrown out. */
  async function send(topic: string, payload: Uint8Array): Promise<void> {
    if (!hostile.isConnected) {
      await hostile.disconnect(true);
      await hostile.connect();
    }
    const closed = hostile.closed();
    await Promise.race([hostile.publish(topic, payload).catch(() => undefined), closed.promise]);
    closed.forget();
  }

  /** A well-behaved device next door is served and counted as if nothing were. */
  async function expectUnharmed(): Promise<void> {
    await honest.sendWindow({ confidence: 0.9, accuracy: 1 });
    honestWindows++;
    const { telemetry } = await bench.operator.device(honest.id);
    expect(telemetry.reduce((sum, one) => sum + one.windows, 0)).toBe(honestWindows);
  }

  const frame = () => encodeFrame(hostile.frame({ confidence: 0.7, accuracy: 0.9 }));
  const offer = { id: "r1-000000:update", sequence: 1 };
  const report = () => {
    const base = {
      kind: "update" as const,
      name: "digits",
      version: "1.0.0",
      target: "t",
      routes: [],
      preconditions: {},
    };
    return encodeReportBatch([hostile.report({ ...offer, ...base }, "confirmed")]);
  };

  it(`survives ${RUNS} frames and reports with flipped bits, missing and added bytes`, {
    timeout: 600_000,
  }, async () => {
    const damage = fc.record({
      isReport: fc.boolean(),
      flips: fc.array(fc.nat(), { maxLength: 8 }),
      cut: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: null }),
      more: fc.uint8Array({ maxLength: 64 }),
    });
    await fc.assert(
      fc.asyncProperty(damage, async ({ isReport, flips, cut, more }) => {
        const whole = isReport ? report() : frame();
        const kept = cut === null ? whole : whole.subarray(0, Math.floor(cut * whole.length));
        const bytes = new Uint8Array([...kept, ...more]);
        for (const at of flips) if (bytes.length > 0) bytes[(at >> 3) % bytes.length]! ^= 1 << (at & 7);
        await send((isReport ? topics.report : topics.telemetry)(hostile.id), bytes);
      }),
      { numRuns: RUNS },
    );
    await expectUnharmed();
  });

  it("throws out who publishes elsewhere, by whatever name, and stores nothing of it", {
    timeout: 600_000,
  }, async () => {
    const segment = fc.constantFrom(
      honest.id,
      hostile.id,
      "mote",
      "v1",
      "devices",
      "telemetry",
      "report",
      "$SYS",
      "",
      "..",
      "a".repeat(300),
    );
    const topic = fc.array(segment, { minLength: 1, maxLength: 7 }).map((parts) => parts.join("/"));
    const own = new Set([topics.telemetry(hostile.id), topics.report(hostile.id)]);
    await fc.assert(
      fc.asyncProperty(topic, async (name) => {
        fc.pre(!own.has(name) && name !== "");
        await send(name, frame());
      }),
      { numRuns: Math.ceil(RUNS / 6) },
    );
    const forged = encodeFrame({ ...honest.frame({ confidence: 0.1, accuracy: 0 }), sequence: 1_000_000 });
    await send(topics.telemetry(honest.id), forged);
    await expectUnharmed();
  });

  it("throws out who sends more than any message of ours holds", async () => {
    await send(topics.report(hostile.id), new Uint8Array(MQTT_LIMITS.payloadMaxBytes + 1));
    await expectUnharmed();
  });

  for (const [what, type] of [
    ["a sign-in", 0x10],
    ["a message", 0x30],
  ] as const) {
    it(`closes connections that announce ${what} of 256 MB, before it is there`, {
      timeout: 60_000,
    }, async () => {
      const { hostname, port } = new URL(bench.server.mqttUrl);
      const socket = connect(Number(port), hostname);
      const isClosed = new Promise<boolean>((resolve) => {
        socket.on("error", () => undefined).on("close", () => resolve(true));
      });
      socket.write(Uint8Array.of(type, 0xff, 0xff, 0xff, 0x7f));
      // As fast as it is taken; what lies in the network's own buffers counts as sent.
      const chunk = new Uint8Array(64 * 1024);
      const more = () => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on("drain", more);
      more();
      expect(await isClosed).toBe(true);
      expect(socket.bytesWritten).toBeLessThan(32 * 1024 * 1024);
      await expectUnharmed();
    });
  }

  it("closes connections that speak no MQTT, and goes on", { timeout: 60_000 }, async () => {
    const { hostname, port } = new URL(bench.server.mqttUrl);
    const noise = (bytes: Uint8Array) =>
      new Promise<void>((resolve) => {
        const socket = connect(Number(port), hostname, () => socket.end(Buffer.from(bytes)));
        socket.on("error", () => undefined).on("close", () => resolve());
      });
    const starts = [[0x10], [0x10, 0xff, 0xff, 0xff, 0x7f], [0x30, 0x02, 0x00, 0x00], [0xf0], [0x00]];
    for (const start of starts) await noise(new Uint8Array([...start, ...randomBytes(200)]));
    await Promise.all(Array.from({ length: 50 }, () => noise(new Uint8Array(randomBytes(500)))));
    await expectUnharmed();
  });
});
