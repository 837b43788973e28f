import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { decode, encode } from "cborg";
import { SchemaError } from "../errors.js";
import { checkSchema } from "../schema.js";

/**
 * The device's HTTP contract (device.ts) as messages, for devices that have MQTT alone: a request on the device's request
 * topic, its answer on the answer topic. Both are positional CBOR arrays in deterministic form (RFC 8949, 4.2). Positions
 * are append-only; a reader ignores those that it does not know.
 *
 * An answer never holds more than a chunk. What is longer is asked for by range, as HTTP has it (RFC 9110, 14): answered
 * 206 with a strong entity tag, which the device compares, so that pieces of two contents can't be taken for one. The device decides how many requests
 * are under way, which bounds what the server and the network hold for it. Answers come in the order of the requests.
 */

export const EXCHANGE_LIMITS = {
  /** Bytes of a request's payload: 64 reports. */
  requestMaxBytes: 128 * 1024,
  /** Bytes of an answer's body. Brokers and modems in the field fail beyond 64 KiB a message. */
  chunkMaxBytes: 32 * 1024,
  pathMaxLength: 256,
  tokenMaxLength: 1024,
} as const;

export const EXCHANGE_METHODS = ["GET", "POST"] as const;
/** Of a request, and of an answer. */
const POSITIONS = 6;

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
/** Bytes; no blob is longer, and its digits fit every reader of ranges. */
const Offset = Type.Integer({ minimum: 0, maximum: 2 ** 48 });

const ExchangeRequest = Type.Object({
  /** Chosen by the device; its answer has the same. */
  id: Count,
  method: Type.Union(EXCHANGE_METHODS.map((method) => Type.Literal(method))),
  path: Type.String({ minLength: 1, maxLength: EXCHANGE_LIMITS.pathMaxLength }),
  /** Bearer token, where the route asks for one. */
  token: orNull(Type.String({ maxLength: EXCHANGE_LIMITS.tokenMaxLength })),
  /** First and last byte wanted, both inclusive. */
  range: orNull(Type.Tuple([Offset, Offset])),
  /** JSON of a POST, as UTF-8. */
  body: Type.Uint8Array(),
});
export type ExchangeRequest = Static<typeof ExchangeRequest>;

const ExchangeAnswer = Type.Object({
  id: Count,
  /** HTTP status. */
  status: Type.Integer({ minimum: 100, maximum: 599 }),
  etag: orNull(Type.String({ maxLength: 128 })),
  /** Of a 206: the body's first byte, and the length of the whole. */
  range: orNull(Type.Tuple([Offset, Offset])),
  /** Seconds; see Retry-After. */
  retryAfterS: orNull(Count),
  body: Type.Uint8Array({ maxByteLength: EXCHANGE_LIMITS.chunkMaxBytes }),
});
export type ExchangeAnswer = Static<typeof ExchangeAnswer>;

export function encodeExchangeRequest(request: ExchangeRequest): Uint8Array {
  const { id, method, path, token, range, body } = request;
  return encode([id, EXCHANGE_METHODS.indexOf(method), path, token, range, body]);
}

/** Throws SchemaError on anything that is no request. */
export function decodeExchangeRequest(bytes: Uint8Array): ExchangeRequest {
  const [id, method, path, token, range, body] = positions(bytes, "request");
  const named = { id, method: EXCHANGE_METHODS[method as number], path, token, range, body };
  return checkSchema(ExchangeRequest, named, "the request");
}

export function encodeExchangeAnswer(answer: ExchangeAnswer): Uint8Array {
  const { id, status, etag, range, retryAfterS, body } = answer;
  return encode([id, status, etag, range, retryAfterS, body]);
}

/** Throws SchemaError on anything that is no answer. */
export function decodeExchangeAnswer(bytes: Uint8Array): ExchangeAnswer {
  const [id, status, etag, range, retryAfterS, body] = positions(bytes, "answer");
  return checkSchema(ExchangeAnswer, { id, status, etag, range, retryAfterS, body }, "the answer");
}

function positions(bytes: Uint8Array, what: string): unknown[] {
  let value: unknown;
  let cause: unknown;
  try {
    value = decode(bytes, { strict: true });
  } catch (error) {
    cause = error;
  }
  if (Array.isArray(value) && value.length >= POSITIONS) return value;
  throw new SchemaError({
    expected: `a CBOR array of at least ${POSITIONS} positions as ${what}`,
    got: `${bytes.length} bytes of something else`,
    todo: "Check that device and server have matching versions; the message was dropped.",
    ...(cause === undefined ? {} : { cause }),
  });
}
