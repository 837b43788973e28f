import { request } from "node:http";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeRelease, sha256, type TestRelease } from "../testing/release.js";
import { TestBench } from "../testing/server.js";
import { acceptedCoding } from "./contentCoding.js";

let bench: TestBench;
let release: TestRelease;
beforeAll(async () => {
  bench = await TestBench.start({ downloadsFor: "anyone" });
  await bench.publishRoot();
  release = makeRelease(1, new Uint8Array(100_000).fill(7));
  await bench.signers.publish(bench.operator, [release], bench.now());
});
afterAll(() => bench.close());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** As sent: fetch would decode it. */
function get(path: string, headers: Record<string, string>, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(`${bench.server.url}${path}`, { method, headers }, async (answer) => {
      const chunks: Buffer[] = [];
      for await (const chunk of answer) chunks.push(chunk as Buffer);
      resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(chunks) });
    });
    asked.on("error", reject).end();
  });
}

test("the better coding that is accepted is taken", () => {
  expect(acceptedCoding("gzip, deflate, br")).toBe("br");
  expect(acceptedCoding("GZIP;q=0.5")).toBe("gzip");
  expect(acceptedCoding("br;q=0, gzip;q=1")).toBe("gzip");
  expect(acceptedCoding("br ; q=0.000")).toBeNull();
  expect(acceptedCoding("identity")).toBeNull();
  expect(acceptedCoding(undefined)).toBeNull();
});

describe("metadata and manifests", () => {
  test("are sent compressed to whoever accepts it, and as they are to others", async () => {
    const manifest = `/blobs/${sha256(release.manifestBytes)}`;
    for (const path of ["/tuf/metadata/timestamp.json", "/tuf/metadata/1.root.json", manifest]) {
      const plain = await get(path, {});
      expect(plain.headers["content-encoding"], path).toBeUndefined();
      for (const [coding, decode] of [
        ["br", brotliDecompressSync],
        ["gzip", gunzipSync],
      ] as const) {
        const { status, headers, body } = await get(path, { "accept-encoding": coding });
        expect([status, headers["content-encoding"], headers["vary"]], path).toEqual([
          200,
          coding,
          "accept-encoding",
        ]);
        expect(Number(headers["content-length"])).toBe(body.length);
        expect(body.length).toBeLessThan(plain.body.length);
        expect(decode(body).equals(plain.body)).toBe(true);
      }
    }
  });

  test("have an ETag of their own when compressed, and ranges of what they are", async () => {
    const path = `/blobs/${sha256(release.manifestBytes)}`;
    const coded = await get(path, { "accept-encoding": "br" });
    const head = await get(path, { "accept-encoding": "br" }, "HEAD");
    expect(head.headers["content-length"]).toBe(coded.headers["content-length"]);
    expect(head.body).toHaveLength(0);
    const etag = coded.headers["etag"] as string;
    expect(etag).not.toBe((await get(path, {})).headers["etag"]);
    expect((await get(path, { "accept-encoding": "br", "if-none-match": etag })).status).toBe(304);
    const part = await get(path, { "accept-encoding": "br", range: "bytes=10-" });
    expect([part.status, part.headers["content-encoding"]]).toEqual([206, undefined]);
    expect(part.body.equals(Buffer.from(release.manifestBytes.subarray(10)))).toBe(true);
    // Bytes of the compressed answer can't be gone on with: the whole comes.
    const odd = await get(path, { range: "bytes=10-", "if-range": etag });
    expect([odd.status, odd.body.length]).toEqual([200, release.manifestBytes.length]);
  });
});

test("large artifacts, and what does not get smaller, are sent as they are", async () => {
  const random = release.manifest.variants[0]!.golden.inputs.sha256;
  for (const digest of [sha256(release.artifact), random]) {
    const { status, headers } = await get(`/blobs/${digest}`, { "accept-encoding": "br" });
    expect([status, headers["content-encoding"]]).toEqual([200, undefined]);
  }
});
