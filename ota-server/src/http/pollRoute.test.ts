import { connect } from "node:net";
import { OPERATOR_PATHS, PATHS } from "@mote/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestDevice } from "../testing/device.js";
import { TestBench } from "../testing/server.js";

/** Polls go past the hooks of the other routes: what those do for every answer holds for polls too. */
describe("a poll", () => {
  let bench: TestBench;
  let device: TestDevice;
  beforeAll(async () => {
    bench = await TestBench.start();
    await bench.publishRoot();
    [device] = (await bench.devices(1, "quick")) as [TestDevice];
    // From here on the device has no news.
    await device.poll();
  });
  afterAll(async () => {
    await device.disconnect();
    await bench.close();
  });

  const body = (more: object = {}) =>
    JSON.stringify({
      running: { sequence: 0, artifactSha256: null },
      held: [],
      floor: 0,
      codecs: ["full", "tensor", "bsdiff"],
      agentVersion: "test",
      batteryPercent: 80,
      freeBytes: 1_000_000,
      ...more,
    });

  const post = (text: string, authorization = `Bearer ${device.token}`) =>
    fetch(`${bench.server.url}${PATHS.poll(device.id)}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization },
      body: text,
    });

  /** Polls that Prometheus has seen come to a status. */
  async function counted(status: number): Promise<number> {
    const headers = { authorization: `Bearer ${bench.token}` };
    const text = await (await fetch(`${bench.server.url}${OPERATOR_PATHS.metrics}`, { headers })).text();
    const labels = `method="POST",route="${PATHS.poll(":id")}",status="${status}"`;
    const line = text.split("\n").find((one) => one.startsWith(`mote_http_request_seconds_count{${labels}}`));
    return Number(line?.split(" ").at(-1) ?? 0);
  }

  test.each([
    ["without news", () => post(body()), 200],
    ["with news", () => post(body({ agentVersion: "newer" })), 200],
    ["that breaks the contract", () => post(body({ floor: "low" })), 400],
    ["that is no JSON", () => post("{"), 400],
    ["without a token", () => post(body(), ""), 401],
    ["with a token that is not introduced as one", () => post(body(), device.token), 401],
    ["with a token of another making", () => post(body(), `Bearer ${device.token}x`), 401],
  ])("%s bears the common headers and is counted once", async (_what, send, status) => {
    const before = await counted(status);
    const answer = await send();
    expect(answer.status).toBe(status);
    expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}-\d+$/);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
    const text = await answer.text();
    expect(Number(answer.headers.get("content-length"))).toBe(text.length);
    expect(JSON.parse(text)).toHaveProperty(status === 200 ? "offer" : "requestId");
    expect(await counted(status)).toBe(before + 1);
  });

  test("that comes in one breath with others is answered in its turn", async () => {
    const { hostname, port } = new URL(bench.server.url);
    const request = (text: string, at: number) =>
      [
        `POST ${PATHS.poll(device.id)} HTTP/1.1`,
        "host: x",
        "content-type: application/json",
        `authorization: Bearer ${device.token}`,
        `content-length: ${text.length}`,
        `connection: ${at === texts.length - 1 ? "close" : "keep-alive"}`,
        ...["", text],
      ].join("\r\n");
    const texts = [
      body(),
      body({ agentVersion: "again" }),
      body({ agentVersion: "again" }),
      body({ floor: "low" }),
      body(),
    ];
    const socket = connect(Number(port), hostname);
    socket.write(texts.map(request).join(""));
    let received = "";
    for await (const chunk of socket) received += String(chunk);
    const statuses = [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
    expect(statuses).toEqual([200, 200, 200, 400, 200]);
    const ids = [...received.matchAll(/x-request-id: .*-(\d+)/g)].map(([, count]) => Number(count));
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  });
});
