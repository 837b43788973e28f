import { describe, expect, it } from "vitest";
import { nodeSha256, nodeVerify } from "../../node/crypto.js";
import { generateKey } from "../../node/keys.js";
import { TestRepository, testKeys } from "../../node/test-repository.js";
import { targetPath } from "../api/device.js";
import { canonicalManifest } from "../bundle/canonical.js";
import { exampleManifest } from "../bundle/manifest.example.js";
import type { Manifest } from "../bundle/manifest.js";
import { toHex } from "../bytes.js";
import {
  BelowFloorError,
  DigestMismatchError,
  MetadataExpiredError,
  MetadataMismatchError,
  MetadataRollbackError,
  MetadataTooLargeError,
  SignatureThresholdError,
  TargetNotFoundError,
  WrongArchitectureError,
  WrongHardwareError,
  WrongReleaseError,
} from "../errors.js";
import { signFreshness } from "./freshness.js";
import { TRUST_LIMITS } from "./limits.js";
import type { TargetFile } from "./metadata.js";
import { refresh } from "./refresh.js";
import { addSignatures, buildTargets, buildTimestamp, signRole } from "./sign.js";
import { pinRoot, type TrustState } from "./state.js";
import { findTarget, judgeManifest } from "./target.js";

/** One test for each row of The Update Framework's table of attacks (docs/keys.md), played by whoever could. */

const DAY_MS = 86_400_000;
const DEPS = { sha256: nodeSha256, verify: nodeVerify };

function targetFor(manifest: Manifest, bytes = canonicalManifest(manifest)): TargetFile {
  const { name, version, sequence } = manifest;
  const hardware = manifest.variants.flatMap((variant) => variant.hardware);
  return {
    length: bytes.length,
    hashes: { sha256: toHex(nodeSha256(bytes)) },
    custom: { name, version, sequence, hardware },
  };
}

function publishRelease(repository: TestRepository, manifest: Manifest): Uint8Array {
  const bytes = canonicalManifest(manifest);
  repository.targets = {
    ...repository.targets,
    [targetPath(manifest.name, manifest.version)]: targetFor(manifest),
  };
  repository.publish();
  return bytes;
}

function pinned(repository: TestRepository): TrustState {
  return pinRoot(repository.files.get("1.root.json")!);
}

function judge(state: TrustState, manifest: Manifest, manifestBytes: Uint8Array, change: object = {}) {
  const target = findTarget(state, targetPath(manifest.name, manifest.version), DEPS);
  const question = { target, manifestBytes, state, hardware: "gateway", product: manifest.name, ...change };
  return judgeManifest(question, DEPS);
}

describe("arbitrary software", () => {
  it("signed by nobody's key is refused, whatever it says", async () => {
    const repository = new TestRepository();
    const state = pinned(repository);
    repository.roles.targets = testKeys(2, 2);
    publishRelease(repository, exampleManifest());
    await expect(refresh(state, repository.deps())).rejects.toThrow(SignatureThresholdError);
  });

  it("in place of the signed manifest is refused by its digest", async () => {
    const repository = new TestRepository();
    const manifest = exampleManifest();
    const bytes = publishRelease(repository, manifest);
    const state = await refresh(pinned(repository), repository.deps());
    expect(judge(state, manifest, bytes).variant.id).toBe("gateway");
    const changed = bytes.slice();
    changed[100]! ^= 1;
    expect(() => judge(state, manifest, changed)).toThrow(DigestMismatchError);
    expect(() => judge(state, manifest, bytes.slice(0, -1))).toThrow(DigestMismatchError);
  });

  it("under a path that nobody signed is not found", async () => {
    const repository = new TestRepository();
    publishRelease(repository, exampleManifest());
    const state = await refresh(pinned(repository), repository.deps());
    expect(() => findTarget(state, "reader/9.9.9/manifest.json", DEPS)).toThrow(TargetNotFoundError);
    expect(() => findTarget(state, "__proto__", DEPS)).toThrow(TargetNotFoundError);
  });
});

