import {
  BelowFloorError,
  buildTargets,
  ed25519Key,
  FRESHNESS_LIFETIMES_MS,
  keyId as keyIdOf,
  MetadataMismatchError,
  MetadataMissingError,
  parseMetadata,
  pinRoot,
  RootSigned,
  refresh,
  signFreshness,
  signRole,
  signTimestamp,
  type TargetFile,
  TargetNotFoundError,
  TargetsSigned,
  type TrustAnswer,
  type TrustKeysAnswer,
  toHex,
  validSigners,
  verifyNextRoot,
} from "@mote/protocol";
import { nodeSha256, nodeVerify, SERVER_ROLE, type ServerKeys } from "@mote/protocol/node";
import type { Clock } from "../clock.js";
import { ConfigError, ConflictError, NotFoundError, PreconditionError } from "../errors.js";
import type { Events } from "../events.js";
import type { Log } from "../log.js";
import type { ReleaseRecord } from "../store/releases.js";
import { deleteSetting, getSetting } from "../store/settings.js";
import type { Store } from "../store/store.js";
import {
  findNewest,
  findTrustFile,
  listNewestVersions,
  listTrustRoles,
  putTrustFiles,
  type TrustFile,
} from "../store/trustFiles.js";
import { EMPTY_VIEW, type TrustView, viewOf, warningsOf } from "./view.js";

const DEPS = { sha256: nodeSha256, verify: nodeVerify };

/** Set in a store that was restored from a backup, until its first server has signed beyond it. */
export const RESTORED_SETTING = "restored-at-ms";

export const REPOSITORY_LIMITS = {
  /** A device without a clock takes its time from the timestamp: it must not be stale for long. */
  timestampMaxAgeMs: 3_600_000,
  /** Releases that the server signs stand this long; it signs them again at half time. */
  serverTargetsLifetimeMs: 90 * 86_400_000,
} as const;

export interface RepositoryParts {
  readonly store: Store;
  readonly keys: ServerKeys;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: Events;
}

interface Published {
  readonly root: TrustFile;
  readonly targets: TrustFile | null;
  readonly delegated: Readonly<Record<string, TrustFile>>;
  readonly snapshot: TrustFile | null;
  readonly timestamp: TrustFile | null;
}

/**
 * The TUF repository that devices read. Whatever is to be published is first put through a device's own refresh, from
 * the first root on: what a device would refuse is never stored.
 */
export class TrustRepository {
  private readonly parts: RepositoryParts;
  private published: Published | null = null;
  private current: TrustView = EMPTY_VIEW;
  private queue: Promise<unknown> = Promise.resolve();
  /** Versions that were last taken over from another server. */
  private stamp = "";

  private constructor(parts: RepositoryParts) {
    this.parts = parts;
  }

  static async open(parts: RepositoryParts): Promise<TrustRepository> {
    const repository = new TrustRepository(parts);
    await repository.reload();
    await repository.jumpAhead().catch((error) => parts.log.error("trust-after-restore", error));
    await repository.heartbeat();
    return repository;
  }

  /**
   * After a restore the devices have seen versions that this store has not: everything that this server signs is signed
   * anew, beyond them.
   */
  private async jumpAhead(): Promise<void> {
    if ((await this.parts.store.read((db) => getSetting(db, RESTORED_SETTING))) === null) return;
    await this.exclusive(async () => {
      const { published } = this;
      if (published !== null && published.targets !== null) {
        const held = published.delegated[SERVER_ROLE];
        if (this.parts.keys.targets !== null && held !== undefined) {
          await this.publishTargets(this.buildServerRole(this.serverTargets(), this.nextVersion(held)));
        } else {
          await this.publish({ ...published, ...this.signSnapshot(published) }, []);
        }
      }
      await this.parts.store.write((db) => deleteSetting(db, RESTORED_SETTING));
      this.parts.log.info("trust", { restored: true });
    });
  }

  view(): TrustView {
    return this.current;
  }

  /** A metadata file for a device; null when there is none of that name. */
  async file(name: string): Promise<Uint8Array | null> {
    if (this.published !== null) {
      const { timestamp, snapshot } = this.published;
      if (timestamp?.file === name) return timestamp.body;
      if (snapshot?.file === name) return snapshot.body;
    }
    return this.parts.store.read((db) => findTrustFile(db, name));
  }

  describe(): TrustAnswer {
    const warnings = warningsOf(this.current, this.parts.clock());
    if (this.published === null) warnings.push("No root is stored: devices can't verify anything yet.");
    else if (this.published.targets === null)
      warnings.push("No targets are stored: no release can be offered.");
    return {
      mode: this.published === null ? "none" : this.parts.keys.targets === null ? "offline" : "server",
      roles: [...this.current.roles],
      floors: this.current.floors,
      warnings,
    };
  }

