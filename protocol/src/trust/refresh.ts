import { MetadataMissingError, MetadataTooLargeError, TrustError } from "../errors.js";
import { visitRoles } from "./delegations.js";
import { TRUST_LIMITS, type TrustLimits } from "./limits.js";
import {
  FLOORS_MEMBER,
  type Floors,
  RootSigned,
  SnapshotSigned,
  type TargetsSigned,
  type TimestampSigned,
} from "./metadata.js";
import type { TrustState } from "./state.js";
import {
  checkNotExpired,
  type Delegation,
  isRotated,
  snapshotEntry,
  topLevelDelegation,
  verifyNextRoot,
  verifySnapshot,
  verifyTargets,
  verifyTimestamp,
} from "./steps.js";
import { checkThreshold, parseMetadata, type TrustDeps } from "./verify.js";

export interface RefreshDeps extends TrustDeps {
  /**
   * A metadata file by name ("timestamp.json", "3.targets.json"), null when the repository has none. Must stop reading
   * beyond `maxBytes` and give up on a link slower than its own floor (slow retrieval).
   */
  fetch(file: string, maxBytes: number): Promise<Uint8Array | null>;
  /** Durable before it resolves. Nothing that is in `state` counts before. */
  persist(state: TrustState): Promise<void>;
  /** The device's clock, ms since 1970; null where it has none worth the name. Signed time still counts then. */
  readonly clockMs: number | null;
  readonly limits?: TrustLimits;
  /**
   * Loads only the delegated roles that may speak for this target path; a fault of any is an error. Without it all
   * delegated roles are loaded, and one that can't be trusted is left out: a product's lapsed role must not keep the
   * others from their updates (findTarget then says which role is missing). Null loads top-level roles only.
   */
  readonly path?: string | null;
}

/**
 * Brings the state to the repository's newest metadata: roots one by one, timestamp, snapshot, targets, delegated
 * roles. Each step is persisted before the next begins, so a cut at any moment loses nothing. On an error the state
 * last persisted stands, and the device goes on with what it runs.
 *
 * @throws TrustError, one subclass per cause; whatever `fetch` and `persist` throw passes through.
 */
export async function refresh(state: TrustState, deps: RefreshDeps): Promise<TrustState> {
  const session = new Session(state, deps);
  await session.updateRoot();
  await session.updateTimestamp();
  await session.updateSnapshot();
  await session.updateTargets();
  return session.state;
}

/** Trusted time: never earlier than the greatest signed time, so that turning a clock back revives nothing. */
export function trustedNowMs(state: TrustState, clockMs: number | null): number {
  return Math.max(state.timeMs, clockMs ?? 0);
}

/** One refresh: the state as persisted last, beside its parsed form. */
class Session {
  private root: RootSigned;
  private timestamp: TimestampSigned | null = null;
  private snapshot: SnapshotSigned | null = null;
  private readonly limits: TrustLimits;

  constructor(
    public state: TrustState,
    private readonly deps: RefreshDeps,
  ) {
    this.limits = deps.limits ?? TRUST_LIMITS;
    this.root = parseMetadata(state.root, RootSigned, "root").signed;
  }

  /** 5.3 */
  async updateRoot(): Promise<void> {
    // A draft of a root that somebody pinned by mistake would trust keys on which nobody has agreed.
    const held = parseMetadata(this.state.root, RootSigned, "root");
    checkThreshold(held, held.signed.keys, held.signed.roles.root, "root (by its own keys)", this.deps);
    for (let walked = 0; walked < this.limits.maxRootRotations; walked++) {
      const bytes = await this.fetchOrNull(`${this.root.version + 1}.root.json`, this.limits.rootMaxBytes);
      if (bytes === null) break;
      const next = verifyNextRoot(this.root, bytes, this.deps);
      // Fast-forward: a thief may have pushed versions and time so far ahead that honest ones look old.
      const isTimeLost = isRotated(this.root, next, "timestamp");
      const forgotten =
        isTimeLost || isRotated(this.root, next, "snapshot") ? { timestamp: null, snapshot: null } : {};
      this.root = next;
      await this.persist({ root: bytes, ...forgotten, ...(isTimeLost ? { timeMs: 0 } : {}) });
    }
    this.checkNotExpired("root", this.root);
  }

  /** 5.4 */
  async updateTimestamp(): Promise<void> {
    const held = this.heldTimestamp();
    const bytes = await this.fetch("timestamp.json", this.limits.timestampMaxBytes);
    const offered = verifyTimestamp(this.root, held, bytes, this.deps);
    const isNewer = held === null || offered.version > held.version;
    this.timestamp = isNewer ? offered : held;
    const timeMs = Math.max(this.state.timeMs, signedTimeMs(this.timestamp));
    checkNotExpired("timestamp", this.timestamp, Math.max(timeMs, this.deps.clockMs ?? 0));
    if (isNewer) await this.persist({ timestamp: bytes, timeMs });
    // Once more, for a device whose only clock is the time just learnt.
    this.checkNotExpired("root", this.root);
  }

