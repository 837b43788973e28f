import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  encodeGolden,
  exampleManifest,
  fromHex,
  judgeReleaseEnvelope,
  packBundle,
  pinRootEnvelope,
  rotateRootEnvelope,
  SignatureThresholdError,
  TargetNotFoundError,
  type TensorSpec,
  tensorBytes,
  toHex,
} from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ClockError, UsageError } from "../../errors.js";
import type { CliCommand } from "../command.js";
import { runCommand } from "../testing.js";
import { command as bundleCommand } from "./bundle.js";
import { command as keysCommand } from "./keys.js";
import { command as signCommand } from "./sign.js";

/** People's work with keys, as they type it, on real files. */

const DEPS = { sha256: nodeSha256, verify: nodeVerify };
const COMMANDS: Record<string, CliCommand> = { keys: keysCommand, sign: signCommand, bundle: bundleCommand };
let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mote-ceremony-"));
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true, force: true });
});

const mote = <T = Record<string, unknown>>(name: string, ...words: string[]) =>
  runCommand<T>(COMMANDS[name]!, ...words);

async function writeBundle(file: string, change: object = {}): Promise<string> {
  const artifacts = new Map<string, Uint8Array>();
  const keep = (bytes: Uint8Array) => {
    const sha256 = toHex(nodeSha256(bytes));
    artifacts.set(sha256, bytes);
    return { sha256, length: bytes.length };
  };
  const plain = exampleManifest();
  const variants = plain.variants.map((variant, i) => {
    const { input, output } = variant;
    const zeros = (spec: TensorSpec) => [new Uint8Array(tensorBytes(spec))];
    const golden = encodeGolden({ inputs: zeros(input), outputs: zeros(output) }, input, output);
    return {
      ...variant,
      artifact: keep(new Uint8Array(10).fill(i)),
      golden: { ...variant.golden, inputs: keep(golden.inputs), outputs: keep(golden.outputs) },
    };
  });
  const path = join(folder, file);
  await writeFile(path, packBundle({ manifest: { ...plain, variants, ...change }, artifacts }));
  return path;
}

interface Signed {
  file: string;
  version: number;
  signatures: number;
  isComplete: boolean;
  changes: string[];
}

const trust = (...names: string[]) => join(folder, "trust", ...names);
const init = (...flags: string[]) => mote("keys", "init", "--out", trust(), "--no-passphrase", ...flags);

/** Each person has a folder of their own with one key in it. */
async function person(label: string): Promise<string> {
  const own = join(folder, label);
  await mkdir(own);
  await rename(trust(`${label}.key.json`), join(own, `${label}.key.json`));
  return own;
}

describe("mote keys init", () => {
  it("gives people their keys, the server only its own, and devices a root", async () => {
    await init();
    expect((await readdir(trust())).sort()).toEqual([
      "metadata",
      "root-1.key.json",
      "root-2.key.json",
      "root-3.key.json",
      "server-keys",
      "targets-1.key.json",
      "targets-2.key.json",
      "targets-3.key.json",
    ]);
    expect((await readdir(trust("server-keys"))).sort()).toEqual(["snapshot.key.json", "timestamp.key.json"]);
    expect((await readdir(trust("metadata"))).sort()).toEqual([
      "1.root.json",
      "1.targets.json",
      "holders.json",
      "root-1.cose",
    ]);
  });

  it("in server mode delegates manifests, and only those, to a key of the server's", async () => {
    await init("--mode", "server", "--targets-threshold", "1");
    expect(await readdir(trust("server-keys"))).toContain("targets.key.json");
    const targets = JSON.parse(await readFile(trust("metadata", "1.targets.json"), "utf8"));
    expect(targets.signed.delegations.roles[0].paths).toEqual(["*/*/manifest.json"]);
    expect(await readdir(trust("metadata"))).toContain("1.server.json");
  });

  it("refuses fewer keys than the threshold, and to overwrite a key", async () => {
    await expect(init("--root-threshold", "3", "--root-keys", "2")).rejects.toThrow(UsageError);
    await init();
    await expect(init()).rejects.toThrow(/never overwritten/);
  });
});

