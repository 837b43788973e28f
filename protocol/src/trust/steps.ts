import type { Static, TSchema } from "@sinclair/typebox";
import { toHex } from "../bytes.js";
import {
  MetadataExpiredError,
  MetadataFormatError,
  MetadataMismatchError,
  MetadataRollbackError,
} from "../errors.js";
import {
  type Delegations,
  type MetaFile,
  type RoleKeys,
  RootSigned,
  SnapshotSigned,
  TargetsSigned,
  TimestampSigned,
  TOP_LEVEL_ROLES,
  type TopLevelRole,
  type TufKey,
} from "./metadata.js";
import { checkThreshold, parseMetadata, type TrustDeps } from "./verify.js";

/** The client workflow's steps (TUF 1.0 section 5) as bytes -> verdict. refresh.ts puts them in order. */

/** Who may sign a role: the keys that its delegator names for it. */
export interface Delegation {
  readonly keys: Readonly<Record<string, TufKey>>;
  readonly role: RoleKeys;
}

export function topLevelDelegation(root: RootSigned, role: TopLevelRole): Delegation {
  return { keys: root.keys, role: root.roles[role] };
}

/** 5.3.4, 5.3.5: the next root must satisfy the thresholds of the one before and its own, and be its successor. */
export function verifyNextRoot(trusted: RootSigned, bytes: Uint8Array, deps: TrustDeps): RootSigned {
  const next = parseMetadata(bytes, RootSigned, "root");
  checkThreshold(next, trusted.keys, trusted.roles.root, "root (by the keys of the root before)", deps);
  checkThreshold(next, next.signed.keys, next.signed.roles.root, "root (by its own keys)", deps);
  if (next.signed.version !== trusted.version + 1) {
    throw new MetadataRollbackError({
      expected: `root version ${trusted.version + 1}`,
      got: `version ${next.signed.version}`,
      todo: "Root versions follow one another without a gap. Nothing of it was used.",
    });
  }
  return next.signed;
}

/** 5.3.11: who signs the role changed, so what was signed before may come from a thief and is forgotten. */
export function isRotated(before: RootSigned, after: RootSigned, role: TopLevelRole): boolean {
  return fingerprint(before, role) !== fingerprint(after, role);
}

function fingerprint(root: RootSigned, role: TopLevelRole): string {
  const { keyids, threshold } = root.roles[role];
  const publicKeys = keyids.map((id) => (Object.hasOwn(root.keys, id) ? root.keys[id]!.keyval.public : ""));
  return JSON.stringify([threshold, publicKeys.sort()]);
}

/** 5.4.2, 5.4.3. `trusted` is what the device held before, null at first or after a rotation. */
export function verifyTimestamp(
  root: RootSigned,
  trusted: TimestampSigned | null,
  bytes: Uint8Array,
  deps: TrustDeps,
): TimestampSigned {
  const next = verified(bytes, TimestampSigned, "timestamp", topLevelDelegation(root, "timestamp"), deps);
  if (trusted !== null) {
    checkNotOlder("timestamp", trusted.version, next.version);
    checkNotOlder(
      "snapshot (as the timestamp names it)",
      trusted.meta["snapshot.json"].version,
      next.meta["snapshot.json"].version,
    );
  }
  return next;
}

/** 5.5.2 to 5.5.5. `trusted` is the snapshot that the device held before. */
export function verifySnapshot(
  root: RootSigned,
  timestamp: TimestampSigned,
  trusted: SnapshotSigned | null,
  bytes: Uint8Array,
  deps: TrustDeps,
): SnapshotSigned {
  const meta = timestamp.meta["snapshot.json"];
  checkFile("snapshot", meta, bytes, deps);
  const next = verified(bytes, SnapshotSigned, "snapshot", topLevelDelegation(root, "snapshot"), deps);
  checkVersion("snapshot", meta, next.version);
  for (const [file, before] of Object.entries(trusted?.meta ?? {})) {
    if (!Object.hasOwn(next.meta, file)) {
      throw new MetadataRollbackError({
        expected: `a snapshot that still names "${file}"`,
        got: "none of that name",
        todo: "A role never disappears from a snapshot; nothing of it was used.",
      });
    }
    checkNotOlder(`"${file}" in the snapshot`, before.version, next.meta[file]!.version);
  }
  return next;
}