  /** 5.5 */
  async updateSnapshot(): Promise<void> {
    const timestamp = this.timestamp!;
    const { state, deps } = this;
    this.snapshot = orNull(state.snapshot, (bytes) =>
      verifySnapshot(this.root, timestamp, null, bytes, deps),
    );
    if (this.snapshot === null) {
      const meta = timestamp.meta["snapshot.json"];
      const maxBytes = Math.min(meta.length ?? Number.POSITIVE_INFINITY, this.limits.snapshotMaxBytes);
      const bytes = await this.fetch(this.fileName("snapshot", meta.version), maxBytes);
      const offered = verifySnapshot(this.root, timestamp, this.heldSnapshot(), bytes, deps);
      this.checkNotExpired("snapshot", offered);
      this.snapshot = offered;
      const named = Object.entries(state.delegated).filter(([role]) =>
        Object.hasOwn(offered.meta, `${role}.json`),
      );
      await this.persist({ snapshot: bytes, delegated: Object.fromEntries(named) });
    }
    this.checkNotExpired("snapshot", this.snapshot);
  }

  /** 5.6 */
  async updateTargets(): Promise<void> {
    const { path: wanted } = this.deps;
    const path = wanted ?? null;
    const walk = visitRoles(this.root, path, this.limits.maxDelegations, this.deps.sha256);
    for (let step = walk.next(); !step.done; ) {
      const { name, by } = step.value;
      const targets = await this.loadTargets(name, by, path === null && name !== "targets");
      if (wanted === null) return;
      if (path !== null && targets !== null && Object.hasOwn(targets.targets, path)) return;
      step = walk.next(targets);
    }
  }

  private async loadTargets(name: string, by: Delegation, mayFail: boolean): Promise<TargetsSigned | null> {
    try {
      return await this.updateRole(name, by);
    } catch (error) {
      if (mayFail && error instanceof TrustError) return null;
      throw error;
    }
  }

  /** Takes the held metadata of a role where the snapshot and the *current* delegator still stand behind it. */
  private async updateRole(name: string, by: Delegation): Promise<TargetsSigned> {
    const snapshot = this.snapshot!;
    const held = name === "targets" ? this.state.targets : heldRole(this.state, name);
    const trusted = orNull(held, (bytes) => verifyTargets(name, by, snapshot, bytes, this.deps));
    if (trusted !== null) {
      this.checkNotExpired(name, trusted);
      return trusted;
    }
    const meta = snapshotEntry(snapshot, name);
    const maxBytes = Math.min(meta.length ?? Number.POSITIVE_INFINITY, this.limits.targetsMaxBytes);
    const bytes = await this.fetch(this.fileName(name, meta.version), maxBytes);
    const offered = verifyTargets(name, by, snapshot, bytes, this.deps);
    this.checkNotExpired(name, offered);
    if (name === "targets") {
      await this.persist({
        targets: bytes,
        floors: raisedFloors(this.state.floors, offered[FLOORS_MEMBER] ?? {}),
      });
    } else {
      await this.persist({ delegated: { ...this.state.delegated, [name]: bytes } });
    }
    return offered;
  }

  /** What was held counts against a rollback only while the current root stands behind who signed it. */
  private heldTimestamp(): TimestampSigned | null {
    return orNull(this.state.timestamp, (bytes) => verifyTimestamp(this.root, null, bytes, this.deps));
  }

  private heldSnapshot(): SnapshotSigned | null {
    return orNull(this.state.snapshot, (bytes) => {
      const held = parseMetadata(bytes, SnapshotSigned, "snapshot");
      const by = topLevelDelegation(this.root, "snapshot");
      checkThreshold(held, by.keys, by.role, "snapshot", this.deps);
      return held.signed;
    });
  }

  private fileName(role: string, version: number): string {
    const file = `${encodeURIComponent(role)}.json`;
    return (this.root.consistent_snapshot ?? true) ? `${version}.${file}` : file;
  }

  private async fetch(file: string, maxBytes: number): Promise<Uint8Array> {
    const bytes = await this.fetchOrNull(file, maxBytes);
    if (bytes !== null) return bytes;
    throw new MetadataMissingError({
      expected: `the repository to have ${file}`,
      got: "none",
      todo: "Publish it, or check the server's address.",
    });
  }

  private async fetchOrNull(file: string, maxBytes: number): Promise<Uint8Array | null> {
    const bytes = await this.deps.fetch(file, maxBytes);
    if (bytes === null || bytes.length <= maxBytes) return bytes;
    throw new MetadataTooLargeError({
      expected: `${file} of at most ${maxBytes} bytes`,
      got: `${bytes.length} bytes or more`,
      todo: "Nothing of it was used; whoever serves it may be hostile.",
    });
  }

  private checkNotExpired(name: string, signed: { expires: string; version: number }): void {
    checkNotExpired(name, signed, trustedNowMs(this.state, this.deps.clockMs));
  }

  private async persist(change: Partial<TrustState>): Promise<void> {
    const next = { ...this.state, ...change };
    await this.deps.persist(next);
    this.state = next;
  }
}

function signedTimeMs(timestamp: TimestampSigned): number {
  return timestamp.issued === undefined ? 0 : Date.parse(timestamp.issued);
}

function raisedFloors(held: Floors, offered: Floors): Floors {
  const raised: Floors = { ...held };
  for (const [product, floor] of Object.entries(offered)) {
    raised[product] = Math.max(floor, raised[product] ?? 0);
  }
  return raised;
}

export function heldRole(state: TrustState, name: string): Uint8Array | null {
  return Object.hasOwn(state.delegated, name) ? state.delegated[name]! : null;
}

/** Held metadata that no longer verifies is no fault: newer will be fetched. */
function orNull<T>(bytes: Uint8Array | null, verify: (bytes: Uint8Array) => T): T | null {
  if (bytes === null) return null;
  try {
    return verify(bytes);
  } catch (error) {
    if (error instanceof TrustError) return null;
    throw error;
  }
}
