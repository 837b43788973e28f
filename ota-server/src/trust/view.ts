import type { TrustRole } from "@mote/protocol";
import {
  FLOORS_MEMBER,
  type Floors,
  judgeExpiry,
  parseMetadata,
  type RoleKeys,
  RootSigned,
  SnapshotSigned,
  TargetsSigned,
  TimestampSigned,
} from "@mote/protocol";
import type { Static } from "@sinclair/typebox";

/** What the published metadata say, for whoever wants to know without parsing. */
export interface TrustView {
  /** By TUF target path: digest of the manifest and the role that names it. */
  readonly targets: ReadonlyMap<string, { readonly sha256: string; readonly role: string }>;
  readonly floors: Floors;
  readonly roles: readonly Static<typeof TrustRole>[];
}

export const EMPTY_VIEW: TrustView = { targets: new Map(), floors: {}, roles: [] };

/** Newest bytes of each role. */
export interface PublishedRoles {
  readonly root: Uint8Array;
  readonly targets: Uint8Array | null;
  readonly delegated: Readonly<Record<string, Uint8Array>>;
  readonly snapshot: Uint8Array | null;
  readonly timestamp: Uint8Array | null;
}

export function viewOf(published: PublishedRoles): TrustView {
  const root = parseMetadata(published.root, RootSigned, "root").signed;
  const roles: Static<typeof TrustRole>[] = [];
  const add = (role: string, signed: { version: number; expires: string }, keys: RoleKeys) =>
    roles.push({
      role,
      version: signed.version,
      expiresMs: Date.parse(signed.expires),
      threshold: keys.threshold,
      keyIds: keys.keyids,
    });
  add("root", root, root.roles.root);
  const targets = new Map<string, { sha256: string; role: string }>();
  const addTargets = (role: string, signed: TargetsSigned) => {
    for (const [path, file] of Object.entries(signed.targets)) {
      // The delegator comes before whom it delegates to.
      if (!targets.has(path)) targets.set(path, { sha256: file.hashes["sha256"] ?? "", role });
    }
  };
  let floors: Floors = {};
  if (published.targets !== null) {
    const top = parseMetadata(published.targets, TargetsSigned, "targets").signed;
    floors = top[FLOORS_MEMBER] ?? {};
    add("targets", top, root.roles.targets);
    addTargets("targets", top);
    for (const delegated of top.delegations?.roles ?? []) {
      const bytes = published.delegated[delegated.name];
      if (bytes === undefined) continue;
      const signed = parseMetadata(bytes, TargetsSigned, delegated.name).signed;
      add(delegated.name, signed, delegated);
      addTargets(delegated.name, signed);
    }
  }
  if (published.snapshot !== null) {
    add(
      "snapshot",
      parseMetadata(published.snapshot, SnapshotSigned, "snapshot").signed,
      root.roles.snapshot,
    );
  }
  if (published.timestamp !== null) {
    const signed = parseMetadata(published.timestamp, TimestampSigned, "timestamp").signed;
    add("timestamp", signed, root.roles.timestamp);
  }
  return { targets, floors, roles };
}

/** Online roles are re-signed by the server; people must act on the others in time. */
const ONLINE = new Set(["snapshot", "timestamp"]);

export function warningsOf(view: TrustView, nowMs: number): string[] {
  return view.roles.flatMap((role) => {
    const verdict = judgeExpiry(role.expiresMs, nowMs);
    if (verdict === "expired") {
      return [`${role.role} metadata has expired: devices refuse new releases until it is signed again.`];
    }
    if (!ONLINE.has(role.role) && verdict === "soon") {
      const days = Math.floor((role.expiresMs - nowMs) / 86_400_000);
      return [`${role.role} metadata expires in ${days} days: have it signed again.`];
    }
    return [];
  });
}
