import { connect, type Socket } from "node:net";
import { DEFAULT_GATES } from "@mote/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestDevice } from "../testing/device.js";
import { makeRelease } from "../testing/release.js";
import { eventually, TestBench } from "../testing/server.js";
import { HTTP_LIMITS } from "./app.js";

/** Waiting until slow clients are cut off takes longer than a quick run may. */
const isFull = process.env["MOTE_FULL"] !== undefined;
const DAY_MS = 86_400_000;

/** Slow, endless, contradictory and lying: the server answers or closes, and goes on serving everybody else. */
describe("hostile clients of the HTTP doors", () => {
  let bench: TestBench;
  beforeAll(async () => {
    bench = await TestBench.start();
    await bench.publishRoot();
  });
  afterAll(() => bench.close());

  async function open(text: string): Promise<Socket> {
    const { hostname, port } = new URL(bench.server.url);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => undefined);
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    socket.write(text);
    return socket;
  }

  /** All that the server sends until it closes. */
  function answerOf(socket: Socket): Promise<string> {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    return new Promise((resolve) => socket.once("close", () => resolve(text)));
  }

  it("that never finish their headers hold up nobody, and (MOTE_FULL) are cut off", {
    timeout: 60_000,
  }, async () => {
    const head = "POST /api/v1/enroll HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    const slow = await Promise.all(Array.from({ length: 300 }, () => open(head)));
    const [device] = await bench.devices(1, "beside");
    expect(await device!.poll()).toBeNull();
    await device!.disconnect();
    if (!isFull) {
      for (const socket of slow) socket.destroy();
      return;
    }
    const answers = await Promise.all(slow.map(answerOf));
    expect(answers.every((answer) => answer === "" || answer.startsWith("HTTP/1.1 408"))).toBe(true);
  });

  it("that announce or send endless bodies are refused before the bytes are kept", async () => {
    const head = "POST /api/v1/enroll HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    const announced = await open(`${head}Content-Length: 99999999999\r\n\r\n{`);
    expect(await answerOf(announced)).toMatch(/^HTTP\/1\.1 413/);
    const chunked = await open(`${head}Transfer-Encoding: chunked\r\n\r\n`);
    const answer = answerOf(chunked);
    const chunk = `10000\r\n${" ".repeat(65_536)}\r\n`;
    for (let sent = 0; sent < 4 * HTTP_LIMITS.bodyMaxBytes && !chunked.destroyed; sent += 65_536) {
      chunked.write(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await answer).toMatch(/^(HTTP\/1\.1 413|$)/);
  });

  it("that nest, repeat or smuggle are refused in words", async () => {
    const post = (body: string) =>
      fetch(`${bench.server.url}/api/v1/enroll`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
    const nested = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    // Brackets within strings are no nesting, whatever stands before their quotes.
    const quoted = JSON.stringify({ token: `${"[".repeat(200)}\\"${"{".repeat(200)}` });
    expect(await (await post(quoted)).text()).not.toMatch(/nesting/);
    for (const body of [nested, '{"__proto__":{"admin":true}}', '{"token":1,"token":2}', "\u0000", "nul"]) {
      const answer = await post(body);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ requestId: expect.any(String) });
    }
    const smuggled = await open(
      "POST /api/v1/enroll HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    expect(await answerOf(smuggled)).toMatch(/^HTTP\/1\.1 400/);
  });

  it("that lie about their version get nothing by it, and disturb nobody's rollout", async () => {
    const release = makeRelease(1);
    await bench.signers.publish(bench.operator, [release], bench.now());
    const [liar, honest] = (await bench.devices(2, "liar")) as [TestDevice, TestDevice];
    liar.sequence = Number.MAX_SAFE_INTEGER;
    liar.artifact = "ff".repeat(32);
    expect(await liar.poll()).toBeNull();
    expect(await honest.poll()).toBeNull();
    expect((await bench.operator.device(liar.id)).device).toMatchObject({ runningVersion: null });
    const { id } = await bench.operator.createRollout({
      product: "digits",
      version: release.manifest.version,
      query: { deviceIds: [liar.id, honest.id] },
      waves: [{ name: "all", share: 1, soakS: 0 }],
      gates: { ...DEFAULT_GATES, telemetry: [], minConfirmedShare: 1, maxFailureShare: 0 },
      onFailure: "hold",
      preconditions: {},
      approvals: 0,
    });
    const offer = await eventually(() => honest.poll(), "the offer");
    // Reports about an offer that it never had, for itself and in the honest one's name.
    const lie = { ...liar.report(offer, "confirmed"), runningSequence: 1, targetSequence: 1 };
    await liar.client.reports(liar.id, liar.token, [lie]);
    await expect(honest.client.reports(honest.id, liar.token, [lie])).rejects.toThrow(/401/);
    expect((await bench.operator.rollout(id)).waves[0]).toMatchObject({ confirmed: 0, failed: 0 });
    honest.sequence = 1;
    await honest.client.reports(honest.id, honest.token, [honest.report(offer, "confirmed")]);
    await eventually(async () => (await bench.operator.rollout(id)).state === "completed", "the end");
    for (const device of [liar, honest]) await device.disconnect();
  });

  it("that send one report twice in one breath are counted once", async () => {
    const [device] = (await bench.devices(1, "twice")) as [TestDevice];
    const base = { kind: "update" as const, name: "digits", target: "t", routes: [], preconditions: {} };
    const report = device.report({ ...base, id: "r0:update", version: "1.0.0", sequence: 1 }, "downloading");
    const accepted = await device.client.reports(device.id, device.token, [report, report]);
    expect(accepted).toEqual([report.id, report.id]);
    expect((await bench.operator.device(device.id)).reports).toHaveLength(1);
    await device.disconnect();
  });

  it("with the id of another device come in only with that device's key", async () => {
    const [device] = (await bench.devices(1, "double")) as [TestDevice];
    const { tokens } = await bench.operator.createEnrolmentTokens({ product: "other" });
    const double = new TestDevice(device.id, bench.server.url);
    await expect(double.enroll(tokens[0]!.token)).rejects.toThrow(/another product/);
    await expect(double.signIn()).rejects.toThrow(/401/);
    expect(await device.poll()).not.toBeUndefined();
    await device.disconnect();
  });

  it("find the server unshaken by its own clock, years ahead and years back", async () => {
    const [device] = (await bench.devices(1, "clock")) as [TestDevice];
    for (const jumpMs of [400 * DAY_MS, -800 * DAY_MS, 400 * DAY_MS]) {
      bench.aheadMs += jumpMs;
      await device.signIn();
      await device.poll();
      await device.sendWindow({ confidence: 0.9, accuracy: 1 });
      await bench.operator.rollouts();
    }
    const { telemetry } = await bench.operator.device(device.id);
    expect(telemetry.reduce((sum, one) => sum + one.windows, 0)).toBe(3);
    expect((await bench.operator.audit()).brokenAt).toBeNull();
    await device.disconnect();
  });
});
