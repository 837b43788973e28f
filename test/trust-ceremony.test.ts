import { execFile } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  buildTargets,
  findTarget,
  judgeManifest,
  MetadataRollbackError,
  PATHS,
  pinRoot,
  refresh,
  SignatureThresholdError,
  signFreshness,
  signRole,
  TargetNotFoundError,
  type TrustState,
} from "@mote/protocol";
import { generateKey, nodeSha256, nodeVerify, readServerKeys } from "@mote/protocol/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TrustOffice } from "./trust-office.js";

/** A release manager's year, with the real commands and the real server: sign, lose a key, lose the server. */

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const MOTE = join(ROOT, "toolchain/dist/cli/main.js");
const DEPS = { sha256: nodeSha256, verify: nodeVerify };

const run = promisify(execFile);
let office: TrustOffice;

beforeEach(async () => {
  office = await TrustOffice.open();
});
afterEach(() => office.close());

const at = (...names: string[]) => office.at(...names);

async function mote(...args: string[]): Promise<Record<string, unknown>> {
  const { stdout } = await run(process.execPath, [MOTE, ...args, "--json"], { cwd: office.folder });
  return JSON.parse(stdout);
}

/** The devices here hold trust alone, no session. */
const startServer = (keys: string) => office.startServer(keys, "--downloads-for", "anyone");

const rotateServerKeys = () =>
  mote("keys", "rotate", "--server-keys", "trust/server-keys-2", "--keys", "trust", "--repo", "trust");

const publish = (...args: string[]) =>
  mote(
    "publish",
    ...args,
    "--server",
    office.url,
    "--token-file",
    at("data", "admin.token"),
    "--repo",
    "trust",
  );

/** A device: a pinned root, and what the server serves. `files` stand in for a server in a thief's hands. */
class Device {
  state: TrustState;
  constructor(root: Uint8Array) {
    this.state = pinRoot(root);
  }

  async refresh(files: ReadonlyMap<string, Uint8Array> = new Map()): Promise<void> {
    this.state = await refresh(this.state, {
      ...DEPS,
      clockMs: Date.now(),
      persist: async (next) => {
        this.state = next;
      },
      fetch: async (file) => {
        const stolen = files.get(file);
        if (stolen !== undefined) return stolen;
        const response = await fetch(`${office.url}${PATHS.metadata(file)}`);
        return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
      },
    });
  }

  async take(version: string): Promise<string> {
    const target = findTarget(this.state, `reader/${version}/manifest.json`, DEPS);
    const response = await fetch(`${office.url}${PATHS.blob(target.sha256)}`);
    const manifestBytes = new Uint8Array(await response.arrayBuffer());
    const question = { target, manifestBytes, state: this.state, hardware: "gateway", product: "reader" };
    return judgeManifest(question, DEPS).manifest.version;
  }
}

async function keyIdOf(file: string): Promise<string> {
  return JSON.parse(await readFile(file, "utf8")).keyId;
}

describe("a year of offline mode", () => {
  it("signs by two of three, replaces a lost key, and recovers from a stolen server", {
    timeout: 300_000,
  }, async () => {
    await mote("keys", "init", "--out", "trust", "--no-passphrase");
    await office.hand("targets-1", "ada");
    await office.hand("targets-2", "bo");
    const device = new Device(new Uint8Array(await readFile(at("trust", "metadata", "1.root.json"))));
    await startServer(at("trust", "server-keys"));

    // A release counts once two people have signed it, and not before.
    const first = await office.writeBundle("1.0.0", 1);
    await mote("sign", first, "--keys", "ada", "--repo", "trust");
    await expect(publish(first)).rejects.toThrow(/unsigned release/);
    await mote("sign", first, "--keys", "bo", "--repo", "trust");
    await publish(first);
    await device.refresh();
    expect(await device.take("1.0.0")).toBe("1.0.0");

    // Bo's key is lost. Two root holders put Eve's in its place; Ada and Eve sign on.
    await mkdir(at("eve"));
    await mote("keys", "add", "--label", "eve", "--out", "eve/eve.key.json", "--no-passphrase");
    const lost = await keyIdOf(at("bo", "targets-2.key.json"));
    const change = ["--role", "targets", "--remove", lost, "--add", "eve/eve.key.json"];
    await mote("keys", "rotate", ...change, "--keys", "trust/root-1.key.json", "--repo", "trust");
    await mote("keys", "rotate", "--keys", "trust/root-2.key.json", "--repo", "trust");
    const second = await office.writeBundle("1.1.0", 2);
    await mote("sign", second, "--keys", "ada", "--repo", "trust");
    await mote("sign", second, "--keys", "eve", "--repo", "trust");
    await publish(second);
    await device.refresh();
    expect(await device.take("1.1.0")).toBe("1.1.0");

    // The server's disk and keys are stolen.
    const stolen = await readServerKeys(at("trust", "server-keys"));
    await mote("sign", "--raise-floor", "reader=2", "--keys", "ada", "--repo", "trust");
    await mote("sign", "--raise-floor", "reader=2", "--keys", "eve", "--repo", "trust");
    await publish();
    await device.refresh();
    let stuck = device.state;
    for (const [files, refusal] of await thefts(stolen)) {
      const victim = new Device(device.state.root);
      victim.state = device.state;
      await expect(victim.refresh(files)).rejects.toThrow(refusal);
      // Refused targets, but the thief's freshness has been believed: versions far ahead are stuck in this device.
      stuck = victim.state;
    }
    device.state = stuck;
    await expect(device.refresh()).rejects.toThrow(MetadataRollbackError);
    await expect(device.take("1.0.0")).rejects.toThrow(TargetNotFoundError);

    // New server keys, named by a new root; the thief's signatures end with it, and devices follow.
    await office.stopServer();
    await rotateServerKeys();
    await startServer(at("trust", "server-keys-2"));
    await publish();
    await device.refresh();
    expect(await device.take("1.1.0")).toBe("1.1.0");
    const fresh = new Device(new Uint8Array(await readFile(at("trust", "metadata", "1.root.json"))));
    await fresh.refresh();
    expect(fresh.state.root).toEqual(device.state.root);
    const forged = freshness(stolen, await published("targets"), Date.now());
    await expect(device.refresh(forged)).rejects.toThrow(SignatureThresholdError);
  });
});

