import { mkdtempSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sha256 } from "../testing/release.js";
import { DiskBlobs } from "./diskBlobs.js";

async function open() {
  const folder = mkdtempSync(join(tmpdir(), "mote-blobs-"));
  return { folder, blobs: await DiskBlobs.open(folder) };
}

test("a blob is found by its digest, whole or in part, and may be put twice", async () => {
  const { blobs } = await open();
  const bytes = new Uint8Array(5000).map((_, i) => i);
  const digest = sha256(bytes);
  await Promise.all([blobs.put(digest, bytes), blobs.put(digest, bytes)]);
  expect(await blobs.length(digest)).toBe(5000);
  expect(await blobs.read(digest)).toEqual(bytes);
  const parts: Buffer[] = [];
  for await (const part of blobs.stream(digest, 100, 199)) parts.push(part as Buffer);
  expect(new Uint8Array(Buffer.concat(parts))).toEqual(bytes.subarray(100, 200));
});

test("bytes that are not what the digest names are refused and leave nothing behind", async () => {
  const { folder, blobs } = await open();
  const digest = sha256(new Uint8Array([1]));
  await expect(blobs.put(digest, new Uint8Array([2]))).rejects.toMatchObject({
    code: "MOTE_DIGEST_MISMATCH",
  });
  expect(await blobs.length(digest)).toBeNull();
  expect(readdirSync(join(folder, "incoming"))).toEqual([]);
});

test("a name that is no digest finds nothing, whatever lies on the disk", async () => {
  const { folder, blobs } = await open();
  writeFileSync(join(folder, "secret"), "x");
  expect(await blobs.length("../secret")).toBeNull();
  expect(await blobs.length("secret")).toBeNull();
});

test("what a crash left half-written long ago is thrown away; what another server writes now is not", async () => {
  const { folder } = await open();
  writeFileSync(join(folder, "incoming", "half"), "half");
  writeFileSync(join(folder, "incoming", "growing"), "gro");
  const longAgoS = Date.now() / 1000 - 7200;
  utimesSync(join(folder, "incoming", "half"), longAgoS, longAgoS);
  await DiskBlobs.open(folder);
  expect(readdirSync(join(folder, "incoming"))).toEqual(["growing"]);
});
