import { signFreshness } from "../src/trust/freshness.js";
import type { Delegations, Floors, TargetFile, TufKey } from "../src/trust/metadata.js";
import type { RefreshDeps } from "../src/trust/refresh.js";
import { buildRoot, buildTargets, signRole } from "../src/trust/sign.js";
import { ed25519Key } from "../src/trust/verify.js";
import { nodeSha256, nodeVerify } from "./crypto.js";
import { generateKey, type SigningKey } from "./keys.js";

export interface TestRoleKeys {
  readonly keys: readonly SigningKey[];
  readonly threshold: number;
}

type Roles = Record<"root" | "timestamp" | "snapshot" | "targets", TestRoleKeys>;

const DAY_MS = 86_400_000;

/**
 * A TUF repository in memory with real keys and real signatures, for tests of whoever reads one. Its fields may be
 * changed between publications; `files` is what a server would serve.
 */
export class TestRepository {
  readonly files = new Map<string, Uint8Array>();
  nowMs = Date.parse("2026-06-01T00:00:00Z");
  roles: Roles = {
    root: testKeys(3, 2),
    timestamp: testKeys(1, 1),
    snapshot: testKeys(1, 1),
    targets: testKeys(3, 2),
  };
  targets: Record<string, TargetFile> = {};
  floors: Floors | undefined;
  delegations: Delegations | undefined;
  /** Delegated roles as signed bytes, with the version in them. */
  delegated: Record<string, { version: number; bytes: Uint8Array }> = {};
  rootVersion = 0;
  targetsVersion = 0;
  snapshotVersion = 0;
  timestampVersion = 0;

  constructor() {
    this.publishRoot();
    this.publish();
  }

  /** The next root, signed by the keys before (`by`) and its own. */
  publishRoot(by: readonly SigningKey[] = this.roles.root.keys): Uint8Array {
    this.rootVersion++;
    const keys: Record<string, TufKey> = {};
    for (const { keys: ofRole } of Object.values(this.roles)) {
      for (const key of ofRole) keys[key.keyId] = ed25519Key(key.publicKey);
    }
    const ids = ({ keys: ofRole, threshold }: TestRoleKeys) => ({
      keyids: ofRole.map((key) => key.keyId),
      threshold,
    });
    const { root, timestamp, snapshot, targets } = this.roles;
    const signed = buildRoot({
      version: this.rootVersion,
      expiresMs: this.nowMs + 365 * DAY_MS,
      keys,
      roles: { root: ids(root), timestamp: ids(timestamp), snapshot: ids(snapshot), targets: ids(targets) },
    });
    const bytes = signRole(signed, [...new Set([...by, ...root.keys])]);
    this.files.set(`${this.rootVersion}.root.json`, bytes);
    return bytes;
  }

  /** New targets, snapshot and timestamp. */
  publish(): void {
    this.targetsVersion++;
    const targets = signRole(
      buildTargets({
        version: this.targetsVersion,
        expiresMs: this.nowMs + 90 * DAY_MS,
        targets: this.targets,
        ...(this.floors === undefined ? {} : { floors: this.floors }),
        ...(this.delegations === undefined ? {} : { delegations: this.delegations }),
      }),
      this.roles.targets.keys,
    );
    this.files.set(`${this.targetsVersion}.targets.json`, targets);
    this.publishFreshness(targets);
  }

  publishFreshness(targets: Uint8Array = this.files.get(`${this.targetsVersion}.targets.json`)!): void {
    this.snapshotVersion++;
    this.timestampVersion++;
    for (const [role, { version, bytes }] of Object.entries(this.delegated)) {
      this.files.set(`${version}.${encodeURIComponent(role)}.json`, bytes);
    }
    const { snapshot, timestamp } = signFreshness(
      {
        roles: { targets: { version: this.targetsVersion, bytes: targets }, ...this.delegated },
        snapshotVersion: this.snapshotVersion,
        timestampVersion: this.timestampVersion,
        nowMs: this.nowMs,
        snapshotSigners: this.roles.snapshot.keys,
        timestampSigners: this.roles.timestamp.keys,
      },
      { sha256: nodeSha256 },
    );
    this.files.set(`${this.snapshotVersion}.snapshot.json`, snapshot);
    this.files.set("timestamp.json", timestamp);
  }

  /** What a device hands to `refresh`, with this repository's time as its clock. */
  deps(change: Partial<RefreshDeps> = {}): RefreshDeps {
    return {
      sha256: nodeSha256,
      verify: nodeVerify,
      fetch: async (file) => this.files.get(file) ?? null,
      persist: async () => {},
      clockMs: this.nowMs,
      ...change,
    };
  }
}

export function testKeys(count: number, threshold: number): TestRoleKeys {
  return { keys: Array.from({ length: count }, generateKey), threshold };
}