describe("mote sign", () => {
  it("gathers a threshold one person at a time, over one document", async () => {
    await init();
    const [ada, bo] = [await person("targets-1"), await person("targets-2")];
    const bundle = await writeBundle("a.bundle");
    await expect(mote("bundle", "verify", bundle, "--repo", trust())).rejects.toThrow(TargetNotFoundError);
    const first = await mote<Signed>("sign", bundle, "--keys", ada, "--repo", trust());
    expect(first).toMatchObject({ version: 2, signatures: 1, isComplete: false });
    expect(first.changes[0]).toMatch(/^adds reader\/1\.0\.0\/manifest\.json/);
    await expect(mote("bundle", "verify", bundle, "--repo", trust())).rejects.toThrow(
      SignatureThresholdError,
    );
    // Signing twice adds nothing.
    expect((await mote<Signed>("sign", bundle, "--keys", ada, "--repo", trust())).signatures).toBe(1);
    const second = await mote<Signed>("sign", bundle, "--keys", bo, "--repo", trust());
    expect(second).toMatchObject({ version: 2, signatures: 2, isComplete: true });
    expect(await mote("bundle", "verify", bundle, "--repo", trust())).toMatchObject({
      signed: { version: 2, signatures: 2, threshold: 2 },
    });
    expect((await readdir(trust("metadata"))).sort()).toEqual([
      "1.root.json",
      "1.targets.json",
      "2.targets.json",
      "holders.json",
      "root-1.cose",
    ]);
  });

  it("never has one person sign two documents of one version", async () => {
    await init();
    const [ada, bo] = [await person("targets-1"), await person("targets-2")];
    const a = await writeBundle("a.bundle");
    const b = await writeBundle("b.bundle", { version: "1.1.0", sequence: 2 });
    expect((await mote<Signed>("sign", a, "--keys", ada, "--repo", trust())).version).toBe(2);
    const other = await mote<Signed>("sign", b, "--keys", bo, "--repo", trust());
    expect(other).toMatchObject({ version: 3, signatures: 1 });
    expect(other.changes).toHaveLength(2);
  });

  it("refuses other content under a version that is signed, and a sequence that is taken", async () => {
    await init("--targets-threshold", "1");
    const keys = ["--keys", trust(), "--repo", trust()];
    await mote("sign", await writeBundle("a.bundle"), ...keys);
    const changed = await writeBundle("b.bundle", { sequence: 5 });
    await expect(mote("sign", changed, ...keys)).rejects.toThrow(/keep the content/);
    const sameSequence = await writeBundle("c.bundle", { version: "1.0.1" });
    await expect(mote("sign", sameSequence, ...keys)).rejects.toThrow(/sequence that no other release/);
  });

  it("raises a floor for good and drops what it retires", async () => {
    await init("--targets-threshold", "1");
    const keys = ["--keys", trust(), "--repo", trust()];
    await mote("sign", await writeBundle("a.bundle"), ...keys);
    await mote("sign", await writeBundle("b.bundle", { version: "2.0.0", sequence: 2 }), ...keys);
    const raised = await mote<Signed>("sign", "--raise-floor", "reader=2", ...keys);
    expect(raised.changes).toEqual([
      "retires reader/1.0.0/manifest.json",
      "raises the floor of reader from 0 to 2, for good",
    ]);
    const mistyped = await mote<Signed>("sign", "--raise-floor", "raeder=2", ...keys);
    expect(mistyped.changes.join()).toMatch(/of raeder no release is signed here/);
    await expect(mote("sign", "--raise-floor", "reader=1", ...keys)).rejects.toThrow(/never falls/);
    await expect(mote("sign", await writeBundle("a2.bundle"), ...keys)).rejects.toThrow(
      /the floor of reader/,
    );
  });

  it("does not join a draft that has expired, as one made under a wrong clock has", async () => {
    await init();
    const [ada, bo] = [await person("targets-1"), await person("targets-2")];
    const bundle = await writeBundle("a.bundle");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 1, 1) });
    await mote("sign", bundle, "--keys", ada, "--repo", trust(), "--expires-sooner");
    vi.setSystemTime(Date.UTC(2026, 8, 1));
    await expect(mote("sign", bundle, "--keys", bo, "--repo", trust())).rejects.toThrow(
      /which expired at 2026-05.*Delete the draft's file/,
    );
  });

  it("refuses to sign by a clock that was never set, or that is behind what it extends, and changes nothing", async () => {
    await init("--targets-threshold", "1");
    const keys = ["--keys", trust(), "--repo", trust()];
    const bundle = await writeBundle("a.bundle");
    const before = await readdir(trust("metadata"));
    const nowMs = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now: 0 });
    const neverSet = /a clock that shows 2026-01-01 or later; got 1970-01-01.*Set this machine's clock/;
    await expect(mote("sign", bundle, ...keys)).rejects.toThrow(ClockError);
    await expect(mote("sign", bundle, ...keys)).rejects.toThrow(neverSet);
    await expect(mote("keys", "rotate", "--renew", ...keys)).rejects.toThrow(ClockError);
    await expect(init("--out", trust("other"))).rejects.toThrow(ClockError);
    // Four days behind the machine on which the metadata was made.
    vi.setSystemTime(nowMs - 4 * 86_400_000);
    await expect(mote("sign", bundle, ...keys)).rejects.toThrow(
      /version 2 to expire no sooner than.*--expires-sooner/,
    );
    await expect(mote("keys", "rotate", "--renew", ...keys)).rejects.toThrow(
      /root version 2 to expire no sooner/,
    );
    expect(await readdir(trust("metadata"))).toEqual(before);
    expect(await mote<Signed>("sign", bundle, ...keys, "--expires-sooner")).toMatchObject({ version: 2 });
    // An hour is how clocks differ.
    vi.setSystemTime(nowMs - 3_600_000);
    await mote("sign", await writeBundle("b.bundle", { version: "1.1.0", sequence: 2 }), ...keys);
  });

  it("says so when none of the keys may sign", async () => {
    await init();
    const root = await person("root-1");
    const bundle = await writeBundle("a.bundle");
    await expect(mote("sign", bundle, "--keys", root, "--repo", trust())).rejects.toThrow(UsageError);
  });
});

