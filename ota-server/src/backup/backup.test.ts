import { execFile, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pinRoot, refresh, type TrustState } from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkConfig } from "../config.js";
import { PatchWorker } from "../delivery/patchWorker.js";
import { SILENT } from "../log.js";
import { MoteServer } from "../server.js";
import { listTables } from "../store/dump.js";
import { TestCluster, whyNoPostgres } from "../testing/postgres.js";
import { makeRelease, sha256, type TestRelease } from "../testing/release.js";
import { TestBench } from "../testing/server.js";
import type { BackupSummary } from "./backup.js";

/** The commands as an operator runs them, beside a server at work. */

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const GOOD = { confidence: 0.9, accuracy: 1 };

/** Not waited for in this thread: the server that is backed up works in it. */
function mote(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      resolve({ status: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

function refreshFrom(url: string, state: TrustState): Promise<TrustState> {
  return refresh(state, {
    sha256: nodeSha256,
    verify: nodeVerify,
    persist: async () => {},
    clockMs: Date.now(),
    fetch: async (file) => {
      const response = await fetch(`${url}/tuf/metadata/${file}`);
      return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
    },
  });
}

/** A server in server mode with a release, and a device that has worked with it. */
async function liveServer() {
  const bench = await TestBench.start({}, "server");
  const root = await bench.publishRoot();
  const { file, bytes } = bench.signers.sign([], bench.now(), { delegateTo: bench.keys.targets! });
  await bench.operator.putMetadata(file, bytes);
  const first = makeRelease(1);
  await addRelease(bench, first);
  const [device] = await bench.devices(1);
  await device!.poll();
  await device!.sendWindow(GOOD);
  return { bench, root, device: device!, first };
}

async function addRelease(bench: TestBench, release: TestRelease): Promise<void> {
  await bench.operator.uploadBundle(release.bundle);
  await bench.operator.signRelease({ product: "digits", version: release.manifest.version });
}

async function startOn(settings: Record<string, unknown>): Promise<MoteServer> {
  const config = checkConfig({ port: 0, mqttPort: 0, ...settings });
  return MoteServer.start({ config, clock: Date.now, log: SILENT, patches: new PatchWorker() });
}

let live: Awaited<ReturnType<typeof liveServer>>;
let out: string;
let file: string;
let summary: BackupSummary;
let trust: TrustState;

beforeAll(async () => {
  out = mkdtempSync(join(tmpdir(), "mote-backup-"));
  file = join(out, "fleet.tar");
  live = await liveServer();
  const { bench, root, device } = live;
  const made = await mote("backup", "--data", bench.folder, "-o", file, "--json");
  expect(made.stderr).toContain("devices: 1 rows");
  summary = JSON.parse(made.stdout);
  // Life goes on after the backup: the device sees metadata that the backup has never heard of.
  await addRelease(bench, makeRelease(2));
  trust = await refreshFrom(bench.server.url, pinRoot(root));
  await device.sendWindow(GOOD);
  await device.disconnect();
});
afterAll(async () => {
  await live.bench.close();
  rmSync(out, { recursive: true });
});

async function expectToCarryOn(server: MoteServer): Promise<void> {
  const { first } = live;
  const revived = live.device.at(server);
  // Without the jump this device would see a rollback attack: all versions lie behind those that it has.
  const state = await refreshFrom(server.url, trust);
  expect(state.timeMs).toBeGreaterThanOrEqual(trust.timeMs);
  await revived.signIn();
  await revived.connect();
  await revived.poll();
  await revived.sendWindow(GOOD);
  const response = await fetch(`${server.url}/blobs/${sha256(first.artifact)}`, {
    headers: { authorization: `Bearer ${revived.token}` },
  });
  expect(sha256(new Uint8Array(await response.arrayBuffer()))).toBe(sha256(first.artifact));
  await revived.disconnect();
}

test("holds every table and blob of a running server in a file for its owner alone", async () => {
  const tables = await live.bench.server.store.read(listTables);
  expect(Object.keys(summary.tables).sort()).toEqual(tables.map(({ name }) => name).sort());
  expect(tables.every(({ keys }) => keys.length > 0)).toBe(true);
  expect(summary.tables).toMatchObject({ devices: 1, releases: 1, people: 1 });
  expect(summary).toMatchObject({ file, keys: 3, bytes: statSync(file).size });
  expect(summary.blobs).toBeGreaterThanOrEqual(2);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(spawnSync("tar", ["tf", file], { encoding: "utf8" }).stdout).toContain("mote-backup.json\n");
});

test("a device that enrolled before the backup goes on with the restored server", async () => {
  const data = join(out, "restored");
  const restored = await mote("restore", file, "--data", data);
  expect(restored).toMatchObject({ status: 0 });
  const server = await startOn({ data });
  try {
    await expectToCarryOn(server);
  } finally {
    await server.close();
  }
  expect(await mote("restore", file, "--data", data)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("MOTE_BACKUP_PLACE"),
  });
});

test("neither a flipped bit nor a cut file is restored, and nothing is left behind", async () => {
  const data = join(out, "nothing");
  const broken = join(out, "broken.tar");
  const bytes = readFileSync(file);
  const refusal = { status: 2, stderr: expect.stringContaining("MOTE_BACKUP_DAMAGED") };
  for (const at of [600, Math.floor(bytes.length / 2), bytes.length - 3000]) {
    const flipped = Buffer.from(bytes);
    flipped[at] = flipped[at]! ^ 1;
    writeFileSync(broken, flipped);
    expect(await mote("restore", broken, "--data", data), `bit at ${at}`).toMatchObject(refusal);
  }
  for (const length of [0, 100, 5000, bytes.length - 1024]) {
    writeFileSync(broken, bytes.subarray(0, length));
    expect(await mote("restore", broken, "--data", data), `cut at ${length}`).toMatchObject(refusal);
  }
  expect(existsSync(data)).toBe(false);
  expect(existsSync(`${data}.restoring`)).toBe(false);
});

test("never writes over an older backup, and says where there is nothing to back up", async () => {
  copyFileSync(file, join(out, "older.tar"));
  const again = await mote("backup", "--data", live.bench.folder, "-o", join(out, "older.tar"));
  expect(again).toMatchObject({ status: 2, stderr: expect.stringContaining("MOTE_BACKUP_PLACE") });
  const empty = await mote("backup", "--data", join(out, "no-such-folder"), "-o", join(out, "x.tar"));
  expect(empty).toMatchObject({ status: 2, stderr: expect.stringContaining("mote.sqlite") });
});

test("leaves no half-made data folder where a restore ends in the middle", async () => {
  const data = join(out, "halfway");
  const keys = join(out, "other-keys");
  mkdirSync(keys);
  writeFileSync(join(keys, "timestamp.key.json"), "another's");
  const refused = await mote("restore", file, "--data", data, "--server-keys", keys);
  expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining("MOTE_BACKUP_PLACE") });
  expect([existsSync(data), existsSync(`${data}.restoring`)]).toEqual([false, false]);
});