describe("rollback", () => {
  it("of the timestamp is refused", async () => {
    const repository = new TestRepository();
    const old = repository.files.get("timestamp.json")!;
    repository.publish();
    const state = await refresh(pinned(repository), repository.deps());
    repository.files.set("timestamp.json", old);
    await expect(refresh(state, repository.deps())).rejects.toThrow(MetadataRollbackError);
  });

  it("of targets under a fresh snapshot is refused", async () => {
    const repository = new TestRepository();
    repository.publish();
    const state = await refresh(pinned(repository), repository.deps());
    repository.targetsVersion = 1;
    repository.publishFreshness(repository.files.get("1.targets.json"));
    await expect(refresh(state, repository.deps())).rejects.toThrow(MetadataRollbackError);
  });

  it("by a snapshot that leaves a role out is refused", async () => {
    const repository = new TestRepository();
    delegateTo(repository, "team", ["team/*/*"]);
    const state = await refresh(pinned(repository), repository.deps());
    repository.delegated = {};
    repository.publishFreshness();
    await expect(refresh(state, repository.deps())).rejects.toThrow(MetadataRollbackError);
  });

  it("of the root is refused: versions follow one another", async () => {
    const repository = new TestRepository();
    const state = await refresh(pinned(repository), repository.deps());
    repository.files.set("2.root.json", repository.files.get("1.root.json")!);
    await expect(refresh(state, repository.deps())).rejects.toThrow(MetadataRollbackError);
  });

  it("to a release below the floor is refused, though it is signed; above it is allowed", async () => {
    const repository = new TestRepository();
    const old = exampleManifest({ version: "1.0.0", sequence: 1 });
    const kept = exampleManifest({ version: "1.1.0", sequence: 2 });
    const oldBytes = publishRelease(repository, old);
    const keptBytes = publishRelease(repository, kept);
    publishRelease(repository, exampleManifest({ version: "1.2.0", sequence: 3 }));
    repository.floors = { [old.name]: 2 };
    repository.publish();
    const state = await refresh(pinned(repository), repository.deps());
    expect(() => judge(state, old, oldBytes)).toThrow(BelowFloorError);
    expect(judge(state, kept, keptBytes).manifest.sequence).toBe(2);
  });

  it("of the floor itself has no effect: the highest one seen stays", async () => {
    const repository = new TestRepository();
    const old = exampleManifest({ sequence: 1 });
    const bytes = publishRelease(repository, old);
    repository.floors = { [old.name]: 5 };
    repository.publish();
    const state = await refresh(pinned(repository), repository.deps());
    repository.floors = { [old.name]: 1 };
    repository.publish();
    const later = await refresh(state, repository.deps());
    expect(later.floors[old.name]).toBe(5);
    expect(() => judge(later, old, bytes)).toThrow(BelowFloorError);
  });

  it("of the floor by a cut is impossible: it is persisted with the targets that raise it", async () => {
    const repository = new TestRepository();
    repository.floors = { reader: 4 };
    repository.publish();
    let stored = pinned(repository);
    await refresh(
      stored,
      repository.deps({
        persist: async (next) => {
          stored = next;
        },
      }),
    );
    expect(stored.targets).not.toBeNull();
    expect(stored.floors).toEqual({ reader: 4 });
  });
});

describe("freeze", () => {
  it.each([
    ["timestamp", 1],
    ["snapshot", 7],
    ["targets", 90],
    ["root", 365],
  ])("on old %s metadata ends with its expiry", async (role, days) => {
    const repository = new TestRepository();
    const state = await refresh(pinned(repository), repository.deps());
    const lifeMs = days * DAY_MS;
    const startMs = repository.nowMs;
    // All that the thief may sign is fresh; the role in question is what it was.
    repository.nowMs = startMs + lifeMs;
    if (role === "snapshot") refreshTimestampOnly(repository);
    if (role === "targets") repository.publishFreshness();
    if (role === "root") repository.publish();
    const failure = refresh(state, repository.deps());
    await expect(failure).rejects.toThrow(MetadataExpiredError);
    await expect(failure).rejects.toThrow(new RegExp(`Expected ${role} metadata`));
  });

  it("is noticed without a clock once newer signed time has been seen", async () => {
    const repository = new TestRepository();
    const state = await refresh(pinned(repository), repository.deps({ clockMs: null }));
    repository.nowMs += 100 * DAY_MS;
    repository.publishFreshness();
    await expect(refresh(state, repository.deps({ clockMs: null }))).rejects.toThrow(MetadataExpiredError);
  });
});

