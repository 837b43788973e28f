import { randomBytes } from "node:crypto";
import {
  decodeExchangeAnswer,
  EXCHANGE_LIMITS,
  type ExchangeAnswer,
  type ExchangeRequest,
  encodeExchangeRequest,
  OPERATOR_PATHS,
  PATHS,
  sessionMessage,
  signInClientId,
  signInTopics,
  toHex,
  topics,
} from "@mote/protocol";
import { generateKey } from "@mote/protocol/node";
import mqtt, { type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeRelease } from "../testing/release.js";
import { eventually, TestBench } from "../testing/server.js";
import { MQTT_LIMITS } from "./broker.js";
import { GUEST_LIMITS } from "./guests.js";

let bench: TestBench;
beforeAll(async () => {
  bench = await TestBench.start({ deviceRequestsPerMinute: 1 });
  await bench.publishRoot();
});
afterAll(() => bench.close());

type Asked = Partial<ExchangeRequest> & { path: string };

/** A connection that asks and counts what is answered; no retries, no mercy. */
class Asker {
  private readonly answers = new Map<number, (answer: ExchangeAnswer) => void>();
  private lastId = 0;

  private constructor(
    readonly client: MqttClient,
    private readonly topic: string,
  ) {
    client.on("error", () => undefined);
    client.on("message", (_, payload) => {
      const answer = decodeExchangeAnswer(payload);
      this.answers.get(answer.id)?.(answer);
    });
  }

  static async guest(clientId = signInClientId(randomBytes(11).toString("hex"))): Promise<Asker> {
    const client = await connect({ clientId });
    await client.subscribeAsync(signInTopics.answer(clientId));
    return new Asker(client, signInTopics.request(clientId));
  }

  static async device(id: string, token: string): Promise<Asker> {
    const client = await connect({ clientId: id, username: id, password: token });
    await client.subscribeAsync(topics.answer(id));
    return new Asker(client, topics.request(id));
  }

  ask(asked: Asked): Promise<ExchangeAnswer> {
    const id = ++this.lastId;
    const request = {
      id,
      method: "GET" as const,
      token: null,
      range: null,
      body: new Uint8Array(),
      ...asked,
    };
    const answer = new Promise<ExchangeAnswer>((resolve) => this.answers.set(id, resolve));
    this.client.publish(this.topic, Buffer.from(encodeExchangeRequest(request)), { qos: 0 });
    return answer;
  }

  post(path: string, document: unknown, token: string | null = null): Promise<ExchangeAnswer> {
    return this.ask({ method: "POST", path, token, body: Buffer.from(JSON.stringify(document)) });
  }

  async isThrownOut(): Promise<true> {
    return eventually(async () => !this.client.connected, "the connection to be ended");
  }

  async end(): Promise<void> {
    await this.client.endAsync(true);
  }
}

const connect = (options: mqtt.IClientOptions) =>
  mqtt.connectAsync(bench.server.mqttUrl, { protocolVersion: 4, reconnectPeriod: 0, ...options });
const documentOf = ({ body }: ExchangeAnswer) => JSON.parse(Buffer.from(body).toString("utf8"));
const poll = { running: { sequence: 0, artifactSha256: null }, held: [], floor: 0, codecs: ["full"] };
const pollRequest = { ...poll, agentVersion: "test", batteryPercent: null, freeBytes: null };

async function device(prefix: string) {
  const [device] = await bench.devices(1, prefix);
  await device!.disconnect();
  return { device: device!, asker: await Asker.device(device!.id, device!.token) };
}

