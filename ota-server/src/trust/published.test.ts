import {
  envelopeFile,
  judgeReleaseEnvelope,
  PATHS,
  pinRootEnvelope,
  type ReleaseEnvelope,
  signReleaseEnvelope,
  signRootEnvelope,
  verifyLog,
} from "@mote/protocol";
import { generateKey, nodeSha256, nodeVerify } from "@mote/protocol/node";
import { afterEach, describe, expect, test } from "vitest";
import { makeRelease, type TestRelease } from "../testing/release.js";
import { TestBench } from "../testing/server.js";

let bench: TestBench;
afterEach(() => bench.close());

const DAY_S = 86_400;
const HARDWARE = "nrf52840";

function envelopeOf(release: TestRelease, nowMs: number): ReleaseEnvelope {
  const [variant] = release.manifest.variants;
  return {
    product: "digits",
    version: release.manifest.version,
    sequence: release.manifest.sequence,
    floor: 0,
    hardware: HARDWARE,
    architectureHash: new Uint8Array(32),
    paramsSha256: new Uint8Array(32).fill(1),
    paramsLength: variant!.artifact.length,
    goldenInputsSha256: new Uint8Array(32).fill(2),
    goldenInputsLength: 64,
    goldenOutputsSha256: new Uint8Array(32).fill(3),
    goldenOutputsLength: 16,
    manifestSha256: nodeSha256(release.manifestBytes),
    issuedS: Math.floor(nowMs / 1000),
    expiresS: Math.floor(nowMs / 1000) + 90 * DAY_S,
  };
}

async function publishedRelease(): Promise<TestRelease> {
  bench = await TestBench.start();
  await bench.publishRoot();
  const release = makeRelease(1, undefined, [HARDWARE]);
  await bench.signers.publish(bench.operator, [release], bench.now());
  return release;
}

describe("envelopes for MCUs", () => {
  test("are handed to whoever asks for them by name, as they were signed", async () => {
    const release = await publishedRelease();
    const { root, targets } = bench.signers;
    const facts = envelopeOf(release, bench.now());
    const envelope = signReleaseEnvelope(facts, [targets], nodeSha256);
    const file = envelopeFile("digits", "1.0.0", HARDWARE);
    await bench.operator.putEnvelope(file, envelope);
    await bench.operator.putEnvelope(file, envelope);
    const answer = await fetch(`${bench.server.url}${PATHS.metadata(file)}`);
    expect(answer.headers.get("content-type")).toBe("application/cose");
    const fetched = new Uint8Array(await answer.arrayBuffer());
    expect(fetched).toEqual(envelope);

    const rootEnvelope = signRootEnvelope(
      {
        version: 1,
        rootThreshold: 1,
        rootKeys: [root.publicKey],
        releaseThreshold: 1,
        releaseKeys: [targets.publicKey],
        expiresS: facts.expiresS,
      },
      [root],
      nodeSha256,
    );
    await bench.operator.putEnvelope("root-1.cose", rootEnvelope);
    const question = {
      product: "digits",
      hardware: HARDWARE,
      architectureHash: new Uint8Array(32),
      clockS: null,
    };
    const deps = { sha256: nodeSha256, verify: nodeVerify };
    const judged = judgeReleaseEnvelope(pinRootEnvelope(rootEnvelope), fetched, question, deps);
    expect(judged.release.paramsSha256).toEqual(facts.paramsSha256);
    const names = (await bench.operator.publishLog()).entries.map(({ name }) => name);
    expect(names.slice(-2)).toEqual([file, "root-1.cose"]);
  });

  test("that MCUs would refuse are not stored", async () => {
    const release = await publishedRelease();
    const { root, targets } = bench.signers;
    const facts = envelopeOf(release, bench.now());
    const file = envelopeFile("digits", "1.0.0", HARDWARE);
    const put = (name: string, change: Partial<ReleaseEnvelope>, signer = targets) =>
      bench.operator.putEnvelope(name, signReleaseEnvelope({ ...facts, ...change }, [signer], nodeSha256));
    const refusedWith = (serverCode: string) => expect.objectContaining({ serverCode });
    await expect(put(file, {}, generateKey())).rejects.toEqual(refusedWith("MOTE_TRUST_SIGNATURE"));
    // The keys that a thief of the server has.
    await expect(put(file, {}, bench.keys.timestamp)).rejects.toEqual(refusedWith("MOTE_TRUST_SIGNATURE"));
    await expect(put(file, {}, root)).rejects.toEqual(refusedWith("MOTE_TRUST_SIGNATURE"));
    await expect(put(file, { manifestSha256: new Uint8Array(32) })).rejects.toEqual(
      refusedWith("MOTE_TRUST_MISMATCH"),
    );
    await expect(put("digits-9.9.9-x.cose", {})).rejects.toEqual(refusedWith("MOTE_TRUST_MISMATCH"));
    await expect(bench.operator.putEnvelope(file, new Uint8Array([1, 2]))).rejects.toEqual(
      refusedWith("MOTE_TRUST_FORMAT"),
    );
    expect((await fetch(`${bench.server.url}${PATHS.metadata(file)}`)).status).toBe(404);
  });
});

describe("the publish log", () => {
  test("names everything that was published, in a chain that survives a restart", async () => {
    const release = await publishedRelease();
    const first = await bench.operator.publishLog();
    expect(verifyLog(first.entries, nodeSha256)).toEqual(first.head);
    const digestOf = (name: string) => first.entries.find((entry) => entry.name === name)?.sha256;
    expect(digestOf("digits/1.0.0/manifest.json")).toBe(
      Buffer.from(nodeSha256(release.manifestBytes)).toString("hex"),
    );
    expect(first.entries.map(({ name }) => name)).toContain("1.root.json");
    expect(first.entries.some(({ name }) => name === "timestamp.json")).toBe(false);

    await bench.server.close();
    await bench.restart();
    await bench.signers.publish(bench.operator, [makeRelease(2)], bench.now());
    const second = await bench.operator.publishLog();
    expect(second.head.length).toBeGreaterThan(first.head.length);
    expect(verifyLog(second.entries, nodeSha256, [first.head])).toEqual(second.head);
    const tail = await bench.operator.publishLog(first.head.length);
    expect([...first.entries, ...tail.entries]).toEqual(second.entries);
  });

  test("gives a thief away who rewrites what was published", async () => {
    await publishedRelease();
    const { entries, head } = await bench.operator.publishLog();
    const rewritten = entries.map((entry, i) => (i === 1 ? { ...entry, sha256: "0".repeat(64) } : entry));
    expect(() => verifyLog(rewritten, nodeSha256, [head])).toThrow(/changed, removed or reordered/);
    expect(() => verifyLog(entries.slice(0, -1), nodeSha256, [head])).toThrow(/to lead to/);
  });
});