describe("mix-and-match", () => {
  it("of targets from another publication is refused", async () => {
    const repository = new TestRepository();
    const state = pinned(repository);
    publishRelease(repository, exampleManifest());
    repository.files.set("2.targets.json", repository.files.get("1.targets.json")!);
    await expect(refresh(state, repository.deps())).rejects.toThrow(MetadataMismatchError);
  });

  it("of a snapshot from another publication is refused", async () => {
    const repository = new TestRepository();
    const state = pinned(repository);
    repository.publish();
    repository.files.set("2.snapshot.json", repository.files.get("1.snapshot.json")!);
    await expect(refresh(state, repository.deps())).rejects.toThrow(MetadataMismatchError);
  });

  it("of a manifest of one release under the name of another is refused", async () => {
    const repository = new TestRepository();
    const manifest = exampleManifest();
    const path = targetPath("reader", "7.0.0");
    repository.targets = { [path]: targetFor(manifest) };
    repository.publish();
    const state = await refresh(pinned(repository), repository.deps());
    const target = findTarget(state, path, DEPS);
    const question = { target, manifestBytes: canonicalManifest(manifest), state, hardware: "gateway" };
    expect(() => judgeManifest({ ...question, product: manifest.name }, DEPS)).toThrow(WrongReleaseError);
  });
});

describe("fast-forward", () => {
  it("of versions and time ends when root names new keys", async () => {
    const repository = new TestRepository();
    // A thief of the online keys has pushed everything to the end of numbers.
    const thief = repository.roles;
    const far = Number.MAX_SAFE_INTEGER;
    const honest = new Map(repository.files);
    const stolen = signFreshness(
      {
        roles: { targets: { version: 1, bytes: repository.files.get("1.targets.json")! } },
        snapshotVersion: far,
        timestampVersion: far,
        nowMs: repository.nowMs + 300 * 365 * DAY_MS,
        snapshotSigners: thief.snapshot.keys,
        timestampSigners: thief.timestamp.keys,
      },
      DEPS,
    );
    repository.files.set(`${far}.snapshot.json`, stolen.snapshot);
    repository.files.set("timestamp.json", stolen.timestamp);
    let stored = pinned(repository);
    const persist = async (next: TrustState) => {
      stored = next;
    };
    await refresh(stored, repository.deps({ persist })).catch(() => {});
    expect(stored.timeMs).toBeGreaterThan(repository.nowMs);

    for (const [file, bytes] of honest) repository.files.set(file, bytes);
    await expect(refresh(stored, repository.deps())).rejects.toThrow();
    const before = repository.roles.root.keys;
    repository.roles = { ...repository.roles, timestamp: testKeys(1, 1), snapshot: testKeys(1, 1) };
    repository.publishRoot(before);
    repository.publish();
    const recovered = await refresh(stored, repository.deps());
    expect(recovered.timeMs).toBe(repository.nowMs);
    expect(recovered.targets).toEqual(repository.files.get("2.targets.json"));
  });
});

describe("versions that jump ahead", () => {
  it("after a restore from a backup are taken: only going back is an attack", async () => {
    const repository = new TestRepository();
    const state = await refresh(pinned(repository), repository.deps());
    repository.snapshotVersion += 1_800_000_000;
    repository.timestampVersion += 1_800_000_000;
    repository.targetsVersion += 50;
    repository.publish();
    const after = await refresh(state, repository.deps());
    expect(after.targets).toEqual(repository.files.get("52.targets.json"));
    await expect(refresh(after, { ...repository.deps() })).resolves.toEqual(after);
  });
});