  publicKeys(): TrustKeysAnswer {
    const { snapshot, timestamp, targets } = this.parts.keys;
    const view = (publicKey: Uint8Array) => ({
      keyId: keyIdOf(ed25519Key(publicKey), nodeSha256),
      publicKey: toHex(publicKey),
    });
    return {
      snapshot: view(snapshot.publicKey),
      timestamp: view(timestamp.publicKey),
      targets: targets === null ? null : view(targets.publicKey),
    };
  }

  /** Who stands behind this release; null when no published role names exactly this manifest. */
  signerOf(release: Pick<ReleaseRecord, "target" | "manifestSha256">): "offline" | "server" | null {
    const target = this.current.targets.get(release.target);
    if (target === undefined || target.sha256 !== release.manifestSha256) return null;
    return target.role === SERVER_ROLE ? "server" : "offline";
  }

  isRetired(release: Pick<ReleaseRecord, "product" | "sequence">): boolean {
    return release.sequence < (this.current.floors[release.product] ?? 0);
  }

  /**
   * Servers of one store sign with the same keys.
   *
   * @throws ConfigError where the published root names others than this server's.
   */
  checkKeys(): void {
    if (this.published === null) return;
    const { roles } = parseMetadata(this.published.root.body, RootSigned, "root").signed;
    const own = this.publicKeys();
    for (const role of ["snapshot", "timestamp"] as const) {
      if (roles[role].keyids.includes(own[role].keyId)) continue;
      throw new ConfigError({
        expected: `the ${role} key that the published root names: ${roles[role].keyids.join(", ")}`,
        got: own[role].keyId,
        todo: "Give every server of this database the same --server-keys folder.",
      });
    }
  }

  /** Throws TargetNotFoundError or BelowFloorError where devices would refuse the release. */
  checkOfferable(release: ReleaseRecord): void {
    if (this.signerOf(release) === null) {
      throw new TargetNotFoundError({
        expected: `signed targets metadata that names ${release.target}`,
        got: "none with this manifest's digest",
        todo: "Sign the release with `mote sign` and publish the metadata, or let the server sign it in server mode.",
      });
    }
    if (this.isRetired(release)) {
      throw new BelowFloorError({
        expected: `a release at or above the signed floor ${this.current.floors[release.product]}`,
        got: `sequence ${release.sequence}`,
        todo: "It was retired for good; sign a newer release.",
      });
    }
  }

  /**
   * Takes a root, targets or delegated role from an operator. Storing the same bytes again is no error.
   *
   * @throws TrustError with the reason for which a device would refuse it; ConflictError for other bytes of a version
   *   that is published; PreconditionError when the order is wrong or root doesn't name this server's keys.
   */
  putMetadata(name: string, body: Uint8Array): Promise<TrustFile> {
    return this.exclusive(async () => {
      const match = /^(\d{1,15})\.([A-Za-z0-9][A-Za-z0-9._-]{0,63})\.json$/.exec(name);
      const role = match?.[2];
      if (match === null || role === undefined || role === "snapshot" || role === "timestamp") {
        throw new PreconditionError({
          expected: "N.root.json, N.targets.json or N.<delegated role>.json",
          got: JSON.stringify(name.slice(0, 80)),
          todo: "The server signs snapshot and timestamp itself.",
        });
      }
      const file: TrustFile = { file: name, role, version: Number(match[1]), body };
      const stored = await this.parts.store.read((db) => findTrustFile(db, name));
      if (stored !== null) {
        if (Buffer.compare(stored, body) === 0) return file;
        throw new ConflictError({
          expected: `the bytes of ${name} that are published`,
          got: "others",
          todo: "A published version never changes: sign with the next version number.",
        });
      }
      await (role === "root" ? this.publishRoot(file) : this.publishTargets(file));
      this.parts.log.info("trust", { file: name });
      this.parts.events.emit({ type: "trust", atMs: this.parts.clock(), text: name });
      return file;
    });
  }

