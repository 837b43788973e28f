import {
  addSignatures,
  buildRoot,
  ed25519Key,
  parseMetadata,
  RootSigned,
  type Signer,
  signRole,
  TOP_LEVEL_ROLES,
  type TopLevelRole,
  type TrustDeps,
  type TufKey,
  validSigners,
} from "@mote/protocol";
import { UsageError } from "../errors.js";
import type { PublicKey } from "./ceremony.js";
import type { Draft } from "./metadata-folder.js";

const DAY_MS = 86_400_000;
/** Characters of a key id that tell it from the few others of its role. */
const SHORTEST_KEY_ID = 4;

/** Who joins and who leaves a role. A role that is not named stays as it is. */
export interface RoleChange {
  readonly role: TopLevelRole;
  readonly add: readonly PublicKey[];
  /** Key ids, or the beginnings of them. */
  readonly remove: readonly string[];
  readonly threshold?: number;
}

/**
 * The root that follows, with new members and a new expiry. Without changes it is a renewal.
 *
 * @throws UsageError where a role would be left with fewer keys than its threshold
 */
export function nextRoot(
  current: RootSigned,
  changes: readonly RoleChange[],
  nowMs: number,
  days: number,
): RootSigned {
  const keys: Record<string, TufKey> = { ...current.keys };
  const roles = { ...current.roles };
  for (const change of changes) {
    const before = roles[change.role];
    const removed = change.remove.map((id) => keyOf(change.role, before.keyids, id));
    for (const { keyId, publicKey } of change.add) keys[keyId] = ed25519Key(publicKey);
    const kept = before.keyids.filter((id) => !removed.includes(id));
    const keyids = [...new Set([...kept, ...change.add.map(({ keyId }) => keyId)])];
    const threshold = change.threshold ?? before.threshold;
    if (keyids.length < threshold) {
      throw new UsageError({
        expected: `at least ${threshold} keys for ${change.role}`,
        got: `${keyids.length} after this change`,
        todo: "Add a key in the same step, or lower --threshold.",
      });
    }
    roles[change.role] = { keyids, threshold };
  }
  const named = new Set(Object.values(roles).flatMap(({ keyids }) => keyids));
  return buildRoot({
    version: current.version + 1,
    expiresMs: nowMs + days * DAY_MS,
    keys: Object.fromEntries(Object.entries(keys).filter(([id]) => named.has(id))),
    roles,
  });
}

/** The one key of the role whose id is this, or begins with it. */
function keyOf(role: TopLevelRole, keyIds: readonly string[], text: string): string {
  const beginning = text.replace(/…$/, "");
  const found = beginning.length < SHORTEST_KEY_ID ? [] : keyIds.filter((id) => id.startsWith(beginning));
  if (found.length === 1) return found[0]!;
  throw new UsageError({
    expected: `a key of ${role} to remove, by its id or at least ${SHORTEST_KEY_ID} characters from the beginning of it (${keyIds.join(", ")})`,
    got: found.length === 0 ? text : `${text}, with which ${found.length} of them begin`,
    todo: "`mote keys show` says whose key is which.",
  });
}

export interface SignedRoot {
  readonly bytes: Uint8Array;
  readonly version: number;
  /** By the root before, and by itself: both must reach their threshold. */
  readonly byOld: { readonly signatures: number; readonly threshold: number };
  readonly byNew: { readonly signatures: number; readonly threshold: number };
  readonly isComplete: boolean;
  /** What it says that the root before it did not: what the person signed, in words. */
  readonly changes: readonly string[];
}

/** Signs a new root, or adds signatures to the draft of one. */
export function signRoot(
  current: RootSigned,
  document: RootSigned | Draft,
  signers: readonly Signer[],
  deps: TrustDeps,
): SignedRoot {
  const bytes = "bytes" in document ? addSignatures(document.bytes, signers) : signRole(document, signers);
  const next = parseMetadata(bytes, RootSigned, "root");
  const count = (root: RootSigned) => ({
    signatures: validSigners(next, root.keys, root.roles.root, deps).size,
    threshold: root.roles.root.threshold,
  });
  const byOld = count(current);
  const byNew = count(next.signed);
  return {
    bytes,
    version: next.signed.version,
    byOld,
    byNew,
    isComplete: byOld.signatures >= byOld.threshold && byNew.signatures >= byNew.threshold,
    changes: describeChange(current, next.signed),
  };
}

function describeChange(before: RootSigned, after: RootSigned): string[] {
  const lines: string[] = [];
  for (const role of TOP_LEVEL_ROLES) {
    const [old, next] = [before.roles[role], after.roles[role]];
    for (const id of next.keyids) if (!old.keyids.includes(id)) lines.push(`adds to ${role}: ${id}`);
    for (const id of old.keyids) if (!next.keyids.includes(id)) lines.push(`removes from ${role}: ${id}`);
    if (next.threshold !== old.threshold) {
      lines.push(`asks ${next.threshold} signatures for ${role}, in the place of ${old.threshold}`);
    }
  }
  if (lines.length === 0) lines.push("changes nothing but the expiry");
  return [...lines, `expires ${after.expires}`];
}
