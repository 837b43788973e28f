import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import openapiTypescript, { astToString, type OpenAPI3 } from "openapi-typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeRelease } from "../testing/release.js";
import { TestBench } from "../testing/server.js";
import { createServerClient } from "./client.js";

const FILE = join(import.meta.dirname, "schema.ts");
const HEAD = "/** Generated from /openapi.json by `npm run openapi`; not for editing. */\n\n";

let bench: TestBench;
beforeAll(async () => {
  bench = await TestBench.start();
  await bench.publishRoot();
  await bench.signers.publish(bench.operator, [makeRelease(1)], bench.now());
});
afterAll(() => bench.close());

test("the client's types are those of the document that the server serves", async () => {
  const document = (await (await fetch(`${bench.server.url}/openapi.json`)).json()) as OpenAPI3;
  const text = HEAD + astToString(await openapiTypescript(document));
  if (process.env["MOTE_WRITE_OPENAPI"] !== undefined) writeFileSync(FILE, text);
  expect(text === readFileSync(FILE, "utf8"), "schema.ts is stale: run `npm run openapi`").toBe(true);
  // That took the event loop for seconds, in which the server has ended the idle connection: the client is to see it.
  await pause(100);
});

test("reads and acts on a real server, and hands a refusal over as it was said", async () => {
  const token = readFileSync(join(bench.folder, "admin.token"), "utf8").trim();
  const client = createServerClient(bench.server.url, token);
  const { data: releases } = await client.GET("/api/v1/releases");
  expect(releases?.releases.map(({ product, version }) => `${product} ${version}`)).toEqual(["digits 1.0.0"]);
  const { data: made } = await client.POST("/api/v1/enrolment-tokens", {
    body: { product: "digits", count: 2 },
  });
  expect(made?.tokens).toHaveLength(2);
  const { error, response } = await client.GET("/api/v1/devices/{id}", {
    params: { path: { id: "nobody" } },
  });
  expect(response.status).toBe(404);
  expect(error?.code).toBe("MOTE_NOT_FOUND");
});
