import {
  buildRoot,
  buildTargets,
  type Delegations,
  ed25519Key,
  type Signer,
  signRole,
  type TufKey,
} from "@mote/protocol";
import { SERVER_ROLE, SERVER_ROLE_PATHS } from "@mote/protocol/node";

const DAY_MS = 86_400_000;

/** How long what people sign stands before somebody must sign again. Days. */
export const LIFETIMES_DAYS = { root: 365, targets: 90, server: 90 } as const;

/** Whom a role trusts: public keys, and how many of them must sign. */
export interface RoleMembers {
  readonly publicKeys: readonly PublicKey[];
  readonly threshold: number;
}

export interface PublicKey {
  readonly keyId: string;
  readonly publicKey: Uint8Array;
  /** Whose it is, where a key file said so. */
  readonly label?: string;
}

export interface FirstMetadata {
  readonly root: Uint8Array;
  readonly targets: Uint8Array;
  /** First, empty metadata of the delegated role; null in offline mode. */
  readonly server: Uint8Array | null;
}

/** The first root, the first (empty) targets and, in server mode, the delegation to the key that the server holds. */
export function firstMetadata(request: {
  readonly roles: Readonly<Record<"root" | "targets" | "snapshot" | "timestamp", RoleMembers>>;
  /** Server mode: the delegated key; only its owner can sign its first metadata. */
  readonly server: PublicKey | null;
  readonly serverSigner: Signer | null;
  readonly rootSigners: readonly Signer[];
  readonly targetsSigners: readonly Signer[];
  readonly nowMs: number;
  readonly rootDays: number;
  readonly targetsDays: number;
}): FirstMetadata {
  const { roles, nowMs, server, serverSigner } = request;
  const keys: Record<string, TufKey> = {};
  for (const { publicKeys } of Object.values(roles)) {
    for (const { keyId, publicKey } of publicKeys) keys[keyId] = ed25519Key(publicKey);
  }
  const ids = ({ publicKeys, threshold }: RoleMembers) => ({
    keyids: publicKeys.map(({ keyId }) => keyId),
    threshold,
  });
  const root = buildRoot({
    version: 1,
    expiresMs: nowMs + request.rootDays * DAY_MS,
    keys,
    roles: {
      root: ids(roles.root),
      targets: ids(roles.targets),
      snapshot: ids(roles.snapshot),
      timestamp: ids(roles.timestamp),
    },
  });
  const targets = buildTargets({
    version: 1,
    expiresMs: nowMs + request.targetsDays * DAY_MS,
    targets: {},
    ...(server === null ? {} : { delegations: delegationTo(server) }),
  });
  const delegated = buildTargets({
    version: 1,
    expiresMs: nowMs + LIFETIMES_DAYS.server * DAY_MS,
    targets: {},
  });
  return {
    root: signRole(root, request.rootSigners),
    targets: signRole(targets, request.targetsSigners),
    server: serverSigner === null ? null : signRole(delegated, [serverSigner]),
  };
}

/** Server mode: one key, no threshold, manifests only. Floors stay with the people who hold the top-level key. */
export function delegationTo({ keyId, publicKey }: PublicKey): Delegations {
  return {
    keys: { [keyId]: ed25519Key(publicKey) },
    roles: [
      { name: SERVER_ROLE, keyids: [keyId], threshold: 1, terminating: false, paths: [...SERVER_ROLE_PATHS] },
    ],
  };
}
