import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { createDeviceClient, TooLargeError } from "@mote/protocol";
import { afterEach, expect, it } from "vitest";
import { nodeFetch } from "./fetch.js";

let server: Server;
afterEach(() => server.close());

async function clientOf(body: Uint8Array) {
  server = createServer((_, answer) => answer.setHeader("content-encoding", "gzip").end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return createDeviceClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, nodeFetch);
}

it("decodes what a server has compressed", async () => {
  const client = await clientOf(gzipSync("{}"));
  expect(await client.metadata("timestamp.json", 2)).toEqual(new Uint8Array(Buffer.from("{}")));
});

it("is no way to send a bomb: metadata are cut off at their limit, decoded", async () => {
  const client = await clientOf(gzipSync(new Uint8Array(64 * 1024 * 1024)));
  await expect(client.metadata("timestamp.json", 16 * 1024)).rejects.toThrow(TooLargeError);
});
