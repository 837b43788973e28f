import {
  decodeExchangeAnswer,
  type ExchangeAnswer,
  encodeExchangeRequest,
  type Fetch,
  type FetchInit,
  type FetchResponse,
  SchemaError,
} from "@mote/protocol";
import { backoffMs } from "./backoff.js";
import { ExchangePace } from "./exchange-pace.js";
import type { Clock, Random } from "./ports.js";

export const EXCHANGE_SETTINGS = {
  /** Silence of the link after which what was asked is taken for lost. Milliseconds. */
  silenceMs: 10_000,
  /** Times that a chunk is asked for before its download is given up, to go on later from there. */
  tries: 4,
  retryFirstMs: 250,
  retryMaxMs: 5_000,
  /** Answers to later requests after which an earlier one won't be answered any more. */
  overtakenBy: 3,
} as const;

export interface ExchangeDeps {
  /** Address that the client of this exchange was made with; what follows it in a request's address is the path. */
  readonly base: string;
  /** Hands a request to the broker, waiting for the link a while; rejects when there is none. */
  send(payload: Uint8Array): Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
}

interface Asked {
  readonly id: number;
  readonly payload: Uint8Array;
  /** When it was handed to the broker last; null before. */
  sentMs: number | null;
  overtaken: number;
  resolve(answer: ExchangeAnswer): void;
  reject(reason: Error): void;
}

interface Part {
  readonly first: number;
  readonly bytes: Uint8Array;
  /** Length of the whole. */
  readonly total: number;
  readonly etag: string;
}

/**
 * The HTTP contract over MQTT (protocol/api/exchange.ts), in the form of `fetch`: whoever speaks the contract need not know
 * by which way. A body that does not fit one message is fetched in chunks as it is read, several under way at once.
 */
export class Exchange {
  readonly #deps: ExchangeDeps;
  /** In the order of asking. */
  readonly #asked = new Map<number, Asked>();
  /** Starts anywhere, so that an answer to a former life of this device is answered to nobody. */
  #lastId: number;
  #lastHeardMs = 0;

  constructor(deps: ExchangeDeps) {
    this.#deps = deps;
    this.#lastId = Math.floor(deps.random() * 2 ** 31);
  }

  readonly fetch: Fetch = async (url, init = {}) => {
    const path = url.slice(this.#deps.base.replace(/\/+$/, "").length);
    return init.method === "POST" ? this.#post(path, init) : this.#get(path, init);
  };

  /** An answer has come. One that nobody waits for is dropped, and so is what is none. */
  receive(payload: Uint8Array): void {
    let answer: ExchangeAnswer;
    try {
      answer = decodeExchangeAnswer(payload);
    } catch (error) {
      if (error instanceof SchemaError) return;
      throw error;
    }
    const asked = this.#asked.get(answer.id);
    if (asked === undefined) return;
    this.#lastHeardMs = this.#deps.clock.monotonicMs();
    for (const earlier of this.#asked.values()) {
      if (earlier === asked) break;
      if (++earlier.overtaken >= EXCHANGE_SETTINGS.overtakenBy) {
        earlier.reject(new Error("later requests were answered, this one was not"));
      }
    }
    asked.resolve(answer);
  }

  /** The link broke: nothing that was asked over it will be answered. */
  lost(): void {
    for (const asked of this.#asked.values()) asked.reject(new Error("the connection was lost"));
  }

  /**
   * The server hears again: what may have been asked while it did not is asked once more, under its own number. If both are
   * heard, the second answer is dropped.
   */
  askAgain(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const asked of this.#asked.values()) {
      // An answer since then: the server has heard what was asked before it, or is about to.
      if (asked.sentMs === null || asked.sentMs < this.#lastHeardMs) continue;
      asked.sentMs = nowMs;
      this.#deps.send(asked.payload).catch(() => undefined);
    }
  }

  async #post(path: string, init: FetchInit): Promise<FetchResponse> {
    const authorization = init.headers?.["authorization"];
    const answer = await this.#ask(
      {
        method: "POST",
        path,
        token: authorization === undefined ? null : authorization.replace(/^Bearer /, ""),
        range: null,
        body: new TextEncoder().encode(init.body ?? ""),
      },
      init.signal,
    );
    return responseOf(answer.status, {}, answer.body);
  }

