import type { MetaFile } from "./metadata.js";
import { buildSnapshot, buildTimestamp, metaFileOf, type Signer, signRole } from "./sign.js";
import type { TrustDeps } from "./verify.js";

/** How long what the server signs stands. Hours, not months: a freeze by a thief of the server ends with them. */
export const FRESHNESS_LIFETIMES_MS = { snapshot: 7 * 86_400_000, timestamp: 86_400_000 } as const;

export interface FreshnessRequest {
  /** Targets and delegated roles as published, by role name. */
  readonly roles: Readonly<Record<string, { readonly version: number; readonly bytes: Uint8Array }>>;
  readonly snapshotVersion: number;
  readonly timestampVersion: number;
  readonly nowMs: number;
  readonly snapshotSigners: readonly Signer[];
  readonly timestampSigners: readonly Signer[];
  readonly lifetimesMs?: { readonly snapshot: number; readonly timestamp: number };
}

/** What a server signs by itself in both modes: which files belong together, and that they are fresh. */
export function signFreshness(
  request: FreshnessRequest,
  deps: Pick<TrustDeps, "sha256">,
): { snapshot: Uint8Array; timestamp: Uint8Array } {
  const { nowMs, lifetimesMs = FRESHNESS_LIFETIMES_MS } = request;
  const meta: [string, MetaFile][] = Object.entries(request.roles).map(([role, { version, bytes }]) => [
    `${role}.json`,
    metaFileOf(version, bytes, deps),
  ]);
  const snapshot = signRole(
    buildSnapshot({
      version: request.snapshotVersion,
      expiresMs: nowMs + lifetimesMs.snapshot,
      meta: Object.fromEntries(meta),
    }),
    request.snapshotSigners,
  );
  const timestamp = signTimestamp(
    { ...request, version: request.timestampVersion, snapshotVersion: request.snapshotVersion, snapshot },
    deps,
  );
  return { snapshot, timestamp };
}

/** Only the timestamp again, for an unchanged snapshot: the server's heartbeat. */
export function signTimestamp(
  request: {
    readonly version: number;
    readonly snapshotVersion: number;
    readonly snapshot: Uint8Array;
    readonly nowMs: number;
    readonly timestampSigners: readonly Signer[];
    readonly lifetimesMs?: { readonly timestamp: number };
  },
  deps: Pick<TrustDeps, "sha256">,
): Uint8Array {
  const { nowMs, lifetimesMs = FRESHNESS_LIFETIMES_MS } = request;
  return signRole(
    buildTimestamp({
      version: request.version,
      expiresMs: nowMs + lifetimesMs.timestamp,
      issuedMs: nowMs,
      snapshot: metaFileOf(request.snapshotVersion, request.snapshot, deps),
    }),
    request.timestampSigners,
  );
}