/** 5.6.2 to 5.6.4, for targets and for every delegated role. */
export function verifyTargets(
  name: string,
  by: Delegation,
  snapshot: SnapshotSigned,
  bytes: Uint8Array,
  deps: TrustDeps,
): TargetsSigned {
  const meta = snapshotEntry(snapshot, name);
  checkFile(name, meta, bytes, deps);
  const next = verified(bytes, TargetsSigned, name, by, deps);
  checkVersion(name, meta, next.version);
  checkDelegations(name, next.delegations);
  return next;
}

/** @throws MetadataMismatchError when the snapshot does not name the role. */
export function snapshotEntry(snapshot: SnapshotSigned, role: string): MetaFile {
  const file = `${role}.json`;
  if (!Object.hasOwn(snapshot.meta, file)) {
    throw new MetadataMismatchError({
      expected: `a snapshot that names "${file}"`,
      got: "none of that name",
      todo: "The repository is half-published; ask again later.",
    });
  }
  return snapshot.meta[file]!;
}

/** Freeze attack: what is past its expiry may be all that an attacker lets through. */
export function checkNotExpired(
  name: string,
  signed: { readonly expires: string; readonly version: number },
  nowMs: number,
): void {
  if (nowMs < Date.parse(signed.expires)) return;
  throw new MetadataExpiredError({
    expected: `${name} metadata that is valid at ${new Date(nowMs).toISOString()}`,
    got: `version ${signed.version}, which expired at ${signed.expires}`,
    todo: "What runs goes on running. Publish fresh metadata; if that has been done, something withholds it, or this clock is wrong.",
  });
}

function verified<S extends TSchema>(
  bytes: Uint8Array,
  schema: S,
  name: string,
  by: Delegation,
  deps: TrustDeps,
): Static<S> {
  const parsed = parseMetadata(bytes, schema, name);
  checkThreshold(parsed, by.keys, by.role, name, deps);
  return parsed.signed;
}

function checkFile(name: string, meta: MetaFile, bytes: Uint8Array, deps: TrustDeps): void {
  if (meta.length !== undefined && bytes.length !== meta.length) {
    throw mismatch(`${name} metadata of ${meta.length} bytes`, `${bytes.length} bytes`);
  }
  const sha256 = meta.hashes?.sha256;
  if (meta.hashes !== undefined && sha256 === undefined) {
    throw mismatch(`a SHA-256 of ${name} metadata`, `only ${Object.keys(meta.hashes).join(", ")}`);
  }
  if (sha256 !== undefined && toHex(deps.sha256(bytes)) !== sha256.toLowerCase()) {
    throw mismatch(`${name} metadata with SHA-256 ${sha256}`, toHex(deps.sha256(bytes)));
  }
}

function checkVersion(name: string, meta: MetaFile, version: number): void {
  if (version !== meta.version)
    throw mismatch(`${name} metadata of version ${meta.version}`, `version ${version}`);
}

function mismatch(expected: string, got: string): MetadataMismatchError {
  return new MetadataMismatchError({
    expected,
    got,
    todo: "Files of different publications came together; nothing of it was used. Ask again later.",
  });
}

function checkNotOlder(name: string, before: number, after: number): void {
  if (after >= before) return;
  throw new MetadataRollbackError({
    expected: `${name} of version ${before} or newer`,
    got: `version ${after}`,
    todo: "Somebody serves old metadata. After a restore from backup, publish with a version beyond the last one.",
  });
}

/** What the schema can't say: names that would shadow a top-level role, and the two ways to name paths. */
function checkDelegations(name: string, delegations: Delegations | undefined): void {
  const fault = delegationFault(delegations);
  if (fault === null) return;
  throw new MetadataFormatError({
    expected: `${name} metadata with delegations as TUF 1.0 writes them`,
    got: fault,
    todo: "Nothing of it was used. Correct the delegations and sign again.",
  });
}

function delegationFault(delegations: Delegations | undefined): string | null {
  if (delegations === undefined) return null;
  const { roles, succinct_roles: succinct } = delegations;
  if ((roles === undefined) === (succinct === undefined)) {
    return roles === undefined ? "neither roles nor succinct_roles" : "both roles and succinct_roles";
  }
  const seen = new Set<string>(TOP_LEVEL_ROLES);
  for (const role of roles ?? []) {
    if (seen.has(role.name)) return `the role name "${role.name}" twice or reserved`;
    seen.add(role.name);
    if ((role.paths === undefined) === (role.path_hash_prefixes === undefined)) {
      return `role "${role.name}" without exactly one of paths and path_hash_prefixes`;
    }
  }
  return null;
}
