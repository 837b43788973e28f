import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { backup } from "../backup/backup.js";
import { restore } from "../backup/restore.js";
import { makeRelease, sha256 } from "../testing/release.js";
import { TestStorage, whyNoS3 } from "../testing/s3proxy.js";
import { TestBench } from "../testing/server.js";
import { DiskBlobs } from "./diskBlobs.js";
import { S3Blobs } from "./s3Blobs.js";

const reason = whyNoS3();

describe("a bucket's address", () => {
  const credentials = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" };

  it("is refused where it could not be used, before anything is asked", async () => {
    for (const place of ["s3://", "s3://Bucket", "s3://bucket/a b", "s3://bucket/x?y=1", "s3://a"]) {
      await expect(S3Blobs.open(place, credentials)).rejects.toMatchObject({ code: "MOTE_CONFIG" });
    }
    await expect(S3Blobs.open("s3://bucket", {})).rejects.toThrow(/AWS_ACCESS_KEY_ID/);
    const plain = { ...credentials, AWS_ENDPOINT_URL_S3: "http://192.0.2.9:9000" };
    await expect(S3Blobs.open("s3://bucket", plain)).rejects.toThrow(/https endpoint/);
  });
});

describe.skipIf(reason !== null)(reason ?? "blobs in a bucket (S3Proxy)", () => {
  let storage!: TestStorage;
  beforeAll(async () => {
    storage = await TestStorage.start();
  }, 120_000);
  afterAll(() => storage?.remove());

  const bytesOf = (length: number, seed: number) =>
    new Uint8Array(length).map((_, i) => (i * seed + (i >> 8)) & 255);

  it("are found by their digest, whole or in part, also by who opens the bucket anew", async () => {
    storage.makeBucket("whole");
    const blobs = await S3Blobs.open("s3://whole/fleet/blobs", storage.environment);
    const bytes = bytesOf(300_000, 7);
    const digest = sha256(bytes);
    expect(await blobs.length(digest)).toBeNull();
    await Promise.all([blobs.put(digest, bytes), blobs.put(digest, bytes)]);
    const again = await S3Blobs.open("s3://whole/fleet/blobs", storage.environment);
    expect(await again.length(digest)).toBe(300_000);
    expect(await again.read(digest)).toEqual(bytes);
    const parts: Uint8Array[] = [];
    for await (const part of again.stream(digest, 100_000, 100_099)) parts.push(part as Uint8Array);
    expect(new Uint8Array(Buffer.concat(parts))).toEqual(bytes.subarray(100_000, 100_100));
  });

  it("are listed beyond a page, and those of a neighbour's prefix are not among them", async () => {
    storage.makeBucket("many");
    const blobs = await S3Blobs.open("s3://many/a", storage.environment);
    const neighbour = await S3Blobs.open("s3://many/ab", storage.environment);
    const all = Array.from({ length: 1050 }, (_, i) =>
      bytesOf(4, i + 1)
        .with(0, i & 255)
        .with(1, i >> 8),
    );
    const put = async (from: number) => {
      for (let i = from; i < all.length; i += 10) await blobs.put(sha256(all[i]!), all[i]!);
    };
    await Promise.all(Array.from({ length: 10 }, (_, from) => put(from)));
    await neighbour.put(sha256(bytesOf(9, 9)), bytesOf(9, 9));
    expect(await blobs.list()).toEqual([...new Set(all.map(sha256))].sort());
    expect(await neighbour.list()).toHaveLength(1);
  });

  it("are never other bytes than their name says, and no name leads elsewhere", async () => {
    storage.makeBucket("strict");
    const blobs = await S3Blobs.open("s3://strict", storage.environment);
    await expect(blobs.put(sha256(bytesOf(3, 1)), bytesOf(3, 2))).rejects.toMatchObject({
      code: "MOTE_DIGEST_MISMATCH",
    });
    expect(await blobs.list()).toEqual([]);
    expect(await blobs.length("../many/a")).toBeNull();
  });

  it("can't be had with a wrong secret or from a bucket that is not there, and the error says so", async () => {
    storage.makeBucket("locked");
    const wrong = { ...storage.environment, AWS_SECRET_ACCESS_KEY: "guess" };
    await expect(S3Blobs.open("s3://locked", wrong)).rejects.toThrow(/403 SignatureDoesNotMatch/);
    await expect(S3Blobs.open("s3://nowhere", storage.environment)).rejects.toThrow(/404/);
  });

  it("serve a fleet, over the storage's absence too, and move to a folder by a backup", {
    timeout: 180_000,
  }, async () => {
    storage.makeBucket("fleet");
    Object.assign(process.env, storage.environment);
    const bench = await TestBench.start({ blobs: "s3://fleet/one" });
    const work = mkdtempSync(join(tmpdir(), "mote-s3-backup-"));
    try {
      await bench.publishRoot();
      const release = makeRelease(1, bytesOf(50_000, 3));
      await bench.signers.publish(bench.operator, [release], bench.now());
      const [device] = await bench.devices(1);
      const digest = sha256(release.artifact);
      const part = await device!.client.blob(digest, 49_000, device!.token);
      const chunks: Uint8Array[] = [];
      for await (const chunk of part.chunks) chunks.push(chunk);
      expect(part.from).toBe(49_000);
      expect(new Uint8Array(Buffer.concat(chunks))).toEqual(release.artifact.subarray(49_000));
      await device!.disconnect(true);

      await storage.down();
      await expect(bench.operator.uploadBundle(makeRelease(2).bundle)).rejects.toMatchObject({
        status: 503,
        serverCode: "MOTE_STORE",
      });
      expect((await bench.operator.releases()).releases).toHaveLength(1);
      await storage.up();
      await bench.operator.uploadBundle(makeRelease(2).bundle);

      const file = join(work, "fleet.tar");
      await bench.server.close();
      const places = {
        store: { folder: bench.folder },
        blobs: "s3://fleet/one",
        serverKeys: join(bench.folder, "keys"),
      };
      const made = await backup(places, file, Date.now(), "test", () => undefined);
      expect(made.blobs).toBeGreaterThanOrEqual(4);
      const data = join(work, "data");
      await restore(file, { data }, Date.now(), () => undefined);
      const onDisk = await DiskBlobs.open(join(data, "blobs"));
      expect(await onDisk.read(sha256(release.artifact))).toEqual(release.artifact);
      await bench.restart();
    } finally {
      await bench.close();
      rmSync(work, { recursive: true });
      for (const name of Object.keys(storage.environment)) delete process.env[name];
    }
  });
});