test("a restore that fails takes back the keys that it has written elsewhere, and names the blobs that stay", async () => {
  const data = join(out, "failed");
  const places = ["--server-keys", join(out, "far-keys"), "--blobs", join(out, "far-blobs")];
  const nowhere = "postgres://127.0.0.1:9/none";
  const failed = await mote("restore", file, "--data", data, ...places, "--database", nowhere);
  expect(failed).toMatchObject({
    status: expect.any(Number),
    stderr: expect.stringMatching(/blobs stay in .*far-blobs/),
  });
  expect(failed.status).not.toBe(0);
  expect([existsSync(data), existsSync(`${data}.restoring`)]).toEqual([false, false]);
  expect(readdirSync(join(out, "far-keys"))).toEqual([]);
  // As after a restore that was killed: the same keys and blobs are there.
  const again = await mote("restore", file, "--data", data, ...places);
  expect(again).toMatchObject({ status: 0 });
  const repeated = await mote("restore", file, "--data", join(out, "failed-2"), ...places);
  expect(repeated).toMatchObject({ status: 0 });
  writeFileSync(join(out, "far-keys", "snapshot.key.json"), "another's");
  const refused = await mote("restore", file, "--data", join(out, "failed-3"), ...places);
  expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining("got another key") });
});

test("is none without the server's keys, wherever they lie", async () => {
  const { folder } = live.bench;
  const elsewhere = join(out, "server-keys");
  renameSync(join(folder, "keys"), elsewhere);
  const target = join(out, "with-keys.tar");
  try {
    const without = await mote("backup", "--data", folder, "-o", target);
    expect(without).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/signing keys.*--server-keys/s),
    });
    expect(existsSync(target)).toBe(false);
    const made = await mote("backup", "--data", folder, "--server-keys", elsewhere, "-o", target, "--json");
    expect(JSON.parse(made.stdout)).toMatchObject({ keys: 3 });
  } finally {
    renameSync(elsewhere, join(folder, "keys"));
  }
});

describe("between databases", () => {
  const reason = whyNoPostgres();
  describe.skipIf(reason !== null)(reason ?? "PostgreSQL in a cluster of its own", () => {
    let cluster: TestCluster;
    beforeAll(async () => {
      cluster = await TestCluster.start();
    });
    afterAll(() => cluster.remove());

    test("a fleet that outgrows SQLite is restored into PostgreSQL, and back", async () => {
      const database = cluster.makeDatabase();
      const data = join(out, "grown");
      expect(await mote("restore", file, "--data", data, "--database", database)).toMatchObject({
        status: 0,
      });
      const second = await mote("restore", file, "--data", join(out, "grown-2"), "--database", database);
      expect(second).toMatchObject({ status: 2, stderr: expect.stringContaining("MOTE_BACKUP_PLACE") });
      const server = await startOn({ data, database });
      await expectToCarryOn(server);
      const back = join(out, "back.tar");
      expect(await mote("backup", "--data", data, "--database", database, "-o", back)).toMatchObject({
        status: 0,
      });
      await server.close();
      expect(await mote("restore", back, "--data", join(out, "back"))).toMatchObject({ status: 0 });
      const small = await startOn({ data: join(out, "back") });
      await expectToCarryOn(small);
      await small.close();
    });
  });
});