  /** Server mode: names an uploaded release in the delegated role and signs it. Throws PreconditionError elsewhere. */
  signRelease(release: ReleaseRecord): Promise<{ role: string; version: number }> {
    return this.exclusive(async () => {
      if (this.signerOf(release) !== null) {
        const version =
          this.published?.delegated[SERVER_ROLE]?.version ?? this.published?.targets?.version ?? 1;
        return { role: this.current.targets.get(release.target)!.role, version };
      }
      const { manifest } = release;
      const target: TargetFile = {
        length: release.manifestLength,
        hashes: { sha256: release.manifestSha256 },
        custom: {
          name: manifest.name,
          version: manifest.version,
          sequence: manifest.sequence,
          hardware: [...new Set(manifest.variants.flatMap((variant) => variant.hardware))].sort(),
          architectureHashes: [...new Set(manifest.variants.map((v) => v.architectureHash))].sort(),
        },
      };
      const file = this.buildServerRole({ ...this.serverTargets(), [release.target]: target });
      await this.publishTargets(file);
      this.parts.log.info("trust", { file: file.file, signed: release.target });
      this.parts.events.emit({ type: "trust", atMs: this.parts.clock(), text: file.file });
      return { role: SERVER_ROLE, version: file.version };
    });
  }

  /** Signs freshness again where it grows old. Called by a timer and at start. */
  heartbeat(): Promise<void> {
    return this.exclusive(async () => {
      const published = this.published;
      if (published?.targets === undefined || published.targets === null) return;
      const nowMs = this.parts.clock();
      const remaining = (role: string) =>
        (this.current.roles.find((one) => one.role === role)?.expiresMs ?? 0) - nowMs;
      if (
        this.parts.keys.targets !== null &&
        published.delegated[SERVER_ROLE] !== undefined &&
        remaining(SERVER_ROLE) < REPOSITORY_LIMITS.serverTargetsLifetimeMs / 2
      ) {
        await this.publishTargets(this.buildServerRole(this.serverTargets()));
      } else if (published.snapshot === null || remaining("snapshot") < FRESHNESS_LIFETIMES_MS.snapshot / 2) {
        await this.publish({ ...published, ...this.signSnapshot(published) }, []);
      } else if (
        remaining("timestamp") <
        FRESHNESS_LIFETIMES_MS.timestamp - REPOSITORY_LIMITS.timestampMaxAgeMs
      ) {
        await this.publish({ ...published, timestamp: this.signTimestampOnly(published) }, []);
      }
    });
  }

  /** Takes over what another server has published; for a server that doesn't lead. */
  async follow(): Promise<void> {
    await this.inTurn(() => this.refreshPublished());
  }

  /** Alone among all servers of the store, on what is published now. */
  private exclusive<T>(work: () => Promise<T>): Promise<T> {
    const { peers } = this.parts.store;
    return this.inTurn(() =>
      peers.exclusively("trust", async () => {
        if (peers.isShared) await this.refreshPublished();
        return work();
      }),
    );
  }

