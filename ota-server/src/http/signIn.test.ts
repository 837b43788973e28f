import { toHex } from "@mote/protocol";
import { generateKey } from "@mote/protocol/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REQUEST_LIMITS } from "../fleet/requestLimit.js";
import { TestDevice } from "../testing/device.js";
import { eventually, TestBench } from "../testing/server.js";
import { THROTTLE_LIMITS } from "./throttle.js";

describe("guessing at the doors", () => {
  let bench: TestBench;
  beforeAll(async () => {
    bench = await TestBench.start({ deviceRequestsPerMinute: 60 });
  });
  afterAll(() => bench.close());

  const statusOf = async (work: Promise<unknown>): Promise<number> =>
    work.then(
      () => 200,
      (error: { status?: number }) => error.status ?? 0,
    );

  it("slows down who fails to prove a device's key, tells when to come again, and writes it down", async () => {
    const [device, other] = await bench.devices(2, "guessed");
    const guess = async () => {
      const nonce = await device!.client.nonce(device!.id);
      return device!.client.session(device!.id, nonce, device!.forgedSignature(nonce));
    };
    for (let i = 0; i <= THROTTLE_LIMITS.freeByAccount; i++) expect(await statusOf(guess())).toBe(401);
    expect(await statusOf(guess())).toBe(429);
    // Not even the right key is looked at during the pause; others behind the same address are.
    expect(await statusOf(device!.signIn())).toBe(429);
    expect(await statusOf(other!.signIn())).toBe(200);
    const entry = await eventually(async () => {
      const { entries } = await bench.operator.audit();
      return entries.find(({ action }) => action.startsWith("sign-in slowed")) ?? null;
    }, "the audit entry");
    expect(entry).toMatchObject({ by: "anyone", status: 429, detail: expect.stringContaining(device!.id) });
    expect((await bench.operator.audit()).brokenAt).toBeNull();
    bench.aheadMs += THROTTLE_LIMITS.firstPauseMs;
    expect(await statusOf(device!.signIn())).toBe(200);
    for (const one of [device!, other!]) await one.disconnect();
  });

  it("answers 429 with Retry-After to a device that has lost its mind, and serves the others", async () => {
    const [mad, calm] = await bench.devices(2, "mad");
    const statuses: number[] = [];
    for (let i = 0; i < REQUEST_LIMITS.burst + 20; i++) statuses.push(await statusOf(mad!.poll()));
    expect(statuses.slice(0, REQUEST_LIMITS.burst).every((status) => status === 200)).toBe(true);
    expect(statuses).toContain(429);
    expect(await statusOf(calm!.poll())).toBe(200);
    for (const one of [mad!, calm!]) await one.disconnect();
  });

  it("lets a production line's token bring in its number of devices, each once, and no one else's", async () => {
    const { tokens } = await bench.operator.createEnrolmentTokens({ product: "digits", maxDevices: 2 });
    const { token } = tokens[0]!;
    const line = ["line-1", "line-2", "line-3"].map((id) => new TestDevice(id, bench.server.url));
    await line[0]!.enroll(token);
    await line[0]!.enroll(token);
    await line[1]!.enroll(token);
    await expect(line[2]!.enroll(token)).rejects.toThrow(/used up/);
    const thief = new TestDevice("line-1", bench.server.url);
    await expect(thief.enroll(token)).rejects.toThrow(/an id that is taken/);
    expect((await bench.operator.enrolmentTokens()).tokens[0]).toMatchObject({ maxDevices: 2, used: 2 });
    await line[0]!.signIn();
    expect(await statusOf(line[0]!.poll())).toBe(200);
  });

  it("slows down an address that tries many tokens, for people and for devices, and is over after the pause", async () => {
    const attempt = (i: number) =>
      fetch(`${bench.server.url}/api/v1/fleet`, { headers: { authorization: `Bearer guess-${i}` } });
    let i = 0;
    while ((await attempt(i)).status === 401) {
      i++;
      expect(i).toBeLessThan(THROTTLE_LIMITS.freeByAddress + 10);
    }
    const answer = await attempt(i);
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    const key = toHex(generateKey().publicKey);
    const enrol = await fetch(`${bench.server.url}/api/v1/enroll`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        token: "a-guessed-enrolment-token",
        deviceId: "cam-x",
        publicKey: key,
        hardware: "gateway",
        tags: {},
      }),
    });
    expect(enrol.status).toBe(429);
    bench.aheadMs += THROTTLE_LIMITS.maxPauseMs;
    expect(await statusOf(bench.operator.fleet())).toBe(200);
  });
});