describe("who has MQTT alone", () => {
  test("enrols with a one-time token and signs in with its key, and is then a device like any other", async () => {
    const { tokens } = await bench.operator.createEnrolmentTokens({ product: "digits", count: 1 });
    const key = generateKey();
    const guest = await Asker.guest();
    const id = "no-http-1";
    const hardware = "gateway";
    const publicKey = toHex(key.publicKey);
    const enrolment = { token: tokens[0]!.token, deviceId: id, publicKey, hardware, tags: {} };
    expect(documentOf(await guest.post(PATHS.enroll, enrolment))).toMatchObject({ product: "digits" });
    const { nonce } = documentOf(await guest.post(PATHS.nonce(id), {}));
    const signature = toHex(key.sign(sessionMessage(id, nonce)));
    const { token } = documentOf(await guest.post(PATHS.session(id), { nonce, signature }));
    await guest.end();
    const asker = await Asker.device(id, token);
    expect((await asker.post(PATHS.poll(id), pollRequest, token)).status).toBe(200);
    expect((await bench.operator.device(id)).device.online).toBe(true);
    await asker.end();
  });

  test("can do nothing else before it has proved its key", async () => {
    const { device: victim, asker } = await device("guarded");
    const guest = await Asker.guest();
    for (const topic of [topics.answer(victim.id), signInTopics.answer("+"), "mote/v1/#", "#"]) {
      await expect(guest.client.subscribeAsync(topic)).rejects.toThrow();
    }
    for (const [path, token] of [
      [PATHS.poll(victim.id), null],
      [PATHS.reports(victim.id), null],
      [PATHS.poll(victim.id), victim.token],
      [OPERATOR_PATHS.fleet, null],
    ] as const) {
      expect((await guest.post(path, pollRequest, token)).status).toBe(403);
    }
    await guest.end();
    const publisher = await Asker.guest();
    publisher.client.publish(topics.telemetry(victim.id), "x", { qos: 1 });
    await publisher.isThrownOut();
    const nosy = await Asker.guest();
    nosy.client.publish(topics.request(victim.id), "x", { qos: 0 });
    await nosy.isThrownOut();
    expect(asker.client.connected).toBe(true);
    await asker.end();
  });

  test("may not take a device's name, keep a session, or ask on and on", async () => {
    await expect(connect({ clientId: "guarded-01" })).rejects.toThrow(/Not authorized/i);
    await expect(connect({ clientId: "" })).rejects.toThrow(/Not authorized/i);
    const clientId = signInClientId("0".repeat(22));
    await expect(connect({ clientId, clean: false })).rejects.toThrow(/Not authorized/i);
    const guest = await Asker.guest();
    for (let i = 0; i < GUEST_LIMITS.maxRequests; i++) {
      expect((await guest.post(PATHS.nonce("guarded-01"), {})).status).toBe(200);
    }
    void guest.post(PATHS.nonce("guarded-01"), {});
    await guest.isThrownOut();
  });

  test("is slowed down like over HTTP when it guesses", async () => {
    const guess = async () => {
      const guest = await Asker.guest();
      const enrolment = { token: randomBytes(16).toString("hex"), deviceId: "guessed", hardware: "gateway" };
      const publicKey = toHex(generateKey().publicKey);
      const { status } = await guest.post(PATHS.enroll, { ...enrolment, publicKey, tags: {} });
      await guest.end();
      return status;
    };
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) statuses.push(await guess());
    expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
    expect(statuses).toContain(429);
  });

  test("finds room for so many at once from one address, and no more", async () => {
    const guests = await Promise.all(Array.from({ length: GUEST_LIMITS.maxByAddress }, () => Asker.guest()));
    await expect(Asker.guest()).rejects.toThrow(/Not authorized/i);
    await guests.pop()!.end();
    const next = await eventually(() => Asker.guest().catch(() => null), "the freed place");
    await Promise.all([next, ...guests].map((guest) => guest.end()));
  });
});