describe("endless data", () => {
  it.each([
    ["2.root.json", TRUST_LIMITS.rootMaxBytes],
    ["timestamp.json", TRUST_LIMITS.timestampMaxBytes],
  ])("in %s is cut at its limit", async (file, maxBytes) => {
    const repository = new TestRepository();
    let allowed = 0;
    const deps = repository.deps({
      fetch: async (name, max) => {
        if (name !== file) return repository.files.get(name) ?? null;
        allowed = max;
        return new Uint8Array(max + 1);
      },
    });
    await expect(refresh(pinned(repository), deps)).rejects.toThrow(MetadataTooLargeError);
    expect(allowed).toBe(maxBytes);
  });

  it("in snapshot and targets is cut at the length that was signed for them", async () => {
    const repository = new TestRepository();
    const asked: Record<string, number> = {};
    const deps = repository.deps({
      fetch: async (name, max) => {
        asked[name] = max;
        return repository.files.get(name) ?? null;
      },
    });
    await refresh(pinned(repository), deps);
    expect(asked["1.snapshot.json"]).toBe(repository.files.get("1.snapshot.json")!.length);
    expect(asked["1.targets.json"]).toBe(repository.files.get("1.targets.json")!.length);
  });

  it("as an endless chain of roots ends after a bounded walk", async () => {
    const repository = new TestRepository();
    for (let i = 0; i < 4; i++) repository.publishRoot();
    const limits = { ...TRUST_LIMITS, maxRootRotations: 2 };
    let last = pinned(repository);
    const persist = async (next: TrustState) => {
      last = next;
    };
    await refresh(last, repository.deps({ limits, persist }));
    expect(last.root).toEqual(repository.files.get("3.root.json"));
  });
});

describe("slow retrieval", () => {
  it("leaves the state as it was when fetch gives up, and the next try goes on", async () => {
    const repository = new TestRepository();
    const state = await refresh(pinned(repository), repository.deps());
    repository.publish();
    const slow = new Error("below 64 B/s for 30 s");
    const deps = repository.deps({
      fetch: async (file) => {
        if (file.endsWith("targets.json")) throw slow;
        return repository.files.get(file) ?? null;
      },
    });
    await expect(refresh(state, deps)).rejects.toBe(slow);
    const after = await refresh(state, repository.deps());
    expect(after.targets).toEqual(repository.files.get("2.targets.json"));
  });
});

describe("compromise of single keys", () => {
  it("below the threshold signs nothing", async () => {
    const repository = new TestRepository();
    const state = pinned(repository);
    const [stolen] = repository.roles.targets.keys;
    const evil = buildTargets({
      version: 2,
      expiresMs: repository.nowMs + DAY_MS,
      targets: { "reader/6.6.6/manifest.json": targetFor(exampleManifest({ version: "6.6.6" })) },
    });
    // One key signs, and signs again under the name of the others.
    const [, second] = repository.roles.targets.keys;
    const asOther = { ...stolen!, keyId: second!.keyId };
    const bytes = addSignatures(signRole(evil, [stolen!]), [asOther]);
    repository.files.set("2.targets.json", bytes);
    repository.targetsVersion = 2;
    repository.publishFreshness(bytes);
    await expect(refresh(state, repository.deps())).rejects.toThrow(SignatureThresholdError);
  });

  it("does not count one public key twice under two ids", async () => {
    const repository = new TestRepository();
    const [key] = repository.roles.targets.keys;
    const twin = { ...key!, keyId: "f".repeat(64) };
    repository.roles.targets = { keys: [key!, twin], threshold: 2 };
    const before = repository.roles.root.keys;
    const state = pinned(repository);
    repository.publishRoot(before);
    repository.publish();
    await expect(refresh(state, repository.deps())).rejects.toThrow(SignatureThresholdError);
  });

  it("of a root key can't make a new root", async () => {
    const repository = new TestRepository();
    const state = await refresh(pinned(repository), repository.deps());
    const stolen = repository.roles.root.keys[0]!;
    repository.roles.root = { keys: [stolen, generateKey()], threshold: 2 };
    repository.publishRoot([stolen]);
    await expect(refresh(state, repository.deps())).rejects.toThrow(SignatureThresholdError);
  });

  it("ends with a rotation: what the old targets keys sign counts no more", async () => {
    const repository = new TestRepository();
    const state = await refresh(pinned(repository), repository.deps());
    const thief = repository.roles.targets;
    const before = repository.roles.root.keys;
    repository.roles.targets = testKeys(2, 2);
    repository.publishRoot(before);
    repository.publish();
    const rotated = await refresh(state, repository.deps());
    repository.roles.targets = thief;
    repository.publish();
    await expect(refresh(rotated, repository.deps())).rejects.toThrow(SignatureThresholdError);
  });
});