describe("a stolen server in server mode", () => {
  it("loses all that its key signed; what is published again counts", { timeout: 300_000 }, async () => {
    await mote(
      "keys",
      "init",
      "--out",
      "trust",
      "--mode",
      "server",
      "--targets-threshold",
      "1",
      "--no-passphrase",
    );
    const device = new Device(new Uint8Array(await readFile(at("trust", "metadata", "1.root.json"))));
    await startServer(at("trust", "server-keys"));
    const kept = await office.writeBundle("1.0.0", 1);
    const evil = await office.writeBundle("6.6.6", 666);
    await publish(kept);
    await publish(evil);
    await device.refresh();
    expect(await device.take("6.6.6")).toBe("6.6.6");
    await office.stopServer();

    await rotateServerKeys();
    await mote("sign", "--delegate", "trust/server-keys-2", "--keys", "trust", "--repo", "trust");
    await startServer(at("trust", "server-keys-2"));
    await publish();
    await device.refresh();
    // What the device still holds of the role is judged by the delegator of today.
    await expect(device.take("1.0.0")).rejects.toThrow(SignatureThresholdError);
    await publish(kept);
    await device.refresh();
    expect(await device.take("1.0.0")).toBe("1.0.0");
    await expect(device.take("6.6.6")).rejects.toThrow(TargetNotFoundError);
  });
});

async function published(role: string): Promise<{ version: number; bytes: Uint8Array }> {
  for (let version = 50; version >= 1; version--) {
    const response = await fetch(`${office.url}${PATHS.metadata(`${version}.${role}.json`)}`);
    if (response.ok) return { version, bytes: new Uint8Array(await response.arrayBuffer()) };
  }
  throw new Error(`no published ${role}`);
}

type Stolen = Awaited<ReturnType<typeof readServerKeys>>;

/** Genuine snapshot and timestamp over whatever targets the thief likes, with versions far ahead. */
function freshness(
  keys: Stolen,
  targets: { version: number; bytes: Uint8Array },
  nowMs: number,
): Map<string, Uint8Array> {
  const version = Math.floor(nowMs / 1000) + 1000;
  const signed = signFreshness(
    {
      roles: { targets },
      snapshotVersion: version,
      timestampVersion: version,
      nowMs,
      snapshotSigners: [keys.snapshot],
      timestampSigners: [keys.timestamp],
    },
    DEPS,
  );
  return new Map([
    ["timestamp.json", signed.timestamp],
    [`${version}.snapshot.json`, signed.snapshot],
    [`${targets.version}.targets.json`, targets.bytes],
  ]);
}

/** What the thief serves, and why the device refuses it. */
async function thefts(
  keys: Stolen,
): Promise<[Map<string, Uint8Array>, typeof SignatureThresholdError | typeof MetadataRollbackError][]> {
  const { version } = await published("targets");
  const evil = {
    length: 10,
    hashes: { sha256: "6".repeat(64) },
    custom: { name: "reader", version: "6.6.6", sequence: 666, hardware: ["gateway"] },
  };
  const own = buildTargets({
    version: version + 1,
    expiresMs: Date.now() + 86_400_000,
    targets: { "reader/6.6.6/manifest.json": evil },
  });
  const byStranger = signRole(own, [generateKey(), generateKey()]);
  const byServer = signRole(own, [keys.snapshot, keys.timestamp]);
  const old = await fetch(`${office.url}${PATHS.metadata("2.targets.json")}`);
  const before = { version: 2, bytes: new Uint8Array(await old.arrayBuffer()) };
  return [
    [freshness(keys, { version: version + 1, bytes: byStranger }, Date.now()), SignatureThresholdError],
    [freshness(keys, { version: version + 1, bytes: byServer }, Date.now()), SignatureThresholdError],
    [freshness(keys, before, Date.now()), MetadataRollbackError],
  ];
}
