import {
  BelowFloorError,
  ed25519Key,
  FRESHNESS_LIFETIMES_MS,
  keyId as keyIdOf,
  type PublishLogAnswer,
  parseMetadata,
  RootSigned,
  type TargetFile,
  TargetNotFoundError,
  type TrustAnswer,
  type TrustKeysAnswer,
  toHex,
} from "@mote/protocol";
import { nodeSha256, SERVER_ROLE, type ServerKeys } from "@mote/protocol/node";
import type { Clock } from "../clock.js";
import { ConfigError, ConflictError, NotFoundError } from "../errors.js";
import type { Events } from "../events.js";
import type { Log } from "../log.js";
import { findEnvelope, putEnvelope } from "../store/envelopes.js";
import { appendPublishLog, publishLogHead, readPublishLog } from "../store/publishLog.js";
import type { ReleaseRecord } from "../store/releases.js";
import { deleteSetting, getSetting } from "../store/settings.js";
import type { Store } from "../store/store.js";
import { findTrustFile, listNewestVersions, putTrustFiles, type TrustFile } from "../store/trustFiles.js";
import { acceptRoot, acceptTargets, namedFile, noRoot } from "./accept.js";
import { checkEnvelope, ENVELOPE_NAME } from "./envelopes.js";
import { nextVersion, signSnapshot, signTimestampOnly } from "./freshness.js";
import { bodiesOf, canReachTargets, loadPublished, type Published } from "./published.js";
import { factsOf } from "./publishLog.js";
import { rehearse } from "./rehearse.js";
import { buildServerRole, SERVER_TARGETS_LIFETIME_MS, serverTargets, targetOf } from "./serverRole.js";
import { EMPTY_VIEW, type TrustView, viewOf, warningsOf } from "./view.js";

/** Set in a store that was restored from a backup, until its first server has signed beyond it. */
export const RESTORED_SETTING = "restored-at-ms";

export const REPOSITORY_LIMITS = {
  /** A device without a clock takes its time from the timestamp: it must not be stale for long. */
  timestampMaxAgeMs: 3_600_000,
} as const;

export interface RepositoryParts {
  readonly store: Store;
  readonly keys: ServerKeys;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: Events;
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
    // Where root or targets have expired nothing can be signed under them; what mends it is published on a running server.
    await repository.heartbeat().catch((error) => parts.log.error("trust-freshness", error));
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
          const version = nextVersion(held, this.parts.clock());
          await this.publishTargets(this.serverRole(serverTargets(published), version));
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

  /** A metadata file or envelope for a device; null when there is none of that name. */
  async file(name: string): Promise<Uint8Array | null> {
    if (ENVELOPE_NAME.test(name)) return this.parts.store.read((db) => findEnvelope(db, name));
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
    for (const { role } of this.strangeKeys()) {
      warnings.push(
        `The published root names another ${role} key than this server's: nothing can be published until a root that names it is, or the server has the right --server-keys folder.`,
      );
    }
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
    for (const { role, named, own } of this.strangeKeys()) {
      throw new ConfigError({
        expected: `the ${role} key that the published root names: ${named.join(", ")}`,
        got: own,
        todo: "Give every server of this database the same --server-keys folder.",
      });
    }
  }