describe("wrong hardware and replay", () => {
  it("of a release for other devices is refused", async () => {
    const repository = new TestRepository();
    const manifest = exampleManifest();
    const bytes = publishRelease(repository, manifest);
    const state = await refresh(pinned(repository), repository.deps());
    expect(() => judge(state, manifest, bytes, { hardware: "watch" })).toThrow(WrongHardwareError);
    expect(() => judge(state, manifest, bytes, { product: "another" })).toThrow(WrongReleaseError);
    const other = { hardware: "mcu", architectureHash: "0".repeat(64) };
    expect(() => judge(state, manifest, bytes, other)).toThrow(WrongArchitectureError);
  });
});

describe("a thief with the server's disk and keys, in offline mode", () => {
  it("gets no device to take an unsigned release, one below the floor, or one frozen beyond its expiry", async () => {
    const repository = new TestRepository();
    const old = exampleManifest({ version: "1.0.0", sequence: 1 });
    const oldBytes = publishRelease(repository, old);
    const current = exampleManifest({ version: "2.0.0", sequence: 2 });
    publishRelease(repository, current);
    repository.floors = { [old.name]: 2 };
    repository.publish();
    const device = await refresh(pinned(repository), repository.deps());
    const { snapshot, timestamp } = repository.roles;
    const onDisk = new Map(repository.files);

    // 1. An own release, under own targets, with the server's genuine freshness keys.
    const evil = exampleManifest({ version: "6.6.6", sequence: 666 });
    repository.roles.targets = testKeys(3, 2);
    publishRelease(repository, evil);
    await expect(refresh(device, repository.deps())).rejects.toThrow(SignatureThresholdError);

    // 2. Old genuine targets from the disk, from before the floor was raised.
    for (const [file, bytes] of onDisk) repository.files.set(file, bytes);
    const replay = signFreshness(
      {
        roles: { targets: { version: 2, bytes: onDisk.get("2.targets.json")! } },
        snapshotVersion: 1000,
        timestampVersion: 1000,
        nowMs: repository.nowMs,
        snapshotSigners: snapshot.keys,
        timestampSigners: timestamp.keys,
      },
      DEPS,
    );
    repository.files.set("1000.snapshot.json", replay.snapshot);
    repository.files.set("timestamp.json", replay.timestamp);
    await expect(refresh(device, repository.deps())).rejects.toThrow(MetadataRollbackError);
    expect(() => judge(device, old, oldBytes)).toThrow(BelowFloorError);

    // 3. A device fresh from the factory does take the older targets: only until they expire, and never less than signed.
    const fresh = await refresh(pinned(repository), repository.deps());
    expect(fresh.targets).toEqual(onDisk.get("2.targets.json"));
    expect(() => findTarget(fresh, targetPath(evil.name, evil.version), DEPS)).toThrow(TargetNotFoundError);
    const later = repository.nowMs + 91 * DAY_MS;
    await expect(refresh(fresh, repository.deps({ clockMs: later }))).rejects.toThrow(MetadataExpiredError);

    // 4. An own root.
    const forged = new TestRepository();
    forged.rootVersion = 1;
    forged.publishRoot();
    repository.files.set("2.root.json", forged.files.get("2.root.json")!);
    await expect(refresh(device, repository.deps())).rejects.toThrow(SignatureThresholdError);
  });
});

function refreshTimestampOnly(repository: TestRepository): void {
  repository.timestampVersion++;
  const snapshot = repository.files.get(`${repository.snapshotVersion}.snapshot.json`)!;
  const signed = buildTimestamp({
    version: repository.timestampVersion,
    expiresMs: repository.nowMs + DAY_MS,
    issuedMs: repository.nowMs,
    snapshot: { version: repository.snapshotVersion, length: snapshot.length },
  });
  repository.files.set("timestamp.json", signRole(signed, repository.roles.timestamp.keys));
}

function delegateTo(repository: TestRepository, name: string, paths: string[]): void {
  const key = generateKey();
  repository.delegations = {
    keys: {
      [key.keyId]: { keytype: "ed25519", scheme: "ed25519", keyval: { public: toHex(key.publicKey) } },
    },
    roles: [{ name, keyids: [key.keyId], threshold: 1, terminating: false, paths }],
  };
  const signed = buildTargets({ version: 1, expiresMs: repository.nowMs + 30 * DAY_MS, targets: {} });
  repository.delegated = { [name]: { version: 1, bytes: signRole(signed, [key]) } };
  repository.publish();
}