describe("envelopes for MCUs", () => {
  const question = {
    product: "reader",
    hardware: "mcu",
    architectureHash: fromHex(exampleManifest().variants[1]!.architectureHash),
    clockS: null,
  };

  it("are signed with the release, count at the same threshold, and follow a rotated root", async () => {
    await init();
    const [ada, bo] = [await person("targets-1"), await person("targets-2")];
    const bundle = await writeBundle("a.bundle");
    const flags = ["--repo", trust(), "--envelopes", join(folder, "mcu")];
    const file = join(folder, "mcu", "reader-1.0.0-mcu.cose");
    const pinned = pinRootEnvelope(await readFile(trust("metadata", "root-1.cose")));
    await mote("sign", bundle, "--keys", ada, ...flags);
    const half = await readFile(file);
    expect(() => judgeReleaseEnvelope(pinned, half, question, DEPS)).toThrow(SignatureThresholdError);
    const signed = await mote<{ envelopes: { isComplete: boolean }[] }>(
      "sign",
      bundle,
      "--keys",
      bo,
      ...flags,
    );
    expect(signed.envelopes).toMatchObject([{ hardware: "mcu", isComplete: true }]);
    const { release } = judgeReleaseEnvelope(pinned, await readFile(file), question, DEPS);
    expect(release).toMatchObject({ product: "reader", version: "1.0.0", sequence: 1 });

    const roots = [trust("root-1.key.json"), trust("root-2.key.json")];
    const rotate = ["rotate", "--repo", trust(), "--envelopes", join(folder, "mcu"), "--keys"];
    await mote("keys", ...rotate, roots[0]!, "--renew");
    await mote("keys", ...rotate, roots[1]!);
    const next = rotateRootEnvelope(pinned, await readFile(join(folder, "mcu", "root-2.cose")), DEPS);
    expect(next.root.version).toBe(2);
  });
});

