import { afterAll, beforeAll, expect, test } from "vitest";
import { furnish, plan } from "../testing/gallery.js";
import { TestBench } from "../testing/server.js";

/** The console's session over plain HTTP: who may use its cookie, for what, and what the audit keeps of it. */

let bench: TestBench;
let close: () => Promise<void>;

beforeAll(async () => {
  bench = await TestBench.start();
  const { devices } = await furnish(bench);
  close = async () => {
    await Promise.all(devices.map((device) => device.disconnect()));
    await bench.close();
  };
}, 120_000);
afterAll(() => close());

async function cookieOf(token: string): Promise<string> {
  const answer = await post("/console/login", { token }, {});
  expect(answer.status).toBe(200);
  const cookie = answer.headers.get("set-cookie")!;
  expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
  return cookie.split(";")[0]!;
}

function post(path: string, body: object, headers: Record<string, string>): Promise<Response> {
  return fetch(`${bench.server.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

test("reads by cookie alone, and changes only beside the page's own header, which no other site can send", async () => {
  const cookie = await cookieOf(await bench.addPerson("olga", "operator"));
  const me = await fetch(`${bench.server.url}/api/v1/me`, { headers: { cookie } });
  expect(await me.json()).toEqual({ id: "olga", role: "operator" });
  const request = { product: "digits", count: 1 };
  expect((await post("/api/v1/enrolment-tokens", request, { cookie })).status).toBe(401);
  const headers = { cookie, "x-mote-console": "1" };
  expect((await post("/api/v1/enrolment-tokens", request, headers)).status).toBe(200);
});

test("slows down who guesses tokens at the page as at every door", async () => {
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) statuses.push((await post("/console/login", { token: "guess" }, {})).status);
  expect(statuses[0]).toBe(401);
  expect(statuses.at(-1)).toBe(429);
});

test("keeps previews out of the audit log, which is for what changes something", async () => {
  const before = (await bench.operator.audit()).entries.length;
  await bench.operator.dryRun(plan({ version: "2.0.0" }));
  expect((await bench.operator.audit()).entries.length).toBe(before);
});

test("pages rollouts and their devices", async () => {
  const { rollouts, next } = await bench.operator.rollouts({ limit: 1 });
  expect(next).toBeNull();
  expect((await bench.operator.rollouts({ active: true })).rollouts).toEqual([]);
  const { id } = rollouts[0]!;
  const first = await bench.operator.rolloutDevices(id, { limit: 20, state: "confirmed" });
  expect(first.devices.map(({ deviceId }) => deviceId).slice(0, 2)).toEqual(["cam-01", "cam-02"]);
  const second = await bench.operator.rolloutDevices(id, { limit: 20, after: first.next! });
  expect(second.devices.length).toBe(4);
  expect(second.next).toBeNull();
});

test("refuses a consumer of a class that no release has, and warns in a dry run of one that goes away", async () => {
  const reader = { product: "digits", contact: "ada@example.org", reads: ["labels" as const] };
  await expect(bench.operator.declareConsumer("typo", { ...reader, labels: ["siting"] })).rejects.toThrow(
    "siting",
  );
  await bench.operator.declareConsumer("ward-board", { ...reader, labels: ["sitting"] });
  const { consumers } = await bench.operator.dryRun(plan({ version: "4.0.0" }));
  expect(consumers).toEqual([
    { consumer: "ward-board", contact: "ada@example.org", changes: ['the class "sitting" is gone'] },
  ]);
  expect((await bench.operator.dryRun(plan({ version: "2.0.0" }))).consumers).toEqual([]);
  await bench.operator.removeConsumer("ward-board");
  await expect(bench.operator.removeConsumer("ward-board")).rejects.toThrow("declared consumer");
});

test("warns of a wave that would reach nobody new", async () => {
  const waves = [
    { name: "canary", count: 10, soakS: 0 },
    { name: "early", share: 0.1, soakS: 0 },
    { name: "all", share: 1, soakS: 0 },
  ];
  const { warnings } = await bench.operator.dryRun(plan({ version: "2.0.0", waves, salt: "fixed" }));
  expect(warnings.join()).toContain('Wave "early" comes to 3 devices, fewer than the 10 of the wave before');
});