  async #get(path: string, init: FetchInit): Promise<FetchResponse> {
    const from = Number(/^bytes=(\d+)-$/.exec(init.headers?.["range"] ?? "")?.[1] ?? 0);
    const pace = new ExchangePace();
    const answer = await this.#askForChunk(path, from, Number.POSITIVE_INFINITY, pace, init.signal);
    // Nothing lies beyond the end of nothing.
    if (answer.status === 416 && from === 0) return responseOf(200, {}, new Uint8Array());
    if (answer.status !== 206) return responseOf(answer.status, {}, answer.body);
    const head = partOf(answer, from);
    const headers = {
      etag: head.etag,
      ...(from === 0 ? {} : { "content-range": `bytes ${from}-${head.total - 1}/${head.total}` }),
    };
    const body = this.#body(path, head, pace, init.signal);
    return { status: from === 0 ? 200 : 206, headers: lookUp(headers), body };
  }

  /** The whole from `head` on, in order, whatever order it comes in. */
  async *#body(
    path: string,
    head: Part,
    pace: ExchangePace,
    signal?: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    const left = new AbortController();
    const leave = () => left.abort();
    signal?.addEventListener("abort", leave, { once: true });
    if (signal?.aborted === true) leave();
    const underWay: Promise<Uint8Array>[] = [];
    let next = head.first + head.bytes.length;
    try {
      yield head.bytes;
      while (next < head.total || underWay.length > 0) {
        while (next < head.total && underWay.length < pace.window) {
          const last = Math.min(head.total, next + pace.chunkBytes) - 1;
          const chunk = this.#chunk(path, head, next, last, pace, left.signal);
          // It may fail before its turn, or after whoever reads has gone.
          chunk.catch(() => undefined);
          underWay.push(chunk);
          next = last + 1;
        }
        yield await underWay.shift()!;
      }
    } finally {
      leave();
      signal?.removeEventListener("abort", leave);
    }
  }

  /** Bytes `[first, last]` of the same content as `head`. */
  async #chunk(
    path: string,
    head: Part,
    first: number,
    last: number,
    pace: ExchangePace,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const bytes = new Uint8Array(last - first + 1);
    let at = first;
    while (at <= last) {
      const answer = await this.#askForChunk(path, at, last, pace, signal);
      if (answer.status !== 206) throw new Error(`HTTP ${answer.status} for byte ${at}`);
      const part = partOf(answer, at);
      if (part.etag !== head.etag || part.total !== head.total)
        throw new Error("another content than before");
      // The server may answer with less than was asked for; more would not fit.
      bytes.set(part.bytes.subarray(0, last + 1 - at), at - first);
      at += part.bytes.length;
    }
    return bytes;
  }

  /**
   * Asks for bytes `[first, last]`, for as many of them as the pace allows; again, later each time, when no answer comes or
   * the server has too much to do.
   */
  async #askForChunk(path: string, first: number, last: number, pace: ExchangePace, signal?: AbortSignal) {
    const { clock, random } = this.#deps;
    const { tries, retryFirstMs, retryMaxMs } = EXCHANGE_SETTINGS;
    for (let attempt = 1; ; attempt++) {
      let pauseMs = backoffMs(attempt, retryFirstMs, retryMaxMs, random);
      try {
        const range: [number, number] = [first, Math.min(last, first + pace.chunkBytes - 1)];
        const body = new Uint8Array();
        const answer = await this.#ask({ method: "GET", path, token: null, range, body }, signal);
        const isBusy = answer.status === 429 || answer.status === 503;
        if (!isBusy || attempt >= tries) {
          pace.arrived();
          return answer;
        }
        pauseMs += (answer.retryAfterS ?? 0) * 1000;
      } catch (error) {
        if (signal?.aborted === true || attempt >= tries) throw error;
      }
      pace.lost();
      await clock.sleep(pauseMs, signal);
    }
  }

  async #ask(
    request: Omit<Parameters<typeof encodeExchangeRequest>[0], "id">,
    signal?: AbortSignal,
  ): Promise<ExchangeAnswer> {
    if (signal?.aborted === true) throw new Error("the request was given up");
    const id = ++this.#lastId;
    const payload = encodeExchangeRequest({ id, ...request });
    const over = new AbortController();
    const { asked, answer } = waitingFor(id, payload);
    this.#asked.set(id, asked);
    // It may be rejected while the request is still being sent.
    answer.catch(() => undefined);
    const giveUp = () => this.#asked.get(id)?.reject(new Error("the request was given up"));
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      const sent = this.#deps.send(payload);
      sent.catch(() => undefined);
      // A link that breaks while it takes the request may never say so to whoever waits for that.
      await Promise.race([sent, answer]);
      asked.sentMs = this.#deps.clock.monotonicMs();
      void this.#watchSilence(asked, over.signal);
      return await answer;
    } finally {
      over.abort();
      this.#asked.delete(id);
      signal?.removeEventListener("abort", giveUp);
    }
  }

  /** Requests are answered in order: while answers come, those that wait are only waiting for their turn. */
  async #watchSilence(asked: Asked, over: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const { silenceMs } = EXCHANGE_SETTINGS;
    for (;;) {
      const restMs = Math.max(asked.sentMs ?? 0, this.#lastHeardMs) + silenceMs - clock.monotonicMs();
      if (restMs <= 0) break;
      await clock.sleep(restMs, over);
      if (over.aborted) return;
    }
    asked.reject(new Error(`no answer in ${silenceMs / 1000} s`));
  }
}

function waitingFor(id: number, payload: Uint8Array): { asked: Asked; answer: Promise<ExchangeAnswer> } {
  let asked: Asked | undefined;
  const answer = new Promise<ExchangeAnswer>((resolve, reject) => {
    asked = { id, payload, sentMs: null, overtaken: 0, resolve, reject };
  });
  return { asked: asked!, answer };
}

function partOf({ etag, range, body }: ExchangeAnswer, first: number): Part {
  if (etag === null || range === null || range[0] !== first || body.length === 0) {
    throw new Error(`a part that is not byte ${first} and what follows: ${range?.[0] ?? "none"}`);
  }
  return { first, bytes: body, total: range[1], etag };
}

function responseOf(status: number, headers: Record<string, string>, body: Uint8Array): FetchResponse {
  return { status, headers: lookUp(headers), body: once(body) };
}

function lookUp(headers: Record<string, string>): FetchResponse["headers"] {
  return { get: (name) => headers[name.toLowerCase()] ?? null };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
