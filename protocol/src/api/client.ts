import type { Static, TSchema } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { type ErrorParts, EXIT, type ExitCode, MoteError, SchemaError, TooLargeError } from "../errors.js";
import { abbreviate } from "../schema.js";
import { explainFault } from "../schema-fault.js";
import type { UpdateReport } from "../update/report.js";
import {
  EnrollAnswer,
  type EnrollRequest,
  ErrorAnswer,
  NonceAnswer,
  PATHS,
  PollAnswer,
  type PollRequest,
  ReportsAnswer,
  SessionAnswer,
  TelemetryAnswer,
} from "./device.js";

/**
 * The device's side of the HTTP contract. `fetch` is handed in, so that Node, a browser and a test use the same code.
 * Methods: enroll, nonce, session, poll and reports are POST with JSON; metadata and blobs are GET.
 */

/** The slice of the standard `fetch` that the client needs. */
export type Fetch = (url: string, init?: FetchInit) => Promise<FetchResponse>;
export interface FetchInit {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}
export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
}

export const CLIENT_LIMITS = {
  /** Bytes of a JSON answer; a server that sends more is cut off. */
  answerMaxBytes: 64 * 1024,
  /** Characters of a server's message that reach a log. */
  messageMaxLength: 256,
} as const;

/** The server can't be reached, or the connection broke; worth trying again later. */
export class NetworkError extends MoteError {
  readonly code = "MOTE_NETWORK";
  readonly exitCode = EXIT.fault;
}

/** The server understood the request and refused it. */
export class ServerRefusedError extends MoteError {
  readonly code = "MOTE_SERVER_REFUSED";
  readonly exitCode: ExitCode;
  readonly status: number;
  /** The server's own code, such as MOTE_TOKEN_USED; "unknown" when the answer was not ours. */
  readonly serverCode: string;
  constructor(parts: ErrorParts, status: number, serverCode: string) {
    super(parts);
    this.status = status;
    this.serverCode = serverCode;
    this.exitCode = serverCode.startsWith("MOTE_TRUST") ? EXIT.refusedByTrust : EXIT.badInput;
  }
}