describe("mote keys rotate", () => {
  it("replaces a lost targets key with two root holders' signatures, and the new key counts", async () => {
    await init();
    const [ada, lost] = [await person("targets-1"), await person("targets-2")];
    const { keys } = await mote<{ keys: { keyId: string }[] }>("keys", "show", lost);
    const eve = join(folder, "eve");
    await mkdir(eve);
    await mote("keys", "add", "--label", "eve", "--out", join(eve, "eve.key.json"), "--no-passphrase");
    const change = ["--role", "targets", "--remove", keys[0]!.keyId, "--add", join(eve, "eve.key.json")];
    const begun = await mote(
      "keys",
      "rotate",
      ...change,
      "--keys",
      trust("root-1.key.json"),
      "--repo",
      trust(),
    );
    expect(begun).toMatchObject({ version: 2, isComplete: false, byOld: { signatures: 1 } });
    const eveId = JSON.parse(await readFile(join(eve, "eve.key.json"), "utf8")).keyId;
    const changes = [`adds to targets: ${eveId}`, `removes from targets: ${keys[0]!.keyId}`];
    expect(begun["changes"]).toEqual([...changes, expect.stringMatching(/^expires 20/)]);
    // Nothing counts before the threshold is reached.
    const bundle = await writeBundle("a.bundle");
    await expect(mote("sign", bundle, "--keys", eve, "--repo", trust())).rejects.toThrow(UsageError);
    const done = await mote("keys", "rotate", "--keys", trust("root-2.key.json"), "--repo", trust());
    // Whoever signs second is told what she signs.
    expect(done).toMatchObject({ version: 2, isComplete: true, changes: begun["changes"] });
    await mote("sign", bundle, "--keys", eve, "--repo", trust());
    await expect(mote("sign", bundle, "--keys", lost, "--repo", trust())).rejects.toThrow(UsageError);
    expect(await mote("sign", bundle, "--keys", ada, "--repo", trust())).toMatchObject({ isComplete: true });
  });

  it("changes the root's own keys only with both generations' signatures", async () => {
    await init("--root-threshold", "1", "--root-keys", "1");
    const fresh = join(folder, "fresh.key.json");
    await mote("keys", "add", "--label", "fresh", "--out", fresh, "--no-passphrase");
    const shown = await mote<{ keys: { label: string; keyId: string }[] }>("keys", "show", trust());
    const old = shown.keys.find(({ label }) => label === "root-1")!.keyId;
    const change = ["--role", "root", "--add", fresh, "--remove", old, "--repo", trust()];
    const byOne = await mote("keys", "rotate", ...change, "--keys", trust("root-1.key.json"));
    expect(byOne).toMatchObject({ isComplete: false, byOld: { signatures: 1 }, byNew: { signatures: 0 } });
  });

  it("names new server keys after a theft, and lets a draft be finished first", async () => {
    await init();
    const roots = ["--keys", trust("root-1.key.json"), "--repo", trust()];
    await mote("keys", "rotate", "--server-keys", trust("server-keys-2"), ...roots);
    expect((await readdir(trust("server-keys-2"))).sort()).toEqual([
      "snapshot.key.json",
      "timestamp.key.json",
    ]);
    await expect(mote("keys", "rotate", "--renew", ...roots)).rejects.toThrow(/finished first/);
  });

  it("takes the beginning of a key's id, and nothing that could mean two or none", async () => {
    await init();
    const { keys } = await mote<{ keys: { label: string; keyId: string }[] }>("keys", "show", trust());
    const { keyId } = keys.find(({ label }) => label === "targets-1")!;
    const rotate = (id: string) =>
      mote("keys", "rotate", "--role", "targets", "--remove", id, "--keys", trust(), "--repo", trust());
    for (const id of ["", keyId.slice(0, 3), "0000", `${keyId}0`])
      await expect(rotate(id)).rejects.toThrow(keyId);
    expect((await rotate(`${keyId.slice(0, 8)}…`))["changes"]).toContain(`removes from targets: ${keyId}`);
  });

  it("leaves no new server keys behind when it is refused", async () => {
    await init();
    const rotate = ["rotate", "--repo", trust(), "--server-keys", trust("server-keys-2"), "--keys"];
    await expect(mote("keys", ...rotate, trust("targets-1.key.json"))).rejects.toThrow(/a root key/);
    await expect(mote("keys", ...rotate, trust(), "--days", "soon")).rejects.toThrow(/--days/);
    expect(await readdir(trust())).not.toContain("server-keys-2");
    expect(await mote("keys", ...rotate, trust())).toMatchObject({ isComplete: true });
  });

  it("refuses a time to live or a threshold that is none", async () => {
    await init();
    const roots = ["--keys", trust(), "--repo", trust()];
    for (const days of ["0", "-5", "abc", "1e9", ""]) {
      await expect(mote("keys", "rotate", "--renew", "--days", days, ...roots)).rejects.toThrow(UsageError);
      await expect(mote("sign", "--renew", "--targets-days", days, ...roots)).rejects.toThrow(UsageError);
    }
    for (const threshold of ["0", "1.5", "two"]) {
      const change = ["--role", "targets", "--threshold", threshold];
      await expect(mote("keys", "rotate", ...change, ...roots)).rejects.toThrow(UsageError);
    }
  });

  it("refuses a role with fewer keys than its threshold", async () => {
    await init();
    const shown = await mote<{ keys: { label: string; keyId: string }[] }>("keys", "show", trust());
    const targets = shown.keys.filter(({ label }) => label.startsWith("targets")).map(({ keyId }) => keyId);
    const remove = ["--role", "targets", "--remove", targets[0]!, targets[1]!];
    await expect(mote("keys", "rotate", ...remove, "--keys", trust(), "--repo", trust())).rejects.toThrow(
      UsageError,
    );
  });
});