  /** Keys of this server with which it can sign nothing that devices believe. */
  private strangeKeys(): { role: string; named: readonly string[]; own: string }[] {
    if (this.published === null) return [];
    const { roles } = parseMetadata(this.published.root.body, RootSigned, "root").signed;
    const keys = this.publicKeys();
    return (["snapshot", "timestamp"] as const)
      .map((role) => ({ role, named: roles[role].keyids, own: keys[role].keyId }))
      .filter(({ named, own }) => !named.includes(own));
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
      const file = namedFile(name, body);
      const stored = await this.parts.store.read((db) => findTrustFile(db, name));
      if (stored !== null) {
        if (Buffer.compare(stored, body) === 0) return file;
        throw new ConflictError({
          expected: `the bytes of ${name} that are published`,
          got: "others",
          todo: "A published version never changes: sign with the next version number.",
        });
      }
      await (file.role === "root" ? this.publishRoot(file) : this.publishTargets(file));
      this.parts.log.info("trust", { file: name });
      this.parts.events.emit({ type: "trust", atMs: this.parts.clock(), text: name });
      return file;
    });
  }

  /**
   * Takes a signed envelope for MCUs; more signatures on the same words replace it.
   *
   * @throws TrustError with the reason for which an MCU would refuse it; PreconditionError before the first root
   */
  putEnvelope(file: string, body: Uint8Array): Promise<void> {
    return this.exclusive(async () => {
      if (this.published === null) throw noRoot();
      checkEnvelope(file, body, this.published.root.body, this.current);
      const { store, clock, log, events } = this.parts;
      const nowMs = clock();
      const stored = await store.read((db) => findEnvelope(db, file));
      if (stored !== null && Buffer.compare(stored, body) === 0) return;
      await store.write(async (db) => {
        await putEnvelope(db, file, body, nowMs);
        await appendPublishLog(db, [{ name: file, sha256: toHex(nodeSha256(body)) }], nowMs, nodeSha256);
      });
      log.info("trust", { file });
      events.emit({ type: "trust", atMs: nowMs, text: file });
    });
  }

  /** Entries of the publish log from `from` on, at most `limit`, and its head. */
  async publishLog(from: number, limit: number): Promise<PublishLogAnswer> {
    return this.parts.store.read(async (db) => ({
      entries: await readPublishLog(db, from, limit),
      head: await publishLogHead(db),
    }));
  }

  /** Server mode: names an uploaded release in the delegated role and signs it. Throws PreconditionError elsewhere. */
  signRelease(release: ReleaseRecord): Promise<{ role: string; version: number }> {
    return this.exclusive(async () => {
      if (this.signerOf(release) !== null) {
        const version =
          this.published?.delegated[SERVER_ROLE]?.version ?? this.published?.targets?.version ?? 1;
        return { role: this.current.targets.get(release.target)!.role, version };
      }
      const file = this.serverRole({
        ...serverTargets(this.published),
        [release.target]: targetOf(release),
      });
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
        remaining(SERVER_ROLE) < SERVER_TARGETS_LIFETIME_MS / 2
      ) {
        await this.publishTargets(this.serverRole(serverTargets(published)));
      } else if (published.snapshot === null || remaining("snapshot") < FRESHNESS_LIFETIMES_MS.snapshot / 2) {
        await this.publish({ ...published, ...this.signSnapshot(published) }, []);
      } else if (
        remaining("timestamp") <
        FRESHNESS_LIFETIMES_MS.timestamp - REPOSITORY_LIMITS.timestampMaxAgeMs
      ) {
        await this.publish(
          { ...published, timestamp: signTimestampOnly(published, this.parts.keys, nowMs) },
          [],
        );
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
    const next = acceptRoot(file, this.published, this.publicKeys());
    await this.publish(next.targets === null ? next : { ...next, ...this.signSnapshot(next) }, [file]);
  }

  private async publishTargets(file: TrustFile): Promise<void> {
    const { next, path } = acceptTargets(file, this.published);
    await this.publish({ ...next, ...this.signSnapshot(next) }, [file], path);
  }

  /** Rehearses a device's refresh on what is to be published, then stores it all in one transaction, with its log. */
  private async publish(next: Published, files: readonly TrustFile[], path?: string): Promise<void> {
    const { store, clock, log } = this.parts;
    const before = this.published;
    if (canReachTargets(next, before, clock())) {
      const readStored = (name: string) => store.read((db) => findTrustFile(db, name));
      await rehearse({ next, before, files, path, readStored, nowMs: clock() });
    } else if (next.targets !== null) {
      log.warn("trust", { targetsAwaitSignatures: next.targets.file });
    }
    const fresh = [...files];
    if (next.snapshot !== null && next.snapshot !== before?.snapshot) fresh.push(next.snapshot);
    if (next.timestamp !== null && next.timestamp !== before?.timestamp) fresh.push(next.timestamp);
    const view = viewOf(bodiesOf(next));
    const facts = factsOf(fresh, this.current.targets, view.targets);
    await store.write(async (db) => {
      await putTrustFiles(db, fresh, clock());
      await appendPublishLog(db, facts, clock(), nodeSha256);
    });
    this.published = next;
    this.current = view;
  }

  private serverRole(
    targets: Readonly<Record<string, TargetFile>>,
    version = (this.published?.delegated[SERVER_ROLE]?.version ?? 0) + 1,
  ): TrustFile {
    const { keys, clock } = this.parts;
    return buildServerRole({ targets, version, keys, nowMs: clock() });
  }

  private signSnapshot(next: Published): { snapshot: TrustFile; timestamp: TrustFile } {
    return signSnapshot(next, this.parts.keys, this.parts.clock());
  }

  private async reload(): Promise<void> {
    await this.parts.store.read(async (db) => {
      const published = await loadPublished(db);
      if (published === null) return;
      this.published = published;
      this.current = viewOf(bodiesOf(published));
    });
  }
}

/** For a caller that asks for metadata by a name that isn't there. */
export function metadataNotFound(name: string): NotFoundError {
  return new NotFoundError({
    expected: "the name of a published metadata file",
    got: JSON.stringify(name.slice(0, 80)),
    todo: "Start with timestamp.json.",
  });
}
