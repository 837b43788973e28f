import { MetadataMissingError, signFreshness, signTimestamp } from "@mote/protocol";
import { nodeSha256, nodeVerify, type ServerKeys } from "@mote/protocol/node";
import type { TrustFile } from "../store/trustFiles.js";
import type { Published } from "./published.js";

const DEPS = { sha256: nodeSha256, verify: nodeVerify };

/**
 * Versions are seconds since 1970 (or the successor, where that is greater): after a restore from a backup they lie
 * beyond what any device has seen, so devices go on.
 */
export function nextVersion(before: TrustFile | null, nowMs: number): number {
  return Math.max((before?.version ?? 0) + 1, Math.floor(nowMs / 1000));
}

/** Says which files belong together, and that they are fresh: the server's own two roles over people's. */
export function signSnapshot(
  next: Published,
  keys: ServerKeys,
  nowMs: number,
): { snapshot: TrustFile; timestamp: TrustFile } {
  const { targets } = next;
  if (targets === null) throw new MetadataMissingError({ expected: "targets", got: "none", todo: "" });
  const snapshotVersion = nextVersion(next.snapshot, nowMs);
  const timestampVersion = nextVersion(next.timestamp, nowMs);
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
      nowMs,
      snapshotSigners: [keys.snapshot],
      timestampSigners: [keys.timestamp],
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
    timestamp: timestampFile(timestampVersion, signed.timestamp),
  };
}

/** The same snapshot, said to be fresh again. */
export function signTimestampOnly(
  { snapshot, timestamp }: Published,
  keys: ServerKeys,
  nowMs: number,
): TrustFile {
  if (snapshot === null) throw new MetadataMissingError({ expected: "a snapshot", got: "none", todo: "" });
  const version = nextVersion(timestamp, nowMs);
  const body = signTimestamp(
    {
      version,
      snapshotVersion: snapshot.version,
      snapshot: snapshot.body,
      nowMs,
      timestampSigners: [keys.timestamp],
    },
    DEPS,
  );
  return timestampFile(version, body);
}

function timestampFile(version: number, body: Uint8Array): TrustFile {
  return { file: "timestamp.json", role: "timestamp", version, body };
}
