import { access, rename } from "node:fs/promises";
import { join } from "node:path";
import { DEFAULT_GATES, findTarget, pinRoot, refresh, type TrustState, targetPath } from "@mote/protocol";
import { generateKey, nodeSha256, nodeVerify, writeServerKeys } from "@mote/protocol/node";
import { afterEach, expect, test } from "vitest";
import { makeRelease } from "../testing/release.js";
import { TestBench } from "../testing/server.js";

let bench: TestBench;
afterEach(() => bench.close());

const deps = { sha256: nodeSha256, verify: nodeVerify };

/** What a device does, through the server's own door. */
function refreshFrom(state: TrustState): Promise<TrustState> {
  const fetchFile = async (file: string) => {
    const response = await fetch(`${bench.server.url}/tuf/metadata/${file}`);
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
  };
  return refresh(state, { ...deps, fetch: fetchFile, persist: async () => {}, clockMs: bench.now() });
}

test("in server mode the server signs what was uploaded, and devices see no difference", async () => {
  bench = await TestBench.start({}, "server");
  const root = await bench.publishRoot();
  const delegated = bench.signers.sign([], bench.now(), { delegateTo: bench.keys.targets! });
  await bench.operator.putMetadata(delegated.file, delegated.bytes);
  expect((await bench.operator.trust()).mode).toBe("server");
  const release = makeRelease(1);
  await bench.operator.uploadBundle(release.bundle);
  const request = { product: "digits", version: "1.0.0" };
  expect(await bench.operator.signRelease(request)).toMatchObject({ role: "server", roleVersion: 1 });
  expect(await bench.operator.signRelease(request)).toMatchObject({ roleVersion: 1 });
  const state = await refreshFrom(pinRoot(root));
  const found = findTarget(state, targetPath("digits", "1.0.0"), { ...deps, clockMs: bench.now() });
  expect(found.custom).toMatchObject({ sequence: 1, hardware: ["gateway"] });
  expect((await bench.operator.releases()).releases[0]!.signedBy).toBe("server");
});

test("in offline mode the server can't sign a release", async () => {
  bench = await TestBench.start();
  await bench.publishRoot();
  await bench.signers.publish(bench.operator, [], bench.now());
  await bench.operator.uploadBundle(makeRelease(1).bundle);
  await expect(bench.operator.signRelease({ product: "digits", version: "1.0.0" })).rejects.toThrow(
    /offline mode/,
  );
});

test("freshness is signed again in time, and goes on growing over a restart", async () => {
  bench = await TestBench.start();
  const root = await bench.publishRoot();
  await bench.signers.publish(bench.operator, [makeRelease(1)], bench.now());
  const before = await refreshFrom(pinRoot(root));
  await bench.server.close();
  bench.aheadMs += 5 * 86_400_000;
  await bench.restart();
  const after = await refreshFrom(before);
  expect(after.timeMs).toBeGreaterThan(before.timeMs + 4 * 86_400_000);
});

test("a server whose root and targets have expired starts, says so, and is mended by what is signed anew", async () => {
  bench = await TestBench.start();
  const root = await bench.publishRoot();
  const release = makeRelease(1);
  await bench.signers.publish(bench.operator, [release], bench.now());
  const before = await refreshFrom(pinRoot(root));
  await bench.server.close();
  bench.aheadMs += 400 * 86_400_000;
  await bench.restart();
  expect((await bench.operator.ready()).notes.join()).toMatch(/root metadata has expired/);
  await expect(refreshFrom(before)).rejects.toMatchObject({ code: "MOTE_TRUST_EXPIRED" });
  await bench.operator.putMetadata("2.root.json", bench.signers.rootFor(bench.keys, bench.now(), 2));
  const { file, bytes } = bench.signers.sign([release], bench.now());
  await bench.operator.putMetadata(file, bytes);
  expect((await bench.operator.ready()).notes.join()).not.toMatch(/expired/);
  expect(Buffer.from((await refreshFrom(before)).root).toString()).toContain(`"version":2`);
});

test("a server that finds no keys makes none where a root names some, and one with others says so", async () => {
  bench = await TestBench.start();
  await bench.publishRoot();
  await bench.signers.publish(bench.operator, [], bench.now());
  const { server, folder } = bench;
  await server.close();
  const aside = join(folder, "aside");
  await rename(join(folder, "keys"), aside);
  await expect(bench.restart()).rejects.toMatchObject({ code: "MOTE_CONFIG" });
  await expect(access(join(folder, "keys"))).rejects.toThrow();
  const others = { snapshot: generateKey(), timestamp: generateKey(), targets: null };
  await writeServerKeys(join(folder, "keys"), others);
  await bench.restart();
  expect((await bench.operator.ready()).notes.join()).toMatch(/another timestamp key/);
  // As after a theft: the root that names the new keys comes to the server that has them.
  await bench.operator.putMetadata("2.root.json", bench.signers.rootFor(others, bench.now(), 2));
  expect((await bench.operator.ready()).notes.join()).not.toMatch(/another timestamp key/);
});

test("a release below the signed floor is retired and can't be rolled out", async () => {
  bench = await TestBench.start();
  await bench.publishRoot();
  const releases = [makeRelease(1), makeRelease(2)];
  await bench.signers.publish(bench.operator, releases, bench.now());
  const floored = bench.signers.sign([], bench.now(), { floors: { digits: 2 } });
  await bench.operator.putMetadata(floored.file, floored.bytes);
  const views = (await bench.operator.releases()).releases;
  expect(views.map(({ version, retired }) => [version, retired])).toEqual([
    ["2.0.0", false],
    ["1.0.0", true],
  ]);
  const plan = {
    product: "digits",
    version: "1.0.0",
    query: {},
    waves: [{ name: "all", share: 1, soakS: 0 }],
    gates: DEFAULT_GATES,
    onFailure: "hold" as const,
    preconditions: {},
    approvals: 0,
  };
  await expect(bench.operator.createRollout(plan)).rejects.toMatchObject({
    serverCode: "MOTE_TRUST_BELOW_FLOOR",
    exitCode: 4,
  });
});