  private async refreshPublished(): Promise<void> {
    const newest = await this.parts.store.read(listNewestVersions);
    const stamp = JSON.stringify(newest);
    if (stamp === this.stamp) return;
    await this.reload();
    this.stamp = stamp;
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work);
    this.queue = result.catch(() => undefined);
    return result;
  }

  private async publishRoot(file: TrustFile): Promise<void> {
    const root = parseMetadata(file.body, RootSigned, "root").signed;
    if (root.version !== file.version) throw versionMismatch(file, root.version);
    const own = this.publicKeys();
    for (const role of ["snapshot", "timestamp"] as const) {
      if (!root.roles[role].keyids.includes(own[role].keyId) || root.roles[role].threshold !== 1) {
        throw new PreconditionError({
          expected: `a root that lets this server's key ${own[role].keyId} sign ${role} alone`,
          got: `key ids ${root.roles[role].keyids.join(", ")} with threshold ${root.roles[role].threshold}`,
          todo: "Make the root with this server's public keys (`mote keys init` with the server's key folder).",
        });
      }
    }
    if (this.published !== null && file.version !== this.published.root.version + 1) {
      throw new PreconditionError({
        expected: `root version ${this.published.root.version + 1}`,
        got: `version ${file.version}`,
        todo: "Publish the roots in order.",
      });
    }
    const next: Published = {
      ...(this.published ?? { targets: null, delegated: {}, snapshot: null, timestamp: null }),
      root: file,
    };
    if (this.published !== null) {
      verifyNextRoot(parseMetadata(this.published.root.body, RootSigned, "root").signed, file.body, DEPS);
    }
    const signed = next.targets === null ? next : { ...next, ...this.signSnapshot(next) };
    await this.publish(signed, [file]);
  }

  private async publishTargets(file: TrustFile): Promise<void> {
    const { published } = this;
    if (published === null) {
      throw new PreconditionError({
        expected: "a stored root before any other role",
        got: "none",
        todo: "Publish 1.root.json first.",
      });
    }
    if (file.role !== "targets" && published.targets === null) {
      throw new PreconditionError({
        expected: `stored targets metadata that delegates to "${file.role}"`,
        got: "none",
        todo: "Publish targets first.",
      });
    }
    const signed = parseMetadata(file.body, TargetsSigned, file.role).signed;
    if (signed.version !== file.version) throw versionMismatch(file, signed.version);
    const before = file.role === "targets" ? published.targets : published.delegated[file.role];
    if (before && file.version <= before.version) {
      throw new ConflictError({
        expected: `${file.role} metadata beyond version ${before.version}`,
        got: `version ${file.version}`,
        todo: "Sign it again with a higher version.",
      });
    }
    const next: Published =
      file.role === "targets"
        ? { ...published, targets: file }
        : { ...published, delegated: { ...published.delegated, [file.role]: file } };
    await this.publish({ ...next, ...this.signSnapshot(next) }, [file], Object.keys(signed.targets)[0]);
  }

  /** Rehearses a device's refresh on what is to be published, then stores it all in one transaction. */
  private async publish(next: Published, files: readonly TrustFile[], path?: string): Promise<void> {
    if (this.isSignedUnder(next)) await this.rehearse(next, files, path);
    else if (next.targets !== null)
      this.parts.log.warn("trust", { targetsAwaitSignatures: next.targets.file });
    const fresh = [...files];
    if (next.snapshot !== null && next.snapshot !== this.published?.snapshot) fresh.push(next.snapshot);
    if (next.timestamp !== null && next.timestamp !== this.published?.timestamp) fresh.push(next.timestamp);
    await this.parts.store.write((db) => putTrustFiles(db, fresh, this.parts.clock()));
    this.published = next;
    this.current = viewOf(bodiesOf(next));
  }

  /**
   * False after a root took away keys that the targets were signed with. It is published all the same: from then on no
   * device believes those keys, and the ones that have it wait for targets by the new keys.
   */
  private isSignedUnder({ root, targets }: Published): boolean {
    if (targets === null) return false;
    const { keys, roles } = parseMetadata(root.body, RootSigned, "root").signed;
    const parsed = parseMetadata(targets.body, TargetsSigned, "targets");
    return (
      targets !== this.published?.targets ||
      validSigners(parsed, keys, roles.targets, DEPS).size >= roles.targets.threshold
    );
  }

  private async rehearse(next: Published, files: readonly TrustFile[], path?: string): Promise<void> {
    const nowMs = this.parts.clock();
    const pending = new Map<string, Uint8Array>();
    for (const file of [...files, next.snapshot, next.timestamp]) {
      if (file !== null) pending.set(file.file, file.body);
    }
    const fetch = async (name: string) =>
      pending.get(name) ?? (await this.parts.store.read((db) => findTrustFile(db, name)));
    const state = await refresh(pinRoot(next.root.body), {
      ...DEPS,
      fetch,
      persist: async () => {},
      clockMs: nowMs,
      ...(path === undefined ? {} : { path }),
    });
    for (const { role, body } of files) {
      if (role === "root" || role === "targets") continue;
      const taken = state.delegated[role];
      if (taken === undefined || Buffer.compare(taken, body) !== 0) {
        throw new MetadataMismatchError({
          expected: `targets metadata that delegates to "${role}"`,
          got: "no delegation by which a device would read it",
          todo: "Sign targets with a delegation to that role first.",
        });
      }
    }
    // The chain from the root before: a device that holds it must accept the new one.
    if (this.published !== null && next.root !== this.published.root) {
      await refresh(pinRoot(this.published.root.body), {
        ...DEPS,
        fetch,
        persist: async () => {},
        clockMs: nowMs,
      });
    }
  }

  private buildServerRole(
    targets: Readonly<Record<string, TargetFile>>,
    version = (this.published?.delegated[SERVER_ROLE]?.version ?? 0) + 1,
  ): TrustFile {
    const { targets: key } = this.parts.keys;
    if (key === null) {
      throw new PreconditionError({
        expected: "a server that holds a delegated targets key (server mode)",
        got: "offline mode",
        todo: "Sign the release with `mote sign` where the targets keys are, and publish the metadata.",
      });
    }
    const signed = buildTargets({
      version,
      expiresMs: this.parts.clock() + REPOSITORY_LIMITS.serverTargetsLifetimeMs,
      targets,
    });
    return {
      file: `${version}.${SERVER_ROLE}.json`,
      role: SERVER_ROLE,
      version,
      body: signRole(signed, [key]),
    };
  }

  private serverTargets(): Record<string, TargetFile> {
    const held = this.published?.delegated[SERVER_ROLE];
    // What a key signed that was taken away (stolen, perhaps) is not carried over: each release is signed anew.
    return held === undefined || !isVouchedFor(this.published, held)
      ? {}
      : parseMetadata(held.body, TargetsSigned, SERVER_ROLE).signed.targets;
  }

  /**
   * Versions are seconds since 1970 (or the successor, where that is greater): after a restore from a backup they lie
   * beyond what any device has seen, so devices go on.
   */
  private nextVersion(before: TrustFile | null): number {
    return Math.max((before?.version ?? 0) + 1, Math.floor(this.parts.clock() / 1000));
  }

  private signSnapshot(next: Published): { snapshot: TrustFile; timestamp: TrustFile } {
    const { targets } = next;
    if (targets === null) throw new MetadataMissingError({ expected: "targets", got: "none", todo: "" });
    const snapshotVersion = this.nextVersion(next.snapshot);
    const timestampVersion = this.nextVersion(next.timestamp);
    const delegated = Object.entries(next.delegated).map(
      ([role, { version, body }]) => [role, { version, bytes: body }] as const,
    );
    const signed = signFreshness(
      {
        roles: {
          targets: { version: targets.version, bytes: targets.body },
          ...Object.fromEntries(delegated),
        },
        snapshotVersion,
        timestampVersion,
        nowMs: this.parts.clock(),
        snapshotSigners: [this.parts.keys.snapshot],
        timestampSigners: [this.parts.keys.timestamp],
      },
      DEPS,
    );
    return {
      snapshot: {
        file: `${snapshotVersion}.snapshot.json`,
        role: "snapshot",
        version: snapshotVersion,
        body: signed.snapshot,
      },
      timestamp: {
        file: "timestamp.json",
        role: "timestamp",
        version: timestampVersion,
        body: signed.timestamp,
      },
    };
  }

  private signTimestampOnly(published: Published): TrustFile {
    const version = this.nextVersion(published.timestamp);
    const body = signTimestamp(
      {
        version,
        snapshotVersion: published.snapshot!.version,
        snapshot: published.snapshot!.body,
        nowMs: this.parts.clock(),
        timestampSigners: [this.parts.keys.timestamp],
      },
      DEPS,
    );
    return { file: "timestamp.json", role: "timestamp", version, body };
  }

  private async reload(): Promise<void> {
    await this.parts.store.read(async (db) => {
      const root = await findNewest(db, "root");
      if (root === null) return;
      const delegated: Record<string, TrustFile> = {};
      for (const role of await listTrustRoles(db)) {
        if (["root", "targets", "snapshot", "timestamp"].includes(role)) continue;
        const newest = await findNewest(db, role);
        if (newest !== null) delegated[role] = newest;
      }
      this.published = {
        root,
        targets: await findNewest(db, "targets"),
        delegated,
        snapshot: await findNewest(db, "snapshot"),
        timestamp: await findNewest(db, "timestamp"),
      };
      this.current = viewOf(bodiesOf(this.published));
    });
  }
}