describe("mote keys show", () => {
  it("tells who may sign what until when, and warns in the last month", async () => {
    await init("--root-days", "20");
    const shown = await mote<{ roles: { role: string; expiry: string; threshold: number }[] }>(
      "keys",
      "show",
      trust(),
    );
    expect(shown.roles.map(({ role, expiry }) => [role, expiry])).toEqual([
      ["root", "soon"],
      ["targets", "fine"],
      ["snapshot", "soon"],
      ["timestamp", "soon"],
    ]);
  });

  it("still says whose key is which when every key file has gone to its holder", async () => {
    await init();
    const eve = join(folder, "eve.key.json");
    await mote("keys", "add", "--label", "eve", "--out", eve, "--no-passphrase");
    const change = ["--role", "targets", "--add", eve, "--keys", trust("root-1.key.json")];
    await mote("keys", "rotate", ...change, "--repo", trust());
    for (const name of ["root-1", "root-2", "root-3", "targets-1", "targets-2", "targets-3"]) {
      await rm(trust(`${name}.key.json`));
    }
    const { holders } = await mote<{ holders: Record<string, string> }>("keys", "show", trust());
    expect(Object.values(holders).sort()).toEqual([
      "eve",
      "root-1",
      "root-2",
      "root-3",
      "targets-1",
      "targets-2",
      "targets-3",
    ]);
  });

  it("reads a copied key file alone, and refuses a folder with nothing in it", async () => {
    await init();
    const copy = join(folder, "copy.key.json");
    await copyFile(trust("root-1.key.json"), copy);
    expect(await mote("keys", "show", copy)).toMatchObject({
      keys: [{ label: "root-1", isEncrypted: false }],
    });
    await mkdir(join(folder, "empty"));
    await expect(mote("keys", "show", join(folder, "empty"))).rejects.toThrow(/neither/);
  });
});
