import { encode } from "cborg";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SchemaError, toHex } from "../index.js";
import {
  decodeExchangeAnswer,
  decodeExchangeRequest,
  EXCHANGE_LIMITS,
  type ExchangeRequest,
  encodeExchangeAnswer,
  encodeExchangeRequest,
} from "./exchange.js";

const request: ExchangeRequest = {
  id: 7,
  method: "GET",
  path: "/blobs/00",
  token: null,
  range: [16_384, 32_767],
  body: new Uint8Array(),
};

test("a request and an answer come back as they were, in these bytes", () => {
  const bytes = encodeExchangeRequest(request);
  expect(toHex(bytes)).toBe("860700692f626c6f62732f3030f682194000197fff40");
  expect(decodeExchangeRequest(bytes)).toEqual(request);
  const answer = {
    id: 7,
    status: 206,
    etag: '"ab"',
    range: [16_384, 40_000] as [number, number],
    retryAfterS: null,
    body: new Uint8Array([1, 2, 3]),
  };
  expect(decodeExchangeAnswer(encodeExchangeAnswer(answer))).toEqual(answer);
});

test("positions that a newer side has added are ignored", () => {
  const newer = encode([7, 0, "/blobs/00", null, [16_384, 32_767], new Uint8Array(), "news"]);
  expect(decodeExchangeRequest(newer)).toEqual(request);
});

test.each([
  ["another method", encode([7, 2, "/x", null, null, new Uint8Array()])],
  ["a negative id", encode([-1, 0, "/x", null, null, new Uint8Array()])],
  ["a path that is too long", encode([7, 0, "/".repeat(300), null, null, new Uint8Array()])],
  ["a range of one end", encode([7, 0, "/x", null, [1], new Uint8Array()])],
  ["a body of text", encode([7, 0, "/x", null, null, "text"])],
  ["too few positions", encode([7, 0, "/x"])],
])("%s is refused", (_, bytes) => {
  expect(() => decodeExchangeRequest(bytes)).toThrow(SchemaError);
});

test("an answer with more than a chunk is refused", () => {
  const body = new Uint8Array(EXCHANGE_LIMITS.chunkMaxBytes + 1);
  expect(() => decodeExchangeAnswer(encode([7, 200, null, null, null, body]))).toThrow(SchemaError);
});

test("any other bytes are refused by name and nothing else is thrown", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const read of [decodeExchangeRequest, decodeExchangeAnswer]) {
        try {
          read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(SchemaError);
        }
      }
    }),
  );
});