/** Do today's targets still name the keys that signed this delegated role? Devices ask the same. */
function isVouchedFor(published: Published | null, { role, body }: TrustFile): boolean {
  if (published === null || published.targets === null) return false;
  const { delegations } = parseMetadata(published.targets.body, TargetsSigned, "targets").signed;
  const delegated = delegations?.roles?.find(({ name }) => name === role);
  if (delegations === undefined || delegated === undefined) return false;
  const parsed = parseMetadata(body, TargetsSigned, role);
  return validSigners(parsed, delegations.keys, delegated, DEPS).size >= delegated.threshold;
}

/** What devices believe: a delegated role that nobody vouches for any more names no release. */
function bodiesOf(published: Published) {
  const believed = Object.entries(published.delegated).filter(([, file]) => isVouchedFor(published, file));
  return {
    root: published.root.body,
    targets: published.targets?.body ?? null,
    delegated: Object.fromEntries(believed.map(([role, file]) => [role, file.body])),
    snapshot: published.snapshot?.body ?? null,
    timestamp: published.timestamp?.body ?? null,
  };
}

function versionMismatch(file: TrustFile, version: number): MetadataMismatchError {
  return new MetadataMismatchError({
    expected: `version ${file.version}, as the name ${file.file} says`,
    got: `version ${version}`,
    todo: "Name the file after the version inside of it.",
  });
}

/** For a caller that asks for metadata by a name that isn't there. */
export function metadataNotFound(name: string): NotFoundError {
  return new NotFoundError({
    expected: "the name of a published metadata file",
    got: JSON.stringify(name.slice(0, 80)),
    todo: "Start with timestamp.json.",
  });
}
