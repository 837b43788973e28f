import { ErrorAnswer } from "@mote/protocol";
import { Value } from "@sinclair/typebox/value";
import { afterAll, beforeAll, expect, it } from "vitest";
import { TestBench } from "../testing/server.js";

interface Operation {
  readonly method: string;
  readonly path: string;
}

/** What is wrong in a request, and its body. */
const BODIES: Readonly<Record<string, { type: string; body: string | Uint8Array }>> = {
  "no JSON": { type: "application/json", body: "{" },
  "another document": { type: "application/json", body: JSON.stringify({ surprise: true }) },
  "a document of the wrong kind": { type: "application/json", body: "[]" },
  nothing: { type: "application/json", body: "" },
  "another type": { type: "text/csv", body: "a,b" },
  "bytes of nothing": { type: "application/octet-stream", body: new Uint8Array([1, 2, 3]) },
};

let bench: TestBench;
let operations: Operation[];

beforeAll(async () => {
  bench = await TestBench.start();
  await bench.publishRoot();
  const document = (await (await fetch(`${bench.server.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  );
});
afterAll(() => bench.close());

/** Expected one thing; got another. What to do. */
const SENTENCE = /^Expected .+; got .+\. .+\.$/s;

it("tells every refusal of every route in one sentence that reads well", async () => {
  const bad: string[] = [];
  const tokens = { nobody: undefined, "a stranger": "Bearer nonsense", an_admin: `Bearer ${bench.token}` };
  for (const { method, path } of operations) {
    for (const [who, authorization] of Object.entries(tokens)) {
      const hasBody = method !== "GET" && method !== "HEAD" && method !== "DELETE";
      for (const [what, { type, body }] of hasBody
        ? Object.entries(BODIES)
        : [["", { type: "", body: "" }] as const]) {
        for (const filling of ["none-such", "%20"]) {
          const url = `${bench.server.url}${path.replace(/\{[^}]+\}/g, filling)}${hasBody ? "" : "?limit=none"}`;
          const headers = {
            ...(authorization === undefined ? {} : { authorization }),
            ...(hasBody ? { "content-type": type } : {}),
          };
          const abort = new AbortController();
          const response = await fetch(url, {
            method,
            headers,
            signal: abort.signal,
            ...(hasBody ? { body } : {}),
          });
          if (response.status < 400 || method === "HEAD") {
            abort.abort();
            continue;
          }
          const answer = (await response.json()) as { message: string };
          const { message } = answer;
          const isGood =
            Value.Check(ErrorAnswer, answer) &&
            SENTENCE.test(message) &&
            !/\.\.|got Expected|undefined|\[object/.test(message);
          if (!isGood) bad.push(`${method} ${path} by ${who} with ${what}: ${response.status} ${message}`);
        }
      }
    }
  }
  expect([...new Set(bad)]).toEqual([]);
});
