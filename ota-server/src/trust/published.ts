import { judgeExpiry, parseMetadata, RootSigned, TargetsSigned, validSigners } from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import type { Db } from "../store/store.js";
import { findNewest, listTrustRoles, type TrustFile } from "../store/trustFiles.js";
import type { PublishedRoles } from "./view.js";

const DEPS = { sha256: nodeSha256, verify: nodeVerify };
const TOP_LEVEL = ["root", "targets", "snapshot", "timestamp"];

/** What devices are given now: the newest file of each role. */
export interface Published {
  readonly root: TrustFile;
  readonly targets: TrustFile | null;
  readonly delegated: Readonly<Record<string, TrustFile>>;
  readonly snapshot: TrustFile | null;
  readonly timestamp: TrustFile | null;
}

/** Null before the first root. */
export async function loadPublished(db: Db): Promise<Published | null> {
  const root = await findNewest(db, "root");
  if (root === null) return null;
  const delegated: Record<string, TrustFile> = {};
  for (const role of await listTrustRoles(db)) {
    if (TOP_LEVEL.includes(role)) continue;
    const newest = await findNewest(db, role);
    if (newest !== null) delegated[role] = newest;
  }
  return {
    root,
    targets: await findNewest(db, "targets"),
    delegated,
    snapshot: await findNewest(db, "snapshot"),
    timestamp: await findNewest(db, "timestamp"),
  };
}

/** Do today's targets still name the keys that signed this delegated role? Devices ask the same. */
export function isVouchedFor(published: Published | null, { role, body }: TrustFile): boolean {
  if (published === null || published.targets === null) return false;
  const { delegations } = parseMetadata(published.targets.body, TargetsSigned, "targets").signed;
  const delegated = delegations?.roles?.find(({ name }) => name === role);
  if (delegations === undefined || delegated === undefined) return false;
  const parsed = parseMetadata(body, TargetsSigned, role);
  return validSigners(parsed, delegations.keys, delegated, DEPS).size >= delegated.threshold;
}

/** What devices believe: a delegated role that nobody vouches for any more names no release. */
export function bodiesOf(published: Published): PublishedRoles {
  const believed = Object.entries(published.delegated).filter(([, file]) => isVouchedFor(published, file));
  return {
    root: published.root.body,
    targets: published.targets?.body ?? null,
    delegated: Object.fromEntries(believed.map(([role, file]) => [role, file.body])),
    snapshot: published.snapshot?.body ?? null,
    timestamp: published.timestamp?.body ?? null,
  };
}

/**
 * Can a device go through to the targets? Not after a root took away keys that they were signed with, nor when those that
 * stand have expired. What is new is published all the same: such devices wait for targets that are signed anew, which
 * can come only under that root.
 */
export function canReachTargets(
  { root, targets }: Published,
  before: Published | null,
  nowMs: number,
): boolean {
  if (targets === null) return false;
  if (targets !== before?.targets) return true;
  const { keys, roles } = parseMetadata(root.body, RootSigned, "root").signed;
  const parsed = parseMetadata(targets.body, TargetsSigned, "targets");
  return (
    judgeExpiry(Date.parse(parsed.signed.expires), nowMs) !== "expired" &&
    validSigners(parsed, keys, roles.targets, DEPS).size >= roles.targets.threshold
  );
}
