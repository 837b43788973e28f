import { randomBytes } from "node:crypto";
import {
  createDeviceClient,
  decodeExchangeRequest,
  EXCHANGE_LIMITS,
  type ExchangeAnswer,
  type ExchangeRequest,
  encodeExchangeAnswer,
  NetworkError,
} from "@mote/protocol";
import { describe, expect, it } from "vitest";
import { EXCHANGE_SETTINGS, Exchange } from "./exchange.js";
import { PACE_LIMITS } from "./exchange-pace.js";
import type { Clock } from "./ports.js";

const SHA = "a".repeat(64);
const WHOLE = new Uint8Array(randomBytes(300_000));

/** Time passes when nothing else happens. */
class IdleClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ atMs: number; wake(): void }>();

  wallMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#timers.delete(timer);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = { atMs: this.#nowMs + ms, wake };
      this.#timers.add(timer);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  /** Lets time pass that wakes nobody. */
  advance(ms: number): void {
    this.#nowMs += ms;
  }

  /** Lets time pass until `promise` settles. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = () => {
      isSettled = true;
    };
    promise.then(settled, settled);
    while (!isSettled) {
      for (let turn = 0; turn < 20 && !isSettled; turn++)
        await new Promise((resolve) => setImmediate(resolve));
      if (isSettled) break;
      const next = [...this.#timers].sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) throw new Error("nothing will ever happen");
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.wake();
    }
    return promise;
  }
}

const byteAnswer = ({ id, range }: ExchangeRequest, change: Partial<ExchangeAnswer> = {}): ExchangeAnswer => {
  const [first, last] = range!;
  const body = WHOLE.subarray(first, Math.min(last + 1, first + EXCHANGE_LIMITS.chunkMaxBytes));
  return {
    id,
    status: 206,
    etag: `"${SHA}"`,
    range: [first, WHOLE.length],
    retryAfterS: null,
    body,
    ...change,
  };
};

const turn = () => new Promise((resolve) => setImmediate(resolve));

const answerTo = ({ id }: ExchangeRequest): ExchangeAnswer => ({
  id,
  status: 200,
  etag: null,
  range: null,
  retryAfterS: null,
  body: Buffer.from(JSON.stringify({ nonce: SHA })),
});

/** @param answer what a request is answered with, and how often: none is a loss, two are a duplicate. */
function bench(answer: (request: ExchangeRequest, nth: number) => ExchangeAnswer[]) {
  const clock = new IdleClock();
  const requests: ExchangeRequest[] = [];
  let underWay = 0;
  let mostUnderWay = 0;
  const exchange: Exchange = new Exchange({
    base: "mqtt://broker",
    clock,
    random: () => 0.5,
    send: async (payload) => {
      const request = decodeExchangeRequest(payload);
      requests.push(request);
      mostUnderWay = Math.max(mostUnderWay, ++underWay);
      const answers = answer(request, requests.length);
      setImmediate(() => {
        underWay--;
        for (const one of answers) exchange.receive(encodeExchangeAnswer(one));
      });
    },
  });
  const client = createDeviceClient("mqtt://broker/", exchange.fetch);
  const read = async (from: number, signal?: AbortSignal) => {
    const stream = await client.blob(SHA, from, null, signal);
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream.chunks) chunks.push(chunk);
    return { from: stream.from, bytes: Buffer.concat(chunks) };
  };
  return { clock, client, exchange, requests, read, mostUnderWay: () => mostUnderWay };
}

it("fails when the link breaks while it takes the request, which then may never say so", async () => {
  const exchange = new Exchange({
    base: "mqtt://broker",
    clock: new IdleClock(),
    random: () => 0.5,
    send: () => new Promise(() => undefined),
  });
  const nonce = createDeviceClient("mqtt://broker/", exchange.fetch).nonce("cam");
  exchange.lost();
  await expect(nonce).rejects.toThrow(NetworkError);
});

describe("when the server hears again", () => {
  it("asks once more what was asked while it did not, and waits for no silence", async () => {
    const lost = bench((request, nth) => (nth === 1 ? [] : [answerTo(request)]));
    const nonce = lost.client.nonce("cam");
    await turn();
    lost.exchange.askAgain();
    expect(await nonce).toBe(SHA);
    expect(lost.clock.monotonicMs()).toBe(0);
    expect(lost.requests[1]).toEqual(lost.requests[0]);
  });

  it("lets alone what is being answered, and what has not been sent", async () => {
    const { clock, client, exchange, requests } = bench((request, nth) =>
      nth === 1 ? [] : [answerTo(request)],
    );
    const first = client.nonce("cam");
    await turn();
    clock.advance(1000);
    await client.nonce("cam");
    exchange.askAgain();
    await turn();
    expect(requests).toHaveLength(2);
    await expect(clock.until(first)).rejects.toThrow(NetworkError);

    let hand: () => void = () => undefined;
    const unsent: Uint8Array[] = [];
    const slow = new Exchange({
      base: "mqtt://broker",
      clock: new IdleClock(),
      random: () => 0.5,
      send: (payload) => {
        unsent.push(payload);
        return new Promise((resolve) => {
          hand = resolve;
        });
      },
    });
    createDeviceClient("mqtt://broker/", slow.fetch)
      .nonce("cam")
      .catch(() => undefined);
    slow.askAgain();
    expect(unsent).toHaveLength(1);
    hand();
    await turn();
    slow.askAgain();
    expect(unsent).toHaveLength(2);
    slow.lost();
  });
});