export interface DeviceClient {
  enroll(request: EnrollRequest): Promise<EnrollAnswer>;
  /** 32 random bytes as hex, good for one session request. */
  nonce(deviceId: string): Promise<string>;
  session(deviceId: string, nonce: string, signatureHex: string): Promise<SessionAnswer>;
  poll(deviceId: string, token: string, request: PollRequest, signal?: AbortSignal): Promise<PollAnswer>;
  /** Ids that the server has stored durably. */
  reports(deviceId: string, token: string, reports: readonly UpdateReport[]): Promise<string[]>;
  /** Resolves when the server has stored the frames durably, or has dropped what is none. */
  telemetry(deviceId: string, token: string, frames: readonly Uint8Array[]): Promise<TelemetryAnswer>;
  /** TUF metadata by file name; null where the server has none. Throws TooLargeError beyond `maxBytes`. */
  metadata(file: string, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array | null>;
  /**
   * Opens a blob at byte `from`. `from` of the answer is 0 when the server ignored the range.
   *
   * @param token null where the way there has proved who asks (MQTT).
   */
  blob(sha256: string, from: number, token: string | null, signal?: AbortSignal): Promise<BlobStream>;
}

export interface BlobStream {
  readonly from: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** `baseUrl`: such as https://fleet.example.org, with or without a trailing slash. */
export function createDeviceClient(baseUrl: string, fetch: Fetch): DeviceClient {
  const base = baseUrl.replace(/\/+$/, "");

  async function request(path: string, init: FetchInit): Promise<FetchResponse> {
    try {
      return await fetch(`${base}${path}`, init);
    } catch (cause) {
      throw networkError(base, cause);
    }
  }

  async function post<T extends TSchema>(
    path: string,
    schema: T,
    body: unknown,
    token?: string,
    signal?: AbortSignal,
  ): Promise<Static<T>> {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
    const response = await request(path, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
    if (response.status !== 200 && response.status !== 201) throw await refusal(path, response);
    return checked(schema, await readAll(response, CLIENT_LIMITS.answerMaxBytes, base), path);
  }

  return {
    enroll: (body) => post(PATHS.enroll, EnrollAnswer, body),
    nonce: async (deviceId) => (await post(PATHS.nonce(deviceId), NonceAnswer, {})).nonce,
    session: (deviceId, nonce, signature) =>
      post(PATHS.session(deviceId), SessionAnswer, { nonce, signature }),
    poll: (deviceId, token, body, signal) => post(PATHS.poll(deviceId), PollAnswer, body, token, signal),
    reports: async (deviceId, token, reports) =>
      (await post(PATHS.reports(deviceId), ReportsAnswer, { reports }, token)).accepted,
    telemetry: (deviceId, token, frames) =>
      post(PATHS.telemetry(deviceId), TelemetryAnswer, { frames: frames.map(toBase64) }, token),

    async metadata(file, maxBytes, signal) {
      const response = await request(PATHS.metadata(file), signal === undefined ? {} : { signal });
      if (response.status === 404) {
        await discard(response);
        return null;
      }
      if (response.status !== 200) throw await refusal(PATHS.metadata(file), response);
      return readAll(response, maxBytes, base);
    },

    async blob(sha256, from, token, signal) {
      const headers: Record<string, string> = {
        ...(from > 0 ? { range: `bytes=${from}-` } : {}),
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      };
      const response = await request(PATHS.blob(sha256), {
        headers,
        ...(signal === undefined ? {} : { signal }),
      });
      if (response.status === 206) {
        const start = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
        return { from: start === undefined ? from : Number(start), chunks: guarded(response, base) };
      }
      if (response.status !== 200) throw await refusal(PATHS.blob(sha256), response);
      return { from: 0, chunks: guarded(response, base) };
    },
  };
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function networkError(base: string, cause: unknown): NetworkError {
  return new NetworkError({
    expected: `an answer from ${base}`,
    got: networkReason(cause),
    todo: "Check the address, the network and that the server runs; the agent tries again by itself.",
    cause,
  });
}

/** Node's fetch says only "fetch failed"; the reason is in its cause. */
export function networkReason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  let at = cause;
  while (at.cause instanceof Error) at = at.cause;
  return at.message || at.name;
}

/** A connection that breaks in mid-body is a NetworkError too. */
async function* guarded(response: FetchResponse, base: string): AsyncIterable<Uint8Array> {
  if (response.body === null) return;
  try {
    for await (const chunk of response.body) yield chunk;
  } catch (cause) {
    throw networkError(base, cause);
  }
}

/** A body that is not read keeps its connection; a refused one is short, so it is read to its end. */
async function discard(response: FetchResponse): Promise<void> {
  try {
    await readAll(response, CLIENT_LIMITS.answerMaxBytes, "the server");
  } catch {
    // The answer's status has already decided; its body can't change that.
  }
}

async function readAll(response: FetchResponse, maxBytes: number, base: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of guarded(response, base)) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new TooLargeError({
        expected: `an answer of at most ${maxBytes} bytes`,
        got: `at least ${length} bytes`,
        todo: "The server, or something between, sends endless data; the connection was cut.",
      });
    }
    chunks.push(chunk);
  }
  const out = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

function checked<T extends TSchema>(schema: T, bytes: Uint8Array, path: string): Static<T> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new SchemaError({
      expected: `JSON from ${path}`,
      got: `${bytes.length} bytes of something else`,
      todo: "Check that the address is that of a Mote server and not of a proxy's own page.",
      cause,
    });
  }
  // A newer server may send more than this client knows; only what the schema names is taken.
  const known = Value.Clean(schema, value);
  if (!Value.Check(schema, known)) {
    const fault = explainFault(Value.Errors(schema, known));
    throw new SchemaError({
      expected: `an answer of ${path} that follows the contract`,
      got:
        fault === null ? "another" : `${abbreviate(fault.value)} at "${fault.path || "/"}" (${fault.rule})`,
      todo: "Check that server and agent have matching versions.",
    });
  }
  return known;
}

async function refusal(path: string, response: FetchResponse): Promise<ServerRefusedError> {
  let code = "unknown";
  let told: string | undefined;
  try {
    const bytes = await readAll(response, CLIENT_LIMITS.answerMaxBytes, path);
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (Value.Check(ErrorAnswer, value)) {
      code = value.code;
      const { messageMaxLength } = CLIENT_LIMITS;
      told = `${value.message.slice(0, messageMaxLength)} (${code}, HTTP ${response.status} from ${path})`;
    }
  } catch {
    // Not our error format (a proxy's page, a cut connection): the status alone must do.
  }
  return new ServerRefusedError(
    {
      expected: `${path} to be accepted`,
      got: `HTTP ${response.status} ${code}`,
      todo:
        response.status === 401
          ? "Check that this device is enrolled and not revoked."
          : "See the server's log for this request.",
      ...(told === undefined ? {} : { told }),
    },
    response.status,
    code,
  );
}
