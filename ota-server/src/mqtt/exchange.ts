import { createHash } from "node:crypto";
import {
  type ErrorAnswer,
  EXCHANGE_LIMITS,
  type ExchangeAnswer,
  type ExchangeRequest,
  encodeExchangeAnswer,
  PASS_PARAMETER,
  PATHS,
} from "@mote/protocol";

/** Who asks over MQTT: a device that the broker knows, or somebody who has yet to prove who it is. */
export interface Caller {
  readonly deviceId: string | null;
  /** Network address, or what stands for it; sign-ins that fail from it are slowed down. */
  readonly address: string;
}

/** The slice of Fastify's `inject` that is needed: a request to the routes of HTTP, without a socket. */
export type InnerRequest = (request: {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly payload?: string | Buffer;
  readonly remoteAddress: string;
}) => Promise<{
  readonly statusCode: number;
  readonly headers: Record<string, unknown>;
  readonly rawPayload: Buffer;
}>;

/** Bytes, both inclusive. */
interface Wanted {
  readonly first: number;
  readonly last: number;
}

const NAME = "[a-z0-9][a-z0-9._-]{0,62}";
const SIGN_IN = new RegExp(
  `^(?:${PATHS.enroll}|${PATHS.nonce(NAME)}|${PATHS.session(NAME)})$`.replaceAll("/", "\\/"),
);
const METADATA = /^\/tuf\/metadata\/[A-Za-z0-9._-]{1,200}$/;
const BLOB = /^\/blobs\/[0-9a-f]{64}$/;

/**
 * Answers the device's requests that come over MQTT by the routes of HTTP: the same validation, authorisation, limits and
 * metrics. Only the device's own routes can be reached. Holds one chunk for each request under way, no state.
 */
export class Exchange {
  /**
   * @param inner the server's HTTP routes.
   * @param passTo a pass to a blob: the connection has proved who asks.
   */
  constructor(
    private readonly inner: InnerRequest,
    private readonly passTo: (sha256: string) => string,
  ) {}

  /** @returns the payload for the caller's answer topic. */
  async answer(caller: Caller, request: ExchangeRequest): Promise<Uint8Array> {
    if (mayAsk(caller, request)) return encodeExchangeAnswer(await this.ask(caller, request));
    const got = `${request.method} ${request.path.slice(0, 120)}`;
    const message = `Expected one of the device's own requests; got ${got}. Ask for it over HTTP.`;
    return encodeExchangeAnswer({
      id: request.id,
      retryAfterS: null,
      ...refusal(403, "MOTE_FORBIDDEN", message),
    });
  }

  private async ask(caller: Caller, request: ExchangeRequest): Promise<ExchangeAnswer> {
    const { id, method, path } = request;
    const isGet = method === "GET";
    const wanted = isGet ? clamped(request.range) : null;
    const answer = await this.inner({
      method,
      url: BLOB.test(path) ? `${path}?${PASS_PARAMETER}=${this.passTo(path.slice("/blobs/".length))}` : path,
      headers: headersOf(request, BLOB.test(path) ? wanted : null),
      remoteAddress: caller.address,
      ...(isGet ? {} : { payload: Buffer.from(request.body) }),
    });
    const { statusCode: status, rawPayload: body } = answer;
    const header = (name: string) => {
      const value = answer.headers[name];
      return value === undefined ? null : String(value);
    };
    const retryAfter = header("retry-after");
    const head = { id, status, retryAfterS: retryAfter === null ? null : Number(retryAfter) };
    if (status === 206) {
      return { ...head, etag: header("etag"), range: rangeOf(header("content-range")), body };
    }
    if (status === 200 && wanted !== null && (wanted.first > 0 || body.length > wanted.last + 1)) {
      return { ...head, ...slice(body, wanted) };
    }
    if (body.length <= EXCHANGE_LIMITS.chunkMaxBytes) return { ...head, etag: null, range: null, body };
    const message = `The answer has ${body.length} bytes; over MQTT ${EXCHANGE_LIMITS.chunkMaxBytes} fit.`;
    return { ...head, ...refusal(413, "MOTE_TOO_LARGE", message) };
  }
}

/** Of a route without ranges of its own, such as metadata: its content names itself. */
function slice(body: Buffer, { first, last }: Wanted): Omit<ExchangeAnswer, "id" | "retryAfterS"> {
  if (first >= body.length) return { status: 416, etag: null, range: null, body: Buffer.alloc(0) };
  const etag = `"${createHash("sha256").update(body).digest("hex")}"`;
  return { status: 206, etag, range: [first, body.length], body: body.subarray(first, last + 1) };
}

/** For a request that finds too many of its kind before it. */
export function tooMany({ id }: ExchangeRequest): Uint8Array {
  const message = "Expected fewer requests at once; got more than wait for their turn. Ask again in 1 s.";
  return encodeExchangeAnswer({ id, retryAfterS: 1, ...refusal(429, "MOTE_TOO_MANY_REQUESTS", message) });
}

/** An answer that no route has given. */
function refusal(status: number, code: string, message: string) {
  const document: ErrorAnswer = { code, message, requestId: "mqtt" };
  return { status, etag: null, range: null, body: Buffer.from(JSON.stringify(document)) };
}

function mayAsk({ deviceId }: Caller, { method, path }: ExchangeRequest): boolean {
  if (deviceId === null) return method === "POST" && SIGN_IN.test(path);
  if (method === "GET") return METADATA.test(path) || BLOB.test(path);
  const own = [PATHS.nonce, PATHS.session, PATHS.poll, PATHS.reports, PATHS.telemetry];
  return own.some((of) => of(deviceId) === path);
}

function headersOf({ method, token }: ExchangeRequest, wanted: Wanted | null): Record<string, string> {
  return {
    ...(method === "POST" ? { "content-type": "application/json" } : {}),
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(wanted === null ? {} : { range: `bytes=${wanted.first}-${wanted.last}` }),
  };
}

/** At most a chunk, whatever was asked for. */
function clamped(range: readonly [number, number] | null): Wanted {
  const [first, last] = range ?? [0, Number.MAX_SAFE_INTEGER];
  return { first, last: Math.max(first, Math.min(last, first + EXCHANGE_LIMITS.chunkMaxBytes - 1)) };
}

function rangeOf(contentRange: string | null): [number, number] | null {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(contentRange ?? "");
  return match === null ? null : [Number(match[1]), Number(match[2])];
}
