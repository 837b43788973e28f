import { createDeviceClient, encodeFrame, encodeReportBatch, type TelemetryFrame } from "@mote/protocol";
import { expect, it } from "vitest";
import { ConfirmedLink } from "./confirmed-link.js";
import type { Clock, MessageLink } from "./ports.js";
import { Session } from "./session.js";

const clock: Clock = { wallMs: () => 0, monotonicMs: () => 0, sleep: async () => {} };
const key = { publicKey: "0".repeat(64), sign: () => new Uint8Array(64) };

function bench(broker: { password: string } | undefined) {
  const published: string[] = [];
  const requests: { path: string; body: { frames?: string[]; reports?: unknown[] } }[] = [];
  const state = { isDown: false };
  const fetch = async (url: string, init?: { body?: string }) => {
    const path = new URL(url).pathname;
    if (state.isDown) throw new Error("no answer");
    const body = JSON.parse(init?.body ?? "{}");
    if (path.endsWith("/nonce")) return answer({ nonce: "7".repeat(64) });
    if (path.endsWith("/session")) return answer({ token: "t", expiresInS: 3600, ...(broker && { broker }) });
    requests.push({ path: path.split("/").at(-1)!, body });
    return answer(
      path.endsWith("/reports")
        ? { accepted: body.reports.map(({ id }: { id: string }) => id) }
        : { stored: body.frames.length, dropped: 0 },
    );
  };
  const client = createDeviceClient("http://server", fetch);
  const inner: MessageLink = {
    isConnected: true,
    publish: async (kind) => void published.push(kind),
  };
  const session = new Session(client, "cam-1", key, clock);
  return { link: new ConfirmedLink(inner, client, session, "cam-1"), session, published, requests, state };
}

const answer = (document: unknown) => ({
  status: 200,
  headers: { get: () => null },
  body: (async function* () {
    yield new TextEncoder().encode(JSON.stringify(document));
  })(),
});

const frame = (sequence: number) =>
  encodeFrame({
    sequence,
    windowStartMs: 0,
    windowMs: 1,
    releaseSequence: 1,
    onProbation: false,
    inferences: 0,
    errors: 0,
    abstained: 0,
    latencyUs: { mean: 0, p95: 0, max: 0 },
    energyUj: 0,
    confidence: Array.from({ length: 20 }, () => 0),
    outputs: [],
    probes: { seen: 0, correct: 0 },
    batteryPercent: null,
    temperatureC: null,
  } satisfies TelemetryFrame);

it("leaves the server's own broker to acknowledge", async () => {
  const { link, session, published, requests } = bench(undefined);
  await session.token();
  await link.publish("telemetry", frame(1));
  expect(published).toEqual(["telemetry"]);
  expect(requests).toEqual([]);
});

it("waits for the server's answer where the broker is another's: frames together and in order, reports by themselves", async () => {
  const { link, session, published, requests } = bench({ password: "p" });
  expect(await session.brokerPassword()).toBe("p");
  await Promise.all([1, 2, 3].map((sequence) => link.publish("telemetry", frame(sequence))));
  const report = {
    id: "report-1",
    offerId: null,
    atMs: 0,
    phase: "confirmed" as const,
    code: "ok" as const,
    runningSequence: 1,
    targetSequence: 1,
    artifactSha256: null,
    downloadedBytes: 0,
    codec: null,
    detail: "",
  };
  await link.publish("report", encodeReportBatch([report]));
  expect(published).toEqual([]);
  expect(requests.map(({ path }) => path)).toEqual(["telemetry", "reports"]);
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  expect(requests[0]!.body.frames).toEqual([1, 2, 3].map((sequence) => base64(frame(sequence))));
});

it("fails what waits behind a failure, so that no later frame is stored before it", async () => {
  const { link, session, requests, state } = bench({ password: "p" });
  await session.token();
  state.isDown = true;
  const sent = Array.from({ length: 20 }, (_, sequence) => link.publish("telemetry", frame(sequence)));
  const results = await Promise.allSettled(sent);
  expect(new Set(results.map(({ status }) => status))).toEqual(new Set(["rejected"]));
  state.isDown = false;
  await link.publish("telemetry", frame(0));
  expect(requests).toHaveLength(1);
});