describe("a blob over MQTT", () => {
  it("comes whole, in bounded chunks, several of them under way at once", async () => {
    const { clock, read, requests, mostUnderWay } = bench((request) => [byteAnswer(request)]);
    const { from, bytes } = await clock.until(read(0));
    expect(from).toBe(0);
    expect(bytes.equals(WHOLE)).toBe(true);
    const sizes = requests.map(({ range }) => range![1] - range![0] + 1);
    expect(Math.max(...sizes)).toBe(PACE_LIMITS.maxChunkBytes);
    expect(mostUnderWay()).toBe(PACE_LIMITS.maxWindow);
    expect(requests.length).toBeLessThan(WHOLE.length / PACE_LIMITS.maxChunkBytes + 6);
  });

  it("goes on at any byte", async () => {
    const { clock, read } = bench((request) => [byteAnswer(request)]);
    const { from, bytes } = await clock.until(read(123_457));
    expect(from).toBe(123_457);
    expect(bytes.equals(WHOLE.subarray(123_457))).toBe(true);
  });

  it("comes whole though answers are lost, come twice, come late, or are for nobody", async () => {
    const late: ExchangeAnswer[] = [];
    const { clock, read, exchange } = bench((request, nth) => {
      const answer = byteAnswer(request);
      if (nth % 5 === 0) {
        late.push(answer);
        return [];
      }
      return nth % 3 === 0 ? [answer, answer, ...late.splice(0)] : [answer];
    });
    exchange.receive(encodeExchangeAnswer(byteAnswer({ id: 1, range: [0, 9] } as ExchangeRequest)));
    exchange.receive(new Uint8Array([1, 2, 3]));
    const { bytes } = await clock.until(read(0));
    expect(bytes.equals(WHOLE)).toBe(true);
  });

  it("asks again for one lost chunk as soon as later ones have come, without waiting for silence", async () => {
    const { clock, read } = bench((request, nth) => (nth === 8 ? [] : [byteAnswer(request)]));
    await clock.until(read(0));
    expect(clock.monotonicMs()).toBeLessThan(EXCHANGE_SETTINGS.silenceMs);
  });

  it("asks for less after losses, and gives up after some tries of one chunk, to go on from there later", async () => {
    const { clock, read, requests } = bench((request, nth) => (nth > 12 ? [] : [byteAnswer(request)]));
    await expect(clock.until(read(0))).rejects.toThrow(NetworkError);
    const last = requests.at(-1)!.range!;
    expect(last[1] - last[0] + 1).toBeLessThanOrEqual(PACE_LIMITS.minChunkBytes * 2);
  });

  it("waits as long as a busy server says", async () => {
    const busy = { status: 429, retryAfterS: 7, etag: null, range: null, body: new Uint8Array() };
    const { clock, read } = bench((request, nth) => [byteAnswer(request, nth === 4 ? busy : {})]);
    const { bytes } = await clock.until(read(0));
    expect(bytes.equals(WHOLE)).toBe(true);
    expect(clock.monotonicMs()).toBeGreaterThan(7000);
  });

  it.each([
    ["another content", { etag: '"b"' }],
    ["another length", { range: [0, 7] as [number, number] }],
    ["nothing", { body: new Uint8Array() }],
    ["no entity tag", { etag: null }],
    ["a refusal", { status: 404 }],
  ])("breaks off when a later part brings %s", async (_, change) => {
    const { clock, read } = bench((request, nth) => [byteAnswer(request, nth > 3 ? change : {})]);
    await expect(clock.until(read(0))).rejects.toThrow(NetworkError);
  });

  it("stops asking when it is given up, or when whoever reads goes away", async () => {
    const stop = new AbortController();
    const { clock, requests, read } = bench((request, nth) => {
      if (nth === 6) stop.abort();
      return nth >= 6 ? [] : [byteAnswer(request)];
    });
    await expect(clock.until(read(0, stop.signal))).rejects.toThrow(NetworkError);
    const after = requests.length;
    await new Promise((resolve) => setImmediate(resolve));
    expect(requests.length).toBe(after);

    const left = bench((request) => [byteAnswer(request)]);
    const stream = await left.clock.until(left.client.blob(SHA, 0, null));
    for await (const _ of stream.chunks) break;
    const asked = left.requests.length;
    await new Promise((resolve) => setImmediate(resolve));
    expect(left.requests.length).toBe(asked);
  });

  it("is refused by the server's own status", async () => {
    const document = { code: "MOTE_NOT_FOUND", message: "no such blob", requestId: "1" };
    const body = Buffer.from(JSON.stringify(document));
    const refusal = { status: 404, etag: null, range: null, body };
    const { clock, read } = bench((request) => [byteAnswer(request, refusal)]);
    await expect(clock.until(read(0))).rejects.toMatchObject({ status: 404, serverCode: "MOTE_NOT_FOUND" });
  });
});

describe("a post over MQTT", () => {
  it("carries token and document, and fails when the link is silent or lost", async () => {
    const nonce = "5".repeat(64);
    const body = Buffer.from(JSON.stringify({ nonce }));
    const answered = bench(({ id }) => [
      { id, status: 200, etag: null, range: null, retryAfterS: null, body },
    ]);
    expect(await answered.clock.until(answered.client.nonce("cam-1"))).toBe(nonce);
    expect(answered.requests[0]).toMatchObject({
      method: "POST",
      path: "/api/v1/devices/cam-1/nonce",
      token: null,
    });
    const silent = bench(() => []);
    await expect(silent.clock.until(silent.client.nonce("cam-1"))).rejects.toThrow(/no answer in 10 s/);
    const cut = bench(() => {
      setImmediate(() => cut.exchange.lost());
      return [];
    });
    await expect(cut.clock.until(cut.client.nonce("cam-1"))).rejects.toThrow(/connection was lost/);
  });
});