describe("a device's requests over MQTT", () => {
  test("bring the same bytes as HTTP: blobs by range, metadata in parts that name their content", async () => {
    const { asker } = await device("bytes");
    const artifact = new Uint8Array(randomBytes(100_000));
    const release = makeRelease(1, artifact);
    await bench.signers.publish(bench.operator, [release], bench.now());
    const { sha256 } = release.manifest.variants[0]!.artifact;
    const path = PATHS.blob(sha256);
    const part = await asker.ask({ path, range: [10_000, 20_000] });
    expect(part).toMatchObject({ status: 206, etag: `"${sha256}"`, range: [10_000, 100_000] });
    expect(Buffer.from(part.body).equals(artifact.subarray(10_000, 20_001))).toBe(true);
    // However much is asked for, a chunk comes.
    for (const range of [null, [0, 2 ** 48]] as const) {
      const { body } = await asker.ask({ path, range: range === null ? null : [...range] });
      expect(Buffer.from(body).equals(artifact.subarray(0, EXCHANGE_LIMITS.chunkMaxBytes))).toBe(true);
    }
    expect(await asker.ask({ path, range: [99_999, 0] })).toMatchObject({
      status: 206,
      range: [99_999, 100_000],
    });
    expect((await asker.ask({ path, range: [100_000, 100_001] })).status).toBe(416);
    expect((await asker.ask({ path: PATHS.blob("0".repeat(64)), range: [0, 99] })).status).toBe(404);

    const file = PATHS.metadata("1.root.json");
    const whole = new Uint8Array(await (await fetch(`${bench.server.url}${file}`)).arrayBuffer());
    const pieces = [
      await asker.ask({ path: file, range: [0, 299] }),
      await asker.ask({ path: file, range: [300, 40_000] }),
    ];
    expect(pieces.map(({ status }) => status)).toEqual([206, 206]);
    expect(pieces[0]!.etag).toBe(pieces[1]!.etag);
    expect(Buffer.concat(pieces.map(({ body }) => body)).equals(whole)).toBe(true);
    expect((await asker.ask({ path: file })).status).toBe(200);
    expect((await asker.ask({ path: PATHS.metadata("99.root.json") })).status).toBe(404);
    await asker.end();
  });

  test("reach its own routes and no others, with its own token and no other", async () => {
    const { device: own, asker } = await device("fenced");
    const [other] = await bench.devices(1, "other");
    for (const path of [
      OPERATOR_PATHS.fleet,
      OPERATOR_PATHS.metrics,
      OPERATOR_PATHS.openapi,
      "/health",
      "/",
      `${PATHS.metadata("1.root.json")}?x=1`,
      "/blobs/../api/v1/fleet",
      PATHS.metadata("..%2f..%2fadmin.token"),
    ]) {
      expect((await asker.ask({ path })).status).toBe(403);
    }
    expect((await asker.post(PATHS.poll(other!.id), pollRequest, other!.token)).status).toBe(403);
    expect((await asker.post(PATHS.poll(own.id), pollRequest, other!.token)).status).toBe(401);
    expect((await asker.post(PATHS.poll(own.id), pollRequest)).status).toBe(401);
    const refused = await asker.post(PATHS.poll(own.id), { ...pollRequest, floor: -1 }, own.token);
    expect(refused.status).toBe(400);
    expect(documentOf(refused).code).toBe("MOTE_SCHEMA");
    await Promise.all([asker.end(), other!.disconnect()]);
  });

  test("are counted like those over HTTP, which say when to come again", async () => {
    const { device: own, asker } = await device("counted");
    const statuses: number[] = [];
    let answer: ExchangeAnswer;
    do {
      answer = await asker.post(PATHS.poll(own.id), pollRequest, own.token);
      statuses.push(answer.status);
    } while (answer.status === 200 && statuses.length < 200);
    expect(answer).toMatchObject({ status: 429, retryAfterS: expect.any(Number) });
    expect(statuses.length).toBeGreaterThan(100);
    await asker.end();
  });

  test("that are none are dropped, and too many at once are told so", async () => {
    const { asker } = await device("flood");
    const before = (await asker.ask({ path: PATHS.metadata("1.root.json") })).status;
    expect(before).toBe(200);
    asker.client.publish(topics.request("flood-01"), "no request", { qos: 0 });
    const answers = await Promise.all(
      Array.from({ length: 4 * MQTT_LIMITS.maxWaitingRequests }, () =>
        asker.ask({ path: PATHS.metadata("1.root.json") }),
      ),
    );
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].sort()).toEqual([200, 429]);
    expect((await asker.ask({ path: PATHS.metadata("1.root.json") })).status).toBe(200);
    await asker.end();
  });

  test("of who takes no answers hold up nobody else", async () => {
    const { asker } = await device("deaf");
    const [honest] = await bench.devices(1, "hearing");
    const release = makeRelease(2, new Uint8Array(randomBytes(100_000)));
    await bench.operator.uploadBundle(release.bundle);
    const { sha256 } = release.manifest.variants[0]!.artifact;
    const stream = asker.client.stream as unknown as { pause(): void };
    stream.pause();
    for (let i = 0; i < 2000; i++) void asker.ask({ path: PATHS.blob(sha256), range: [0, 32_767] });
    await honest!.sendWindow({ confidence: 0.9, accuracy: 1 });
    expect(await honest!.poll()).toBeNull();
    expect((await bench.operator.blob(sha256)).length).toBeGreaterThan(0);
    await Promise.all([asker.end(), honest!.disconnect()]);
  });
});
